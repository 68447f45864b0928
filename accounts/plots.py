"""Geometry of the plots that the server draws: lines and columns on a labelled axis.

Figures in, finished coordinates out, as text in per cent of the drawing; `components/_plot.html` shows them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_X_LABELS: Final = 7  # on a phone; those between are left out there
COLUMN_SHARE: Final = 0.68  # of the place a column has


@dataclass(frozen=True, slots=True)
class Series:
    """A line: (x, y) pairs in order, y None where nothing is known. `label` stands at its end."""

    label: str
    points: Sequence[tuple[float, float | None]]
    kind: str = "accent"  # or 1 … 4, the colours of series


@dataclass(frozen=True, slots=True)
class Stroke:
    """A finished line: its classes, its unbroken runs as SVG points, its end, and where its label stands."""

    stroke: str
    fill: str
    runs: tuple[str, ...]
    x: str
    y: str
    label: str
    dx: int
    dy: int
    anchor: str
    dot: bool


@dataclass(frozen=True, slots=True)
class Column:
    x: str
    y: str
    width: str
    height: str
    middle: str
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A word on an axis: `optional` ones are left out on a phone."""

    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything `_plot.html` draws. `from_zero` is False when the page must say where the axis begins."""

    y_marks: tuple[str, ...]
    grid: tuple[str, ...]
    x_marks: tuple[Mark, ...]
    even: bool
    lines: tuple[Stroke, ...] = ()
    columns: tuple[Column, ...] = ()
    limit: str = ""
    limit_label: str = ""
    from_zero: bool = True
    start_label: str = ""


def axis(low: float, high: float, most: int = 5) -> tuple[float, float, float]:
    """Start, end and step of a readable axis around the figures: steps of 1, 2, 2.5 or 5 times a power of ten."""
    if high <= low:
        low, high = min(low, 0.0), (low if low > 0 else 1.0)
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999999)
    start = math.floor(low / step + 1e-9) * step
    end = math.ceil(high / step - 1e-9) * step
    return start, end if end > start else start + step, step


def line_plot(
    series: Sequence[Series],
    x_labels: Sequence[str],
    *,
    form: Callable[[float], str],
    limit: float | None = None,
    limit_label: str = "",
    from_zero: bool = True,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    dots: bool = True,
) -> Plot:
    """Lines over evenly spread `x_labels` (x counts from 0), or over `x_range`; `form` writes the y marks."""
    known = [y for one in series for _x, y in one.points if y is not None]
    if limit is not None:
        known.append(limit)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    start, end, step = axis(*(y_range or (min(low, 0.0) if from_zero else low, high)))
    left, right = x_range or (0.0, max(len(x_labels) - 1.0, 1.0))

    def x_of(value: float) -> float:
        return (value - left) / (right - left) * 100

    def y_of(value: float) -> float:
        return (end - value) / (end - start) * 100

    strokes = [stroke for one in series if (stroke := _stroke(one, x_of, y_of, dots=dots))]
    return Plot(
        *_marks(start, end, step, form),
        x_marks=_x_marks(x_labels),
        even=False,
        lines=tuple(strokes),
        limit="" if limit is None else figure(y_of(limit)),
        limit_label=limit_label,
        from_zero=start <= 0,
        start_label=form(start),
    )


def column_plot(
    values: Sequence[float], labels: Sequence[str], *, form: Callable[[float], str], current: int | None = None
) -> Plot:
    """Columns from zero, one for each label; the highest and the `current` one carry their figure."""
    start, end, step = axis(min([0.0, *values]), max([0.0, *values]))
    place = 100 / max(len(values), 1)
    highest = max(range(len(values)), key=values.__getitem__, default=None)
    columns = [
        Column(
            x=figure(place * (at + (1 - COLUMN_SHARE) / 2)),
            y=figure((end - max(value, 0)) / (end - start) * 100),
            width=figure(place * COLUMN_SHARE),
            height=figure(abs(value) / (end - start) * 100),
            middle=figure(place * (at + 0.5)),
            label=form(value) if at in (highest, current) else "",
            current=at == current,
        )
        for at, value in enumerate(values)
    ]
    return Plot(*_marks(start, end, step, form), x_marks=_x_marks(labels), even=True, columns=tuple(columns))


def figure(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _stroke(one: Series, x_of: Callable[[float], float], y_of: Callable[[float], float], *, dots: bool) -> Any:
    runs: list[list[str]] = [[]]
    last: tuple[float, float] | None = None
    falling = False
    for x, y in one.points:
        if y is None:
            runs.append([])
            continue
        falling, last = last is not None and y_of(y) > last[1], (x_of(x), y_of(y))
        runs[-1].append(f"{last[0]:.2f},{last[1]:.2f}")
    if last is None:
        return None
    at_edge = last[0] > 80
    return Stroke(
        stroke="s-accent" if one.kind == "accent" else f"s{one.kind}",
        fill="f-accent" if one.kind == "accent" else f"f{one.kind}",
        runs=tuple(" ".join(run) for run in runs if run),
        x=figure(last[0]),
        y=figure(last[1]),
        label=one.label,
        dx=0 if at_edge else 9,
        dy=(22 if falling else -9) if at_edge else 4,  # on the side the line does not come from
        anchor="end" if at_edge else "start",
        dot=dots,
    )


def _marks(start: float, end: float, step: float, form: Callable[[float], str]) -> tuple[Any, Any]:
    count = round((end - start) / step)
    return (
        tuple(form(round(end - step * place, 10)) for place in range(count + 1)),
        tuple(figure(100 * place / count) for place in range(count + 1)),
    )


def _x_marks(labels: Sequence[str]) -> tuple[Mark, ...]:
    every = math.ceil(len(labels) / MOST_X_LABELS) or 1
    last = len(labels) - 1
    return tuple(Mark(text, optional=(last - place) % every != 0) for place, text in enumerate(labels))
