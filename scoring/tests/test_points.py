import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.points import Scale, whole_points, whole_points_columns

parts = st.lists(st.floats(-300, 300), min_size=1, max_size=40)


@given(parts, st.integers(-600, 600))
def test_whole_points_always_add_up(exact, total):
    assert sum(whole_points(exact, total)) == total


@given(parts)
def test_rounding_moves_no_part_by_a_whole_point(exact):
    points = whole_points(exact, round(sum(exact)))
    assert all(abs(point - part) < 1 + 1e-9 for point, part in zip(points, exact, strict=True))


@given(st.lists(st.lists(st.floats(-300, 300), min_size=5, max_size=5), min_size=1, max_size=10), st.data())
def test_a_batch_is_rounded_like_one_applicant(rows, data):
    totals = [round(sum(row)) + data.draw(st.integers(-12, 12)) for row in rows]
    columns = whole_points_columns(np.array(rows).T, np.array(totals))
    assert columns.T.tolist() == [whole_points(row, total) for row, total in zip(rows, totals, strict=True)]


def test_the_largest_remainders_are_rounded_up():
    assert whole_points([10.6, -3.3, 5.5], 13) == [11, -3, 5]
    assert whole_points([10.6, -3.3, 5.5], 12) == [10, -3, 5]


def test_the_scale_doubles_odds_every_sixty_points():
    scale = Scale()
    assert scale.score(-np.log(9)) == 600
    assert scale.score(-np.log(18)) == 660
    assert scale.score(np.log(0.041 / 0.959)) == 683


@pytest.mark.parametrize(("log_odds", "score"), [(-50.0, 850), (50.0, 300)])
def test_the_score_stays_between_300_and_850(log_odds, score):
    assert Scale().score(log_odds) == score
