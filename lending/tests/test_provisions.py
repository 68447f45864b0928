"""Classes, past-due days and provisions by the norm's tables; the same in Python and in SQL."""

import random
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection

from lending.buckets import bucket, bucket_sql
from lending.models import ClassRule, ProvisionRate
from lending.provisions import GUARANTEES, MissingRule, RiskRules
from lending.selectors.risk import risk_rules

TODAY = date(2026, 11, 25)
MICRO, MEDIUM, CONSUMER, MORTGAGE = "10", "08", "12", "13"


@pytest.fixture
def rules(database):
    return risk_rules(TODAY)


@pytest.mark.parametrize(
    ("credit_type", "days", "expected"),
    [
        (MICRO, 0, 0), (MICRO, 8, 0), (MICRO, 9, 1), (MICRO, 30, 1), (MICRO, 31, 2), (MICRO, 60, 2), (MICRO, 61, 3),
        (MICRO, 120, 3), (MICRO, 121, 4), (MORTGAGE, 30, 0), (MORTGAGE, 31, 1), (MORTGAGE, 60, 1), (MORTGAGE, 61, 2),
        (MORTGAGE, 120, 2), (MORTGAGE, 121, 3), (MORTGAGE, 365, 3), (MORTGAGE, 366, 4),
        (MEDIUM, 0, 0), (MEDIUM, 1, 1), (MEDIUM, 60, 1), (MEDIUM, 61, 2), (MEDIUM, 121, 3), (MEDIUM, 366, 4),
    ],
)  # fmt: skip
def test_the_class_of_a_loan_follows_its_days_late(rules, credit_type, days, expected):
    assert rules.loan_class(credit_type, days) == expected


@pytest.mark.parametrize(
    ("credit_type", "days", "expected"),
    [
        (MICRO, 30, 0), (MICRO, 31, 1000), (MEDIUM, 15, 0), (MEDIUM, 16, 1000),
        (CONSUMER, 30, 0), (CONSUMER, 31, 300), (CONSUMER, 90, 300), (CONSUMER, 91, 1000), (MORTGAGE, 91, 1000),
    ],
)  # fmt: skip
def test_past_due_is_the_installments_or_the_whole_by_credit_type(rules, credit_type, days, expected):
    assert rules.past_due(credit_type, principal=1000, overdue=300, days_late=days) == expected


@pytest.mark.parametrize(
    ("sbs_class", "covered", "guarantee", "expected"),
    [
        (0, 0, "", 1_000), (1, 0, "", 5_000), (2, 0, "", 25_000), (3, 0, "", 60_000), (4, 0, "", 100_000),
        (2, 40_000, "preferred", 5_000 + 15_000), (3, 100_000, "quick", 15_000),
        (4, 250_000, "self_liquidating", 1_000), (0, 100_000, "preferred", 1_000),
    ],
)  # fmt: skip
def test_provisions_are_taken_on_each_covered_part(rules, sbs_class, covered, guarantee, expected):
    assert rules.provision(MICRO, sbs_class, 100_000, covered, guarantee) == expected


def test_generic_provision_is_lower_for_housing_and_large_firms(rules):
    assert rules.provision(MORTGAGE, 0, 100_000) == 700
    assert rules.provision("07", 0, 100_000) == 700


def test_the_procyclical_part_is_added_only_while_it_is_switched_on(database):
    assert risk_rules(TODAY).provision(CONSUMER, 0, 100_000) == 1_000
    ClassRule.objects.filter(credit_type=CONSUMER).update(procyclical_active=True)
    assert risk_rules(TODAY).provision(CONSUMER, 0, 100_000) == 2_000


def test_a_refinanced_loan_begins_deficient_and_improves_every_six_punctual_months(rules):
    assert [rules.refinanced_class(MICRO, months) for months in (0, 5, 6, 11, 12, 30)] == [2, 2, 1, 1, 0, 0]
    assert rules.refinanced_class(MICRO, 6, before=4) == 3


def test_other_creditors_pull_a_debtor_to_one_level_from_theirs(rules):
    assert rules.aligned_class(MICRO, 0, 4, Decimal("0.20")) == 3
    assert rules.aligned_class(MICRO, 0, 4, Decimal("0.19")) == 0
    assert rules.aligned_class(MICRO, 2, 1, Decimal("0.90")) == 2


def test_the_newest_rule_in_force_counts_and_a_gap_is_named(database):
    old = ProvisionRate.objects.get(credit_type="", guarantee="", sbs_class=1)
    ProvisionRate.objects.create(
        guarantee="", sbs_class=1, rate=Decimal("0.06"), norm="nueva", valid_from=date(2026, 6, 1)
    )
    assert risk_rules(TODAY).provision(MICRO, 1, 100_000) == 6_000
    assert risk_rules(date(2026, 5, 31)).provision(MICRO, 1, 100_000) == 5_000
    ProvisionRate.objects.filter(sbs_class=1, guarantee="").update(valid_to=date(2020, 1, 1))
    with pytest.raises(MissingRule, match="ProvisionRate"):
        risk_rules(TODAY)
    assert old.norm.startswith("Res. SBS 11356-2008")


def test_a_book_in_sql_is_classed_as_each_loan_in_python(rules: RiskRules):
    dice = random.Random(20261126)
    loans = [
        (dice.choice(list(rules.types)), dice.choice([0, 1, 8, 9, 15, 16, 30, 31, 60, 61, 90, 91, 120, 121, 365, 366]),
         dice.randrange(1, 10**9), dice.randrange(0, 10**8), dice.choice(GUARANTEES), dice.randrange(0, 10**9),
         dice.randrange(5))
        for _n in range(500)
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {rules.class_sql('t', 'd')}, {rules.past_due_sql('t', 'p', 'o', 'd')},"
            f" {rules.provision_sql('t', 'c', 'p', 'v', 'g')}, {bucket_sql('d')}"
            " FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::int[])"
            " AS b (t, d, p, o, g, v, c)",
            [list(column) for column in zip(*loans, strict=True)],
        )
        found = cursor.fetchall()
    expected = [
        (rules.loan_class(t, d), rules.past_due(t, p, o, d), rules.provision(t, c, p, v, g), bucket(d))
        for t, d, p, o, g, v, c in loans
    ]
    assert found == expected
