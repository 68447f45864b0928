from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from benchmarks import matching as benchmark
from lending.affordability import Affordability
from lending.matching import ApplicantProfile, MatchingPolicy, ProductAmortization, ProductTerms, match, price
from lending.matching.batch import PD_SCALE, UNKNOWN, Applicants, coded, match_many, prices
from lending.matching.told import no_offer_reason, offer_reasons, tell
from lending.schedules import InsuranceBase

PRODUCTS = benchmark.a_catalogue(30, seed=7)
WAYS = list(ProductAmortization)
MIXED = [
    replace(
        product,
        amortization=WAYS[place % 3],
        segment="farm" if place % 3 else product.segment,
        regions=frozenset(),
        insurance_base=InsuranceBase.BALANCE_PLUS_INTEREST if place % 4 == 0 else InsuranceBase.OPENING_BALANCE,
        crops=frozenset({"potato", "rice"}) if place % 5 == 0 else frozenset(),
        sectors=frozenset({"food"}) if place % 7 == 0 else frozenset(),
    )
    for place, product in enumerate(PRODUCTS)
]


@pytest.mark.parametrize(("products", "seed"), [(PRODUCTS, 1), (MIXED, 2), (MIXED, 3)])
def test_many_at_once_get_the_very_answers_of_one_by_one(products, seed):
    crowd, profiles = benchmark.a_crowd(80, seed, sample=80)
    assert benchmark.differing(crowd, profiles, products) == []
    assert match_many(crowd, products, benchmark.POLICY).offers.sum() > 50


def test_a_weighed_return_ranks_alike_one_by_one_and_at_once():
    crowd, profiles = benchmark.a_crowd(200, 8, sample=200)
    weighed = replace(benchmark.POLICY, return_bound=Decimal("0.3"))
    assert benchmark.differing(crowd, profiles, PRODUCTS, weighed) == []
    plain, moved = (match_many(crowd, PRODUCTS, policy) for policy in (benchmark.POLICY, weighed))
    assert (plain.product != moved.product).any()


def test_profiles_become_the_same_columns():
    crowd, profiles = benchmark.a_crowd(50, 4, sample=50)
    columns = Applicants.from_profiles(profiles, benchmark.POLICY.capacity)
    for name in ("segment", "amount", "term_months", "room", "score", "pd", "region", "age", "harvest_month"):
        assert getattr(columns, name).tolist() == getattr(crowd, name).tolist(), name
    with pytest.raises(ValueError, match="one day"):
        Applicants.from_profiles(
            [profiles[0], replace(profiles[1], on=profiles[1].on.replace(year=2027))], benchmark.POLICY.capacity
        )


def test_prices_are_those_of_one_by_one_even_on_an_edge():
    product = PRODUCTS[0]
    pds = np.array([UNKNOWN, 0, 1, 123_456, 5_000_000, 20_000_000, PD_SCALE])
    expected = [price(None if pd < 0 else Decimal(int(pd)) / PD_SCALE, product, benchmark.POLICY) for pd in pds]
    assert prices(pds, product, benchmark.POLICY).tolist() == [int(tea * 10**8) for tea in expected]
    everything_lost = replace(benchmark.POLICY, loss_given_default=Decimal(1))
    assert prices(np.array([PD_SCALE]), product, everything_lost).tolist() == [int(product.tea_max * 10**8)]


def test_without_a_cap_or_room_nobody_gets_an_offer():
    crowd, _profiles = benchmark.a_crowd(40, 5)
    assert match_many(crowd, PRODUCTS, MatchingPolicy(usury_cap=None)).offers.sum() == 0
    poor = replace(crowd, room=np.zeros(40, np.int64))
    best = match_many(poor, PRODUCTS, benchmark.POLICY)
    assert (best.product == UNKNOWN).all()


def test_only_so_many_offers_are_kept_but_all_are_counted():
    crowd, _profiles = benchmark.a_crowd(60, 6)
    two, five = (match_many(crowd, PRODUCTS, benchmark.POLICY, top=top) for top in (2, 5))
    assert (two.product == five.product[:, :2]).all()
    assert (two.offers == five.offers).all()


def test_an_unknown_code_is_refused():
    assert coded("region", ["01", None]).tolist() == [0, UNKNOWN]
    with pytest.raises(KeyError):
        coded("region", ["99"])


def test_the_plain_loop_of_the_benchmark_gives_the_same_answers():
    result = benchmark.run(people=400, products=40, rounds=1)
    assert result["answers_that_differ"] == 0
    assert result["eligible_share"] > 0


@pytest.mark.parametrize(("products", "seed"), [(PRODUCTS, 11), (MIXED, 12)])
def test_reasons_told_at_once_are_those_of_one_by_one(products, seed):
    _crowd, profiles = benchmark.a_crowd(60, seed, sample=60)
    people = Applicants.from_profiles(profiles, benchmark.POLICY.capacity)
    best = match_many(people, products, benchmark.POLICY)
    told = tell(people, products, best)
    compared = 0
    for person, profile in enumerate(profiles):
        offers = [answer for answer in match(profile, products, benchmark.POLICY) if answer.eligible]
        assert (no_offer_reason(people, best, person) is None) == bool(offers)
        for slot, offer in enumerate(offers[:5]):
            reasons = offer_reasons(told, best, products, person, slot)
            named = {reason.code: reason.params for reason in offer.reasons}
            for reason in reasons:
                assert named[reason.code] == reason.params, reason.code
            known = {"cheapest", "lowest_cost", "less_than_asked", "product_maximum", "single_payment", "fee", "no_fee"}
            assert {code for code in named if code in known} == {one.code for one in reasons if one.code in known}
            compared += 1
    assert compared > 30


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("months", [36, 48, 60, 120])
def test_years_of_interest_on_the_largest_loan_are_exact(way, months):
    rich = Affordability(segment="farm", rows=(), surplus_declared=None, surplus_verified=Decimal(10**9),
                         surplus_stressed=Decimal(10**9))  # fmt: skip
    product = ProductTerms(
        product_id="largest", name="", segment="farm", amount_min=Decimal(500), amount_max=Decimal(1_000_000),
        term_min=months, term_max=months, tea_min=Decimal("1.1"), tea_max=Decimal("1.1413"), amortization=way,
        insurance_monthly_rate=Decimal("0.002"), insurance_base=InsuranceBase.BALANCE_PLUS_INTEREST,
    )  # fmt: skip
    asked = ApplicantProfile(segment="farm", amount=Decimal(1_000_000), term_months=months, on=benchmark.TODAY,
                             affordability=rich)  # fmt: skip
    policy = MatchingPolicy(usury_cap=Decimal("1.1413"))
    [one] = match(asked, [product], policy)
    many = match_many(Applicants.from_profiles([asked], policy.capacity), [product], policy)
    assert many.total[0, 0] == one.total * 100
    assert many.tcea[0, 0] == pytest.approx(float(one.tcea), abs=1e-8)
