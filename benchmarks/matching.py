"""Matching of many people to many products: arrays against an early-exit Python loop, in one run.

`manage.py benchmark matching` calls `run`; alone: `python -m benchmarks.matching [people] [products]`. Both
sides work out eligibility, price, amount and term, every payment to the céntimo and the yearly cost, and rank.
Processor seconds of one thread; the loop is measured on a sample, for its time per person is the same.
"""

import json
import os
import resource
import statistics
import sys
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from lending.affordability import Affordability
from lending.interest import NoRate, fix_rate, internal_rate, period_rate, scaled
from lending.matching import ApplicantProfile, MatchingPolicy, ProductTerms, disbursement_day, match, price
from lending.matching.batch import PD_SCALE, UNKNOWN, Applicants, match_many
from lending.money import from_centimos, to_centimos
from lending.reasons import CROPS, DEPARTMENTS, SECTORS, SEGMENTS
from lending.schedules import add_months
from lending.schedules.level import level_installment, level_rows

TODAY = date(2026, 11, 21)
POLICY = MatchingPolicy(usury_cap=Decimal("1.1413"))
SAMPLE = 40


def run(people: int = 100_000, products: int = 500, rounds: int = 3, seed: int = 20261121) -> dict[str, Any]:
    """Pairs per second of both ways, their ratio, how many answers differ, and the peak of memory."""
    catalogue = a_catalogue(products, seed)
    crowd, profiles = a_crowd(people, seed, sample=SAMPLE)
    times: dict[str, list[float]] = {"python_loop": [], "arrays": []}
    before = _peak_megabytes()
    for _round in range(rounds):
        start = time.process_time()
        loop = [plain_match(profile, catalogue, POLICY) for profile in profiles]
        times["python_loop"].append((time.process_time() - start) / len(profiles))
        start = time.process_time()
        best = match_many(crowd, catalogue, POLICY)
        times["arrays"].append((time.process_time() - start) / people)
    medians = {name: statistics.median(values) for name, values in times.items()}
    step = people // len(profiles)
    return {
        "people": people,
        "products": products,
        "rounds": rounds,
        "load": round(os.getloadavg()[0], 2),
        "eligible_share": round(float(best.offers.sum()) / (people * products), 4),
        "pairs_per_second": {name: round(products / value) for name, value in medians.items()},
        "ratio": round(medians["python_loop"] / medians["arrays"], 1),
        "answers_that_differ": sum(offers != answers_of(best, place * step) for place, offers in enumerate(loop)),
        "seconds_for_all": round(medians["arrays"] * people, 2),
        "peak_megabytes": {"before": before, "after": _peak_megabytes()},
    }


def a_catalogue(count: int, seed: int) -> list[ProductTerms]:
    """Products of equal installments of many institutions, most of them in a few departments."""
    random = np.random.default_rng(seed)
    catalogue = []
    for place in range(count):
        regions = random.choice(list(DEPARTMENTS), random.integers(3, 12), replace=False)
        low = int(random.choice([300, 500, 1000, 3000]))
        tea = Decimal(int(random.integers(2000, 4500))) / 10_000
        catalogue.append(ProductTerms(
            product_id=f"product-{place:04d}", name="", segment=str(random.choice(list(SEGMENTS))),
            amount_min=Decimal(low), amount_max=Decimal(low * int(random.choice([10, 20, 40]))),
            term_min=int(random.choice([3, 6])), term_max=int(random.choice([12, 18, 24, 36])),
            tea_min=tea, tea_max=tea + Decimal("0.45"), regions=frozenset(map(str, regions)),
            insurance_monthly_rate=Decimal(int(random.choice([0, 50, 75]))) / 100_000,
            fee_upfront=Decimal(int(random.choice([0, 0, 0, 50]))), disbursement_days=int(random.integers(0, 7)),
            score_min=int(random.choice([300, 500, 560, 600])), creditors_max=int(random.choice([2, 3, 4])),
            activity_months_min=int(random.choice([0, 6, 12])),
        ))  # fmt: skip
    return catalogue


def a_crowd(count: int, seed: int, sample: int = 0) -> tuple[Applicants, list[ApplicantProfile]]:
    """People as columns, and an even sample of them as profiles."""
    random = np.random.default_rng(seed + 1)

    def some_unknown(values: Any) -> Any:
        return np.where(random.random(count) < 0.05, UNKNOWN, values)

    surplus = random.lognormal(11.2, 0.8, count).astype(np.int64)  # céntimos
    stressed = (surplus * random.uniform(0.3, 1.0, count)).astype(np.int64)
    crowd = Applicants(
        on=TODAY,
        segment=random.integers(0, len(SEGMENTS), count),
        amount=random.integers(4, 200, count) * 10_000,
        term_months=random.choice([6, 9, 12, 18, 24], count),
        room=np.minimum(surplus * 5 // 10, stressed * 7 // 10),
        campaign_cost=random.integers(0, 2_000_000, count),
        score=random.integers(420, 800, count),
        pd=some_unknown((random.beta(1.2, 14, count) * PD_SCALE).astype(np.int64)),
        region=some_unknown(random.integers(0, len(DEPARTMENTS), count)),
        age=some_unknown(random.integers(18, 76, count)),
        sector=some_unknown(random.integers(0, len(SECTORS), count)),
        crop=some_unknown(random.integers(0, len(CROPS), count)),
        activity_months=some_unknown(random.integers(0, 120, count)),
        creditors=some_unknown(random.integers(0, 6, count)),
        harvest_month=some_unknown(random.integers(1, 13, count)),
    )
    step = count // sample if sample else 1
    places = range(0, step * sample, step)
    return crowd, [_profile(crowd, place, surplus, stressed) for place in places]


def plain_match(profile: ApplicantProfile, products: list[ProductTerms], policy: MatchingPolicy) -> list[Any]:
    """The best five offers by a loop over products that leaves at the first no; equal installments only."""
    room = min(
        int((profile.affordability.surplus_verified or 0) * policy.capacity.installment_to_surplus * 100),
        int((profile.affordability.surplus_stressed or 0) * policy.capacity.installment_to_stressed * 100),
    )
    found = []
    for product in products:
        if product.segment != profile.segment or room <= 0:
            continue
        if product.regions and profile.region is not None and profile.region not in product.regions:
            continue
        if profile.amount < product.amount_min:
            continue
        if profile.score is not None and profile.score < product.score_min:
            continue
        if profile.creditors is not None and profile.creditors > (product.creditors_max or 0):
            continue
        if profile.activity_months is not None and profile.activity_months < product.activity_months_min:
            continue
        longest = product.term_max
        if profile.age is not None:
            longest = min(longest, (product.age_max - profile.age) * 12)
            if profile.age < product.age_min or longest < product.term_min:
                continue
        offer = _plain_offer(profile, product, price(profile.pd, product, policy), room, longest)
        if offer:
            found.append(offer)
    return [offer[-1] for offer in sorted(found)[:5]]


def answers_of(best: Any, person: int) -> list[Any]:
    """One person's best offers as the plain loop writes them."""
    return [
        (f"product-{best.product[person, slot]:04d}", int(best.amount[person, slot]),
         int(best.term_months[person, slot]), int(best.installment[person, slot]), int(best.total[person, slot]))
        for slot in range(best.product.shape[1]) if best.product[person, slot] != UNKNOWN
    ]  # fmt: skip


def differing(
    crowd: Applicants, profiles: list[ApplicantProfile], products: list[ProductTerms], policy: MatchingPolicy = POLICY
) -> list[Any]:
    """People for whom `match` and `match_many` do not say the same, with both answers."""
    best = match_many(crowd, products, policy)
    wrong = []
    for person, profile in enumerate(profiles):
        offers: list[Any] = [answer for answer in match(profile, products, policy) if answer.eligible]  # with figures
        one = [
            (offer.product_id, to_centimos(offer.amount), offer.term_months, to_centimos(offer.installment),
             to_centimos(offer.total), int(offer.tea * 10**8)) for offer in offers[:5]
        ]  # fmt: skip
        many = [
            (products[place].product_id, int(best.amount[person, slot]), int(best.term_months[person, slot]),
             int(best.installment[person, slot]), int(best.total[person, slot]), int(best.tea[person, slot]))
            for slot, place in enumerate(best.product[person]) if place != UNKNOWN
        ]  # fmt: skip
        if one != many or len(offers) != best.offers[person]:
            wrong.append((profile, one, many))
    return wrong


def _plain_offer(profile: ApplicantProfile, product: ProductTerms, tea: Decimal, room: int, longest: int) -> Any:
    disbursed = disbursement_day(product, profile.on)
    dues = [add_months(disbursed, month) for month in range(1, longest + 1)]
    days = [(due - start).days for due, start in zip(dues, [disbursed, *dues], strict=False)]
    rates = [scaled(period_rate(tea, count)) for count in days]
    charges = [scaled(fix_rate(product.insurance_monthly_rate))] * len(rates)
    first = min(max(profile.term_months, product.term_min), longest)

    def shortest(amount: int) -> tuple[int, int] | None:
        for term in range(first, longest + 1):
            level = level_installment(amount, rates[:term], charges[:term])
            if level <= room:
                return term, level
        return None

    amount = wanted = min(to_centimos(profile.amount), to_centimos(product.amount_max))
    fit = shortest(amount)
    if fit is None:
        smallest, step = to_centimos(product.amount_min), to_centimos(product.amount_step)
        grid = range(wanted // step * step, smallest - 1, -step)
        most = room * len(rates)  # no installments could pay back more
        amount = next((size for size in grid if size <= most and level_installment(size, rates, charges) <= room),
                      smallest)  # fmt: skip
        fit = shortest(amount)
    if fit is None:
        return None
    term, level = fit
    payments = [sum(row[:3]) for row in level_rows(amount, rates[:term], charges[:term], level)]
    received = amount - to_centimos(product.fee_upfront)
    cost = sum(payments) - received
    day, flows = 0, [(0, -float(received))]
    for count, payment in zip(days, payments, strict=False):
        day += count
        flows.append((day, float(payment)))
    try:
        tcea = internal_rate(flows, guess=float(tea))
    except NoRate:
        return None
    smaller = amount < to_centimos(profile.amount)
    shown = round(tcea, 4)
    keys = (smaller, shown, -amount) if smaller else (smaller, cost, shown)
    return (*keys, product.product_id, (product.product_id, amount, term, level, sum(payments)))


def _profile(crowd: Applicants, place: int, surplus: Any, stressed: Any) -> ApplicantProfile:
    def known(name: str) -> int | None:
        value = int(getattr(crowd, name)[place])
        return None if value == UNKNOWN else value

    def word(name: str, table: Any) -> str | None:
        value = known(name)
        return None if value is None else list(table)[value]

    segment = list(SEGMENTS)[int(crowd.segment[place])]
    table = Affordability(
        segment=segment, rows=(), surplus_declared=None, surplus_verified=from_centimos(surplus[place]),
        surplus_stressed=from_centimos(stressed[place]), campaign_cost=from_centimos(crowd.campaign_cost[place]),
    )  # fmt: skip
    pd = known("pd")
    plain = ("term_months", "score", "age", "activity_months", "creditors", "harvest_month")
    answers: dict[str, Any] = {name: known(name) for name in plain}
    profile = ApplicantProfile(
        segment=segment, amount=from_centimos(crowd.amount[place]), term_months=0, on=crowd.on, affordability=table,
        pd=None if pd is None else Decimal(pd) / PD_SCALE, region=word("region", DEPARTMENTS),
        sector=word("sector", SECTORS), crop=word("crop", CROPS),
    )  # fmt: skip
    return replace(profile, **answers)


def _peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(*map(int, sys.argv[1:])), indent=2) + "\n")
