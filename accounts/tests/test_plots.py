import pytest

from accounts.plots import Series, axis, column_plot, line_plot


def percent(value: float) -> str:
    return f"{value:g}%"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 8, (0, 8, 2)), (4.8, 6.2, (4.5, 6.5, 0.5)), (0, 0, (0, 1, 0.2)), (0, 1.92, (0, 2, 0.5)), (-3, 3, (-4, 4, 2))],
)
def test_an_axis_holds_its_figures_in_readable_steps(low, high, expected):
    assert axis(low, high) == pytest.approx(expected)


def test_lines_lie_where_their_figures_are_and_gaps_stay_open():
    plot = line_plot(
        [Series("hoy", [(0, 0.0), (1, None), (2, 4.0), (3, 8.0)])], ["dic", "ene", "feb", "mar"], form=percent
    )
    assert plot.lines[0].runs == ("0.00,100.00", "66.67,50.00 100.00,0.00")
    assert (plot.lines[0].x, plot.lines[0].y) == ("100", "0")
    assert plot.y_marks == ("8%", "6%", "4%", "2%", "0%")
    assert plot.from_zero


def test_an_axis_that_does_not_start_at_zero_says_so():
    plot = line_plot([Series("hoy", [(0, 6.1), (1, 4.8)])], ["a", "b"], form=percent, limit=5.5, from_zero=False)
    assert not plot.from_zero
    assert plot.start_label == "4.5%"
    assert plot.limit == "50"


def test_a_line_without_figures_is_left_out():
    assert line_plot([Series("x", [(0, None)])], ["a"], form=percent).lines == ()


def test_columns_stand_on_zero_and_only_two_carry_their_figure():
    plot = column_plot([1.0, 2.0, 0.5], ["a", "b", "c"], form=percent, current=2)
    assert [one.height for one in plot.columns] == ["50", "100", "25"]
    assert [one.label for one in plot.columns] == ["", "2%", "0.5%"]
    assert plot.even


def test_of_many_months_only_some_are_written_on_a_phone():
    marks = column_plot([1.0] * 13, [str(n) for n in range(13)], form=percent).x_marks
    assert sum(not mark.optional for mark in marks) == 7
    assert not marks[-1].optional
