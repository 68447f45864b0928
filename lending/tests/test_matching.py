from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lending.affordability import assess, largest_installment
from lending.matching import (
    ApplicantProfile,
    MatchingPolicy,
    ProductAmortization,
    ProductTerms,
    disbursement_day,
    loan_terms,
    match,
    price,
    publication_problems,
)
from lending.reasons import Reason
from lending.schedules import build_schedule

TODAY = date(2026, 11, 21)
SHOP = assess("enterprise", {
    "monthly_sales": Decimal(5800), "monthly_purchases": Decimal(3650), "business_expenses": Decimal(0),
    "household_expenses": Decimal(980), "other_installments": Decimal(285),
})  # fmt: skip
FARM = assess("farm", {
    "crop": "potato", "hectares": Decimal(2), "yield_kg_ha": Decimal(16000), "price_per_kg": Decimal("1.20"),
    "campaign_cost": Decimal(14000), "other_income": Decimal(900), "household_expenses": Decimal(1000),
    "other_installments": Decimal(0), "harvest_month": 5,
})  # fmt: skip
POLICY = MatchingPolicy(usury_cap=Decimal("1.1413"))


def product(product_id="negocio", **changes) -> ProductTerms:
    standard = {
        "product_id": product_id, "name": "Mi Negocio", "segment": "enterprise", "amount_min": Decimal(500),
        "amount_max": Decimal(20000), "term_min": 3, "term_max": 24, "tea_min": Decimal("0.30"),
        "tea_max": Decimal("0.85"), "insurance_monthly_rate": Decimal("0.00075"),
    }  # fmt: skip
    return ProductTerms(**{**standard, **changes})


def shopkeeper(**changes) -> ApplicantProfile:
    standard = {
        "segment": "enterprise", "amount": Decimal(3000), "term_months": 12, "on": TODAY, "affordability": SHOP,
        "score": 681, "pd": Decimal("0.041"), "region": "08", "age": 40, "sector": "commerce",
        "activity_months": 72, "creditors": 2,
    }  # fmt: skip
    return ApplicantProfile(**{**standard, **changes})


def farmer(**changes) -> ApplicantProfile:
    return shopkeeper(**{"segment": "farm", "affordability": FARM, "crop": "potato", "harvest_month": 5,
                         "amount": Decimal(6000), "term_months": 6, **changes})  # fmt: skip


def codes(answer):
    return [reason.code for reason in answer.reasons]


def one(profile, terms, policy=POLICY):
    [answer] = match(profile, [terms], policy)
    return answer


def test_an_offer_is_the_schedule_of_its_own_terms_to_the_cent():
    offer = one(shopkeeper(), product())
    terms = loan_terms(product(), amount=offer.amount, term_months=offer.term_months, tea=offer.tea,
                       disbursed_on=disbursement_day(product(), TODAY))  # fmt: skip
    schedule = build_schedule(terms)
    assert offer.eligible
    assert (offer.amount, offer.term_months, offer.rank) == (3000, 12, 1)
    assert offer.schedule == schedule
    assert (offer.installment, offer.total, offer.tcea, offer.received) == (
        schedule.installment, schedule.totals.total, schedule.tcea, schedule.totals.received,
    )  # fmt: skip
    assert schedule.rows[0].due_on == date(2026, 12, 23)
    assert codes(offer) == ["installment_share", "no_fee", "money_in_days"]
    assert offer.reasons[0].text == "La cuota usa 33 de cada 100 soles que te quedan libres."


class TestPrice:
    def test_the_formula_by_hand(self):
        """1.29 / (1 - 0.10 x 0.60) - 1 = 37.23 %."""
        assert price(Decimal("0.10"), product(), POLICY) == Decimal("0.3723")

    def test_stays_in_the_range_and_under_the_cap(self):
        assert price(Decimal(0), product(), POLICY) == Decimal("0.30")
        assert price(Decimal("0.9"), product(), POLICY) == Decimal("0.85")
        assert price(Decimal("0.9"), product(), replace(POLICY, usury_cap=Decimal("0.50"))) == Decimal("0.50")
        assert price(None, product(), POLICY) == Decimal("0.85")

    def test_no_price_without_a_cap(self):
        with pytest.raises(ValueError):
            price(Decimal("0.1"), product(), replace(POLICY, usury_cap=None))

    @given(st.decimals(0, 1, places=6), st.decimals(0, 1, places=6))
    def test_more_risk_never_costs_less(self, one_pd, other_pd):
        low, high = sorted([one_pd, other_pd])
        assert price(low, product(), POLICY) <= price(high, product(), POLICY)


class TestEligibility:
    @pytest.mark.parametrize(("code", "profile", "terms"), [
        ("other_segment", {}, {"segment": "farm"}),
        ("region_not_served", {}, {"regions": frozenset({"15"})}),
        ("sector_not_served", {}, {"sectors": frozenset({"food"})}),
        ("crop_not_served", {"crop": "rice"}, {"crops": frozenset({"potato"})}),
        ("amount_too_low", {}, {"amount_min": Decimal(5000)}),
        ("score_low", {}, {"score_min": 700}),
        ("age_below", {"age": 17}, {}),
        ("age_above", {"age": 75}, {}),
        ("activity_short", {"activity_months": 5}, {"activity_months_min": 6}),
        ("creditors_many", {"creditors": 5}, {"creditors_max": 4}),
    ])  # fmt: skip
    def test_each_rule_says_no_with_its_reason(self, code, profile, terms):
        answer = one(shopkeeper(**profile), product(**terms))
        assert not answer.eligible
        assert [reason.code for reason in answer.blocks] == [code]
        assert answer.blocks[0].text != code
        assert answer.amount is None is answer.schedule

    @pytest.mark.parametrize(("code", "profile", "terms"), [
        ("verify_region", {"region": None}, {"regions": frozenset({"15"})}),
        ("verify_sector", {"sector": None}, {"sectors": frozenset({"food"})}),
        ("verify_score", {"score": None, "pd": None}, {}),
        ("verify_age", {"age": None}, {}),
        ("verify_activity", {"activity_months": None}, {"activity_months_min": 6}),
        ("verify_creditors", {"creditors": None}, {"creditors_max": 4}),
    ])  # fmt: skip
    def test_what_was_not_answered_is_left_to_verify_not_refused(self, code, profile, terms):
        answer = one(shopkeeper(**profile), product(**terms))
        assert answer.eligible
        assert [reason.code for reason in answer.to_verify] == [code]

    def test_every_block_is_told_at_once(self):
        answer = one(shopkeeper(), product(regions=frozenset({"15"}), score_min=700))
        assert [reason.code for reason in answer.blocks] == ["region_not_served", "score_low"]
        assert answer.blocks[0].text == "Por ahora no atiende donde vives. Atiende en Lima."
        assert answer.blocks[1].advice == "Te faltan 19 puntos: mira qué puede subir tu puntaje."

    def test_the_legal_cap_blocks_when_missing_or_below_the_range(self):
        assert codes(one(shopkeeper(), product(), replace(POLICY, usury_cap=None))) == ["cap_missing"]
        assert codes(one(shopkeeper(), product(), replace(POLICY, usury_cap=Decimal("0.2")))) == ["rate_above_cap"]

    def test_age_shortens_the_term(self):
        offer = one(shopkeeper(age=74, term_months=24), product())
        assert offer.term_months == 12


class TestAmountAndTerm:
    def test_a_longer_term_comes_before_a_smaller_amount(self):
        offer = one(shopkeeper(amount=Decimal(6000)), product())
        room = largest_installment(SHOP, POLICY.capacity)
        day = disbursement_day(product(), TODAY)
        months = offer.term_months - 1
        shorter = build_schedule(
            loan_terms(product(), amount=Decimal(6000), term_months=months, tea=offer.tea, disbursed_on=day)
        )
        assert offer.amount == 6000
        assert offer.installment <= room < shorter.installment
        assert "longer_than_asked" in codes(offer)

    def test_the_largest_smaller_amount_at_the_longest_term(self):
        offer = one(shopkeeper(amount=Decimal(9000)), product())
        room = largest_installment(SHOP, POLICY.capacity)
        day = disbursement_day(product(), TODAY)
        more = build_schedule(
            loan_terms(product(), amount=offer.amount + 100, term_months=24, tea=offer.tea, disbursed_on=day)
        )
        assert offer.term_months == 24
        assert offer.installment <= room < more.installment
        assert offer.amount % 100 == 0
        assert "less_than_asked" in codes(offer)

    def test_the_products_maximum_is_told_as_such(self):
        offer = one(shopkeeper(), product(amount_max=Decimal(2500)))
        assert offer.amount == 2500
        assert "product_maximum" in codes(offer)
        assert "less_than_asked" not in codes(offer)

    def test_a_term_outside_the_range_moves_to_the_nearest(self):
        offer = one(shopkeeper(amount=Decimal(900), term_months=2), product())
        assert offer.term_months == 3
        assert "term_differs" in codes(offer)
        assert one(shopkeeper(term_months=36), product()).term_months == 24

    def test_a_term_stretched_beyond_the_nearest_says_so(self):
        offer = one(shopkeeper(term_months=2), product())
        assert offer.term_months > 3
        assert "longer_than_asked" in codes(offer)

    def test_nothing_left_and_not_enough_say_what_is_missing(self):
        poor = assess("enterprise", {"monthly_sales": Decimal(1000), "monthly_purchases": Decimal(400),
                                     "business_expenses": Decimal(0), "household_expenses": Decimal(700),
                                     "other_installments": Decimal(0)})  # fmt: skip
        assert codes(one(shopkeeper(affordability=poor), product())) == ["nothing_left", "not_affordable"]
        facts = {"monthly_sales": Decimal(1000), "monthly_purchases": Decimal(200), "business_expenses": Decimal(0),
                 "household_expenses": Decimal(650), "other_installments": Decimal(0)}  # fmt: skip
        tight = assess("enterprise", facts)
        answer = one(shopkeeper(affordability=tight), product(amount_min=Decimal(3000)))
        [reason] = answer.blocks
        assert reason.code == "not_affordable"
        facts, missing = {**facts, "other_income": Decimal(0)}, Decimal(reason.params["missing"])
        for more, enough in ((missing, True), (missing - 2, False)):
            table = assess("enterprise", facts | {"other_income": more})
            assert one(shopkeeper(affordability=table), product(amount_min=Decimal(3000))).eligible is enough

    def test_bad_months_alone_can_leave_nothing(self):
        thin = replace(SHOP, surplus_stressed=Decimal(-5))
        assert codes(one(shopkeeper(affordability=thin), product())) == ["nothing_left_in_bad_months", "not_affordable"]

    def test_an_unknown_income_is_not_refused_but_not_priced_either(self):
        answer = one(shopkeeper(affordability=assess("enterprise", {})), product())
        assert not answer.eligible
        assert answer.blocks == ()
        assert [reason.code for reason in answer.to_verify] == ["income_unknown"]


class TestFarms:
    harvest = product("campo", segment="farm", amortization=ProductAmortization.HARVEST, term_max=18)
    bullet = product("campaña", segment="farm", amortization=ProductAmortization.BULLET, term_max=12)

    def test_the_principal_falls_due_in_the_month_of_the_harvest(self):
        offer = one(farmer(), self.harvest)
        last = offer.schedule.rows[-1]
        assert (last.due_on.month, last.principal) == (5, 6000)
        assert {row.principal for row in offer.schedule.rows[:-1]} == {0}
        assert "after_harvest" in codes(offer)
        assert "until_harvest" not in codes(offer)  # six months, as asked
        assert "until_harvest" in codes(one(farmer(term_months=4), self.harvest))
        assert offer.reasons[0].code == "campaign_share"

    def test_one_payment_at_the_end(self):
        offer = one(farmer(), self.bullet)
        assert len(offer.schedule.rows) == 1
        assert offer.term_months == 6
        assert offer.total == offer.installment
        assert "single_payment" in codes(offer)

    def test_the_loan_stands_in_for_the_campaign_cost_but_not_beyond_it(self):
        """What the table already charges to the harvest need not be earned twice."""
        within = one(farmer(amount=Decimal(14000)), self.bullet)
        beyond = one(farmer(amount=Decimal(20000)), self.bullet)
        assert within.amount == 14000
        assert 14000 < beyond.amount < 20000
        assert 6 < beyond.term_months <= 12

    def test_a_harvest_out_of_reach_says_when_to_come_back(self):
        answer = one(farmer(harvest_month=12), replace(self.harvest, term_max=6))
        [reason] = answer.blocks
        assert reason.code == "harvest_out_of_term"
        assert reason.text == "Tu cosecha de diciembre queda fuera de sus plazos."

    def test_an_unknown_harvest_is_left_to_verify(self):
        answer = one(farmer(harvest_month=None), self.harvest)
        assert answer.eligible
        assert [reason.code for reason in answer.to_verify] == ["verify_harvest"]


class TestRanking:
    def test_the_cheapest_in_total_comes_first_and_smaller_amounts_last(self):
        """The fee costs more than the lower rate saves; the small loan costs least but is not what was asked."""
        plain = product("plain", tea_min=Decimal("0.369"))
        with_fee = product("fee", tea_min=Decimal("0.325"), fee_upfront=Decimal(90), disbursement_days=6)
        small = product("small", tea_min=Decimal("0.30"), amount_max=Decimal(2500), disbursement_days=1)
        elsewhere = product("elsewhere", regions=frozenset({"15"}))
        answers = match(shopkeeper(), [elsewhere, small, with_fee, plain], POLICY)
        assert [(answer.product_id, answer.rank) for answer in answers] == [
            ("plain", 1), ("fee", 2), ("small", 3), ("elsewhere", None),
        ]  # fmt: skip
        assert "cheapest" in codes(answers[0])
        assert Reason("fee", "bad", {"fee": Decimal(90), "received": Decimal("2910.00")}) in answers[1].reasons
        assert {"fastest", "lowest_installment", "product_maximum"} <= set(codes(answers[2]))

    def test_a_lone_offer_is_compared_with_nothing(self):
        assert not {"cheapest", "fastest", "highest_cost"} & set(codes(one(shopkeeper(), product())))

    def test_only_smaller_amounts_are_never_called_the_cheapest(self):
        first, *_rest = match(shopkeeper(amount=Decimal(9000)), [product("a"), product("b", term_max=18)], POLICY)
        assert "cheapest" not in codes(first)
        assert "lowest_cost" in codes(first)

    def test_the_order_given_does_not_matter(self):
        products = [product(f"p{number}", tea_min=Decimal(30 + number) / 100) for number in range(6)]
        forwards = [answer.product_id for answer in match(shopkeeper(), products, POLICY)]
        backwards = [answer.product_id for answer in match(shopkeeper(), products[::-1], POLICY)]
        assert forwards == backwards


def test_publication_needs_a_cap_at_or_above_the_highest_rate():
    assert publication_problems(product(), Decimal("0.85")) == []
    assert [reason.code for reason in publication_problems(product(), Decimal("0.84"))] == ["tea_above_cap"]
    assert [reason.code for reason in publication_problems(product(), None)] == ["cap_missing"]


def test_answers_are_stored_as_plain_json():
    answers = match(shopkeeper(), [product(), product("rice", segment="farm")], POLICY)
    stored = answers[0].as_json()
    assert stored["amount"] == "3000.00"
    assert stored["rank"] == 1
    assert Reason.from_json(stored["reasons"][0]).text == answers[0].reasons[0].text
    assert answers[1].as_json()["amount"] is None


@settings(deadline=None, max_examples=60)
@given(
    amount=st.integers(300, 30_000),
    months=st.integers(1, 40),
    pd=st.decimals(0, 1, places=4),
    surplus=st.integers(0, 3000),
    stressed=st.integers(-500, 2500),
    way=st.sampled_from(ProductAmortization),
    harvest=st.none() | st.integers(1, 12),
    cost=st.integers(0, 10_000),
)
def test_no_offer_ever_breaks_the_policy(amount, months, pd, surplus, stressed, way, harvest, cost):
    table = replace(FARM, surplus_verified=Decimal(surplus), surplus_stressed=Decimal(min(stressed, surplus)),
                    campaign_cost=Decimal(cost))  # fmt: skip
    profile = farmer(amount=Decimal(amount), term_months=months, pd=pd, affordability=table, harvest_month=harvest)
    terms = product(segment="farm", amortization=way)
    offer = one(profile, terms)
    if not offer.eligible:
        assert offer.blocks
        return
    room = largest_installment(table, POLICY.capacity)
    assert terms.amount_min <= offer.amount <= min(profile.amount, terms.amount_max)
    assert terms.term_min <= offer.term_months <= terms.term_max
    assert terms.tea_min <= offer.tea <= min(terms.tea_max, POLICY.usury_cap)
    if way is ProductAmortization.EQUAL_INSTALLMENTS:
        assert offer.installment <= room
    else:
        assert offer.total - min(offer.received, cost) <= room * offer.term_months
    if way is ProductAmortization.HARVEST and harvest:
        assert offer.schedule.rows[-1].due_on.month == harvest


def test_what_an_offer_returns_moves_it_ahead_only_inside_the_stated_bound():
    """A costs about 2 % more than B and returns more: a wider bound lets it go first, a narrower one does not."""
    dear = product("a-dear", tea_min=Decimal("0.41"), tea_max=Decimal("0.41"))
    cheap = product("b-cheap", tea_min=Decimal("0.40"), tea_max=Decimal("0.40"))
    asked = shopkeeper(pd=Decimal("0.01"))
    costs = {answer.product_id: answer.schedule.totals.cost for answer in match(asked, [dear, cheap], POLICY)}
    excess = costs["a-dear"] / costs["b-cheap"] - 1
    assert [answer.product_id for answer in match(asked, [dear, cheap], POLICY)] == ["b-cheap", "a-dear"]
    wide, narrow = (replace(POLICY, return_bound=bound) for bound in (excess * Decimal("1.1"), excess / 2))
    first, second = match(asked, [dear, cheap], wide)
    assert (first.product_id, first.rank) == ("a-dear", 1)
    assert "dearer_than_cheapest" in codes(first)
    assert "cheapest" in codes(second)
    assert "cheapest" not in codes(first)
    assert match(asked, [dear, cheap], narrow)[0].product_id == "b-cheap"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(3000, 9000), min_size=2, max_size=5, unique=True),
    st.integers(0, 500),
    st.integers(0, 3000),
)
def test_nothing_goes_before_an_offer_cheaper_by_more_than_the_bound(rates, bound, pd):
    products = [product(f"p{tea}", tea_min=Decimal(tea) / 10000, tea_max=Decimal(tea) / 10000) for tea in rates]
    policy = replace(POLICY, return_bound=Decimal(bound) / 10_000)
    offers = [answer for answer in match(shopkeeper(pd=Decimal(pd) / 10_000), products, policy) if answer.eligible]
    offers = [offer for offer in offers if offer.amount == 3000]
    for place, offer in enumerate(offers):
        for later in offers[place:]:
            cost, other = (one.schedule.totals.cost for one in (offer, later))
            assert cost <= other * (1 + policy.return_bound)


def test_debts_over_the_limit_of_income_are_a_no_of_their_own():
    """The household is left with money, but 41 of every 100 soles it earns go to installments already."""
    table = assess("household", {
        "monthly_income": Decimal(3000), "household_expenses": Decimal(800), "other_installments": Decimal(1230),
    })  # fmt: skip
    assert table.net_income == 3000
    asked = shopkeeper(segment="household", affordability=table)
    answer = one(asked, product(segment="household"))
    block, far = answer.blocks
    assert (block.code, block.params) == ("over_indebted", {"share": 41, "limit": 40})
    assert far.code == "not_affordable"
    assert block.text
    assert block.advice
    loose = replace(POLICY, capacity=replace(POLICY.capacity, installments_to_income=Decimal("0.6")))
    assert one(asked, product(segment="household"), loose).eligible


def test_room_beside_other_debts_counts_against_the_income():
    table = assess("household", {
        "monthly_income": Decimal(3000), "household_expenses": Decimal(500), "other_installments": Decimal(1000),
    })  # fmt: skip
    assert largest_installment(table, POLICY.capacity) == 200  # 40 % of 3,000 less 1,000
    refused = one(
        shopkeeper(segment="household", affordability=table),
        product(segment="household", amount_min=Decimal(3000), term_max=12),
    )
    [block] = refused.blocks
    assert block.code == "not_affordable"
    richer = assess("household", {
        "monthly_income": Decimal(3000 + int(block.params["missing"])), "household_expenses": Decimal(500),
        "other_installments": Decimal(1000),
    })  # fmt: skip
    asked = shopkeeper(segment="household", affordability=richer)
    assert one(asked, product(segment="household", amount_min=Decimal(3000), term_max=12)).eligible


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_who_does_what_every_advice_says_gets_an_offer(data):
    """Of a product that is a no: all its advice followed at once, whichever way it can be, makes it a yes."""

    def draw(*values):
        return data.draw(st.sampled_from(values))

    segment = draw("household", "enterprise", "farm")
    facts = {"other_installments": Decimal(draw(0, 300, 2000)), "other_income": Decimal(draw(0, 90)),
             "household_expenses": Decimal(draw(300, 900, 2500))}  # fmt: skip
    facts |= {
        "household": {"monthly_income": Decimal(draw(0, 1025, 3000))},
        "enterprise": {"monthly_sales": Decimal(draw(0, 900, 5800)), "monthly_purchases": Decimal(draw(0, 700))},
        "farm": {"crop": "potato", "hectares": Decimal(draw(1, 3)), "campaign_cost": Decimal(draw(0, 9000, 40000))},
    }[segment]
    low = Decimal(draw(300, 1000, 8000))
    terms = product(
        segment=segment, amount_min=low, amount_max=low * draw(1, 10), term_min=draw(1, 3, 6), term_max=draw(6, 12, 30),
        amortization=draw(*ProductAmortization), tea_min=Decimal(draw("0.2", "0.8")), score_min=draw(300, 700),
        regions=draw(frozenset(), frozenset({"15"})), sectors=draw(frozenset(), frozenset({"food"})),
        crops=draw(frozenset(), frozenset({"rice"})), activity_months_min=draw(0, 12), creditors_max=draw(None, 0),
        fee_upfront=Decimal(draw(0, 50)),
    )  # fmt: skip
    asked = shopkeeper(
        segment=segment, amount=Decimal(draw(100, 1000, 20000)), term_months=draw(1, 6, 24), crop="potato",
        affordability=assess(segment, facts), harvest_month=draw(None, 1, 5, 11), age=draw(17, 40, 73),
        score=draw(600, None), pd=draw(None, Decimal("0.2")), activity_months=draw(5, None),
    )  # fmt: skip
    answer = one(asked, terms)
    advice = {reason.code: reason for reason in answer.blocks}
    assert answer.eligible or all(reason.text and any(r.advice for r in answer.blocks) for reason in answer.blocks)
    if answer.eligible or "age_above" in advice:
        return
    changes = {"region": "15", "sector": "food", "crop": "rice"}
    for code, name, param, sign in (("score_low", "score", "gap", 1), ("activity_short", "activity_months", "gap", 1),
                                    ("creditors_many", "creditors", "gap", -1)):  # fmt: skip
        if code in advice:
            changes[name] = getattr(asked, name) + sign * advice[code].params[param]
    if "amount_too_low" in advice:
        changes["amount"] = advice["amount_too_low"].params["minimum_amount"]
    if "age_below" in advice:
        changes["age"] = advice["age_below"].params["minimum"]
    ways = [facts]
    if "not_affordable" in advice:
        missing = Decimal(advice["not_affordable"].params["missing"])
        if "harvest_out_of_term" in advice:  # other months have a day or two more or less
            missing = missing * 102 // 100 + 5
        ways = [facts | {"other_income": facts["other_income"] + missing}]
        if facts["other_installments"] >= missing:
            ways.append(facts | {"other_installments": facts["other_installments"] - missing})
    for way in ways:
        changed = replace(asked, **changes, affordability=assess(segment, way))
        days = [asked.on]
        if "harvest_out_of_term" in advice:  # ask on the same day of another month
            days = [asked.on.replace(month=month) for month in range(1, 13)]
        assert any(one(replace(changed, on=on), terms).eligible for on in days), (advice, way)


def test_a_bullet_is_as_far_as_its_cheapest_term_not_its_longest():
    """The dearest way to pay once is the longest: what is missing is counted at the term that asks least."""
    table = assess("farm", {"crop": "potato", "hectares": Decimal(1), "campaign_cost": Decimal(0),
                            "household_expenses": Decimal(700), "other_installments": Decimal(0)})  # fmt: skip
    once = product(segment="farm", amount_min=Decimal(9000), term_min=12, term_max=60, tea_min=Decimal("1.1"),
                   tea_max=Decimal("1.1"), amortization=ProductAmortization.BULLET)  # fmt: skip
    *_rest, far = one(farmer(affordability=table, amount=Decimal(9000), term_months=12), once).blocks
    least = min(
        build_schedule(loan_terms(once, amount=Decimal(9000), term_months=months, tea=Decimal("1.1"),
                                  disbursed_on=disbursement_day(once, TODAY))).totals.total / months
        for months in range(12, 61)
    )  # fmt: skip
    assert far.code == "not_affordable"
    assert 0 <= far.params["installment"] - least < Decimal("0.01")


def test_less_than_a_centimo_is_no_debt_over_the_limit():
    thin = replace(SHOP, surplus_verified=Decimal("0.01"), surplus_stressed=Decimal("0.01"))
    assert codes(one(shopkeeper(affordability=thin), product())) == ["nothing_left", "not_affordable"]


@pytest.mark.parametrize("terms", [
    {"fee_upfront": Decimal(3000)}, {"amortization": ProductAmortization.BULLET, "term_max": 5000},
    {"fee_upfront": Decimal("2999.99")},
])  # fmt: skip
def test_terms_that_cannot_be_worked_out_take_nobodys_offer_along(terms):
    answers = match(shopkeeper(pd=None), [product("wrong", **terms), product("right")], POLICY)
    by_key = {answer.product_id: answer for answer in answers}
    assert by_key["right"].eligible
    if "fee_upfront" in terms:
        assert codes(by_key["wrong"]) == ["could_not_assess"]


@pytest.mark.parametrize("way", ProductAmortization)
@pytest.mark.parametrize("term", [1, 120, 360])
def test_the_widest_terms_a_product_may_have_are_worked_out(way, term):
    """What `save_product_terms` lets through: see its limits."""
    term = min(term, 120) if way is ProductAmortization.BULLET else term
    widest = product(amortization=way, term_min=term, term_max=term, disbursement_days=90, tea_max=Decimal("1.14"),
                     amount_min=Decimal(300), fee_upfront=Decimal(100), age_max=120,
                     insurance_monthly_rate=Decimal("0.05"))  # fmt: skip
    rich = replace(SHOP, surplus_verified=Decimal(10**12), surplus_stressed=Decimal(10**12), rows=())
    offer = one(shopkeeper(affordability=rich, amount=Decimal(300), pd=None), widest)
    assert offer.eligible
    assert offer.tcea < 10_000
