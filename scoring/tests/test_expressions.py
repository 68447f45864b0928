import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.expressions import Coded, Fact, total

amount, income, extra = Fact("amount"), Fact("income"), Fact("extra")
FORMULAS = {
    "amount / income": amount / income,
    "amount - income * 2": amount - income * 2,
    "total(income, extra) / amount": total(income, extra) / amount,
    "(amount + 1) / (income - extra)": (amount + 1) / (income - extra),
}
POSITION = {"amount": 0, "income": 1, "extra": 2}
values = st.one_of(st.just(float("nan")), st.floats(-1e15, 1e15), st.sampled_from([0.0, -0.0, 1.0]))


def scalar(name, *row):
    return FORMULAS[name].scalar(POSITION)(row)


@pytest.mark.parametrize(
    ("row", "expected"),
    [((300, 100, 0), 3.0), ((300, 0, 0), float("inf")), ((300, -5, 0), float("inf")), ((0, 0, 0), float("nan"))],
)
def test_something_over_nothing_is_infinite_and_nothing_over_nothing_is_missing(row, expected):
    assert scalar("amount / income", *row) == pytest.approx(expected, nan_ok=True)


def test_a_total_counts_what_was_declared_and_is_missing_only_without_its_first_part():
    nan = float("nan")
    assert scalar("total(income, extra) / amount", 10, 50, nan) == 5.0
    assert np.isnan(scalar("total(income, extra) / amount", 10, nan, 50))


def test_a_missing_fact_makes_a_formula_missing():
    assert np.isnan(scalar("amount / income", float("nan"), 100, 0))
    assert np.isnan(scalar("amount / income", 100, float("nan"), 0))


@given(st.lists(st.tuples(values, values, values), min_size=1, max_size=20))
def test_one_row_and_whole_columns_give_the_same_bits(rows):
    table = np.array(rows)
    columns = {name: table[:, index] for name, index in POSITION.items()}
    for formula in FORMULAS.values():
        one_by_one = np.array([formula.scalar(POSITION)(row) for row in rows])
        np.testing.assert_array_equal(one_by_one, formula.columns(columns))


def test_a_formula_prints_as_it_was_written_and_names_its_facts():
    formula = (amount / Fact("months")) / (total(income, extra) - 5)
    assert str(formula) == "(amount / months) / (total(income, extra) - 5)"
    assert formula.facts == {"amount", "months", "income", "extra"}
    assert str(Coded("crop", {"rice": 1.0}, "usual_yield")) == "usual_yield(crop)"
