from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scoring.buckets import Binning

numbers = st.floats(allow_nan=False, allow_infinity=False)
edges = st.lists(numbers, unique=True, max_size=40).map(sorted)


def as_bisected(binning, values):
    with np.errstate(over="ignore"):
        found = binning.bins(values).tolist()
    return found == [bisect_right(list(binning.edges), value) for value in values]


@example([-5e-324, 0.0], [])
@example([0.0, 5e-162, 4e-44, 1.7976931348623157e308], [])
@given(edges, st.lists(st.floats(), max_size=40))
def test_bins_are_those_of_bisection_for_any_edges_and_values(cuts, values):
    binning = Binning([*cuts, np.inf])
    with np.errstate(over="ignore"):
        beside = [*np.nextafter(cuts, -np.inf), *np.nextafter(cuts, np.inf)]
    asked = np.array([*values, *cuts, *beside, -0.0, 0.0, np.nan])
    assert as_bisected(binning, asked)


@pytest.mark.parametrize(
    "cuts",
    [
        np.arange(63) / 63,  # shares
        np.exp(np.linspace(0, 14, 63)),  # amounts
        45_000 + 7.0 * np.arange(63),  # days, far from zero and close together
        np.arange(12) - 0.5,  # counts
        -np.exp(np.linspace(0, 8, 30))[::-1],
    ],
)
def test_ordinary_features_need_no_search(cuts):
    binning = Binning([*cuts, np.inf])
    assert binning.below is not None
    rng = np.random.default_rng(1)
    asked = np.concatenate([rng.uniform(cuts[0] - 2, cuts[-1] + 2, 5_000), cuts, [np.nan, np.inf, -np.inf, 1e300]])
    assert as_bisected(binning, asked)


def test_edges_that_share_a_bucket_are_searched_for():
    cuts = 1 + np.arange(50) * 1e-12
    assert Binning([*cuts, np.inf]).below is None or Binning([*cuts, np.inf]).steps <= 4
    binning = Binning([*(1e9 + cuts), *(2e9 + np.arange(9) * 1e-3), np.inf])
    asked = np.array([1e9, 1e9 + 1, 2e9, 2e9 + 0.0041])
    assert as_bisected(binning, asked)
