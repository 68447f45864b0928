"""Geometry of the small charts that the server draws: pure figures in, finished coordinates out.

Coordinates are strings, so that no template can localise a decimal point. Bands follow the score: `bad`
below `fair`, `warn` below `good`, `ok` from there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

GAUGE_RADIUS: Final = 84
GAUGE_CENTRE: Final = (100, 98)
BAND_GAP_DEGREES: Final = 1.4
SEGMENT_GAP: Final = 0.25  # per cent of the bar's width


@dataclass(frozen=True)
class Arc:
    """One coloured part of the gauge: `kind` is bad, warn or ok, `path` an SVG path."""

    kind: str
    path: str


@dataclass(frozen=True)
class Gauge:
    """Three arcs and the needle's place, in a 200 by 116 view box."""

    arcs: tuple[Arc, ...]
    x: str
    y: str


@dataclass(frozen=True)
class Span:
    """A rectangle along one axis, in per cent of the width."""

    kind: str
    start: str
    width: str


@dataclass(frozen=True)
class WaterfallRow:
    """One line of the waterfall; `points` is an integer, `kind` is base, up, down, flat or total."""

    label: str
    points: int
    kind: str
    start: str
    width: str


def band(score: int, fair: int, good: int) -> str:
    """`bad`, `warn` or `ok`."""
    if score >= good:
        return "ok"
    return "warn" if score >= fair else "bad"


def gauge(score: int, *, low: int, high: int, fair: int, good: int) -> Gauge:
    """A half circle from `low` on the left to `high` on the right; scores outside lie on its ends."""
    edges = [low, fair, good, high]
    arcs = []
    for kind, start, end in zip(("bad", "warn", "ok"), edges, edges[1:], strict=False):
        left = _degrees(start, low, high) - (BAND_GAP_DEGREES if start > low else 0)
        right = _degrees(end, low, high) + (BAND_GAP_DEGREES if end < high else 0)
        if left <= right:
            continue
        (x1, y1), (x2, y2) = _point(left), _point(right)
        arcs.append(Arc(kind, f"M{x1} {y1}A{GAUGE_RADIUS} {GAUGE_RADIUS} 0 0 1 {x2} {y2}"))
    x, y = _point(_degrees(score, low, high))
    return Gauge(tuple(arcs), x, y)


def scale(score: int, *, low: int, high: int, fair: int, good: int) -> tuple[tuple[Span, ...], str]:
    """The same bands on a straight line, and the needle's place in per cent."""
    gap = 0.6
    edges = [_share(edge, low, high) for edge in (low, fair, good, high)]
    spans = []
    for kind, start, end in zip(("bad", "warn", "ok"), edges, edges[1:], strict=False):
        begin = start + (gap / 2 if start > 0 else 0)
        width = end - (gap / 2 if end < 100 else 0) - begin
        if width > 0:
            spans.append(Span(kind, _figure(begin), _figure(width)))
    return tuple(spans), _figure(_share(score, low, high))


def waterfall(base: int, reasons: Sequence[tuple[str, int]], total: int, labels: tuple[str, str]) -> list[WaterfallRow]:
    """From `base` over each reason's points to `total`; `labels` name the first and the last line.

    Raises ValueError unless base and points sum exactly to the total. The axis begins a little before the
    smallest running sum, not at zero; the figures stand beside the bars.
    """
    if base + sum(points for _, points in reasons) != total:
        raise ValueError(f"{base} and the reasons' points do not sum to {total}")
    running = [base]
    for _, points in reasons:
        running.append(running[-1] + points)
    lowest, highest = min(running), max(running)
    margin = max((highest - lowest) // 6, 10)
    low, high = lowest - margin, highest + margin // 4

    def row(label: str, points: int, kind: str, start: int, end: int) -> WaterfallRow:
        left, right = sorted((_share(start, low, high), _share(end, low, high)))
        return WaterfallRow(label, points, kind, _figure(left), _figure(right - left))

    rows = [row(labels[0], base, "base", low, base)]
    for (label, points), before, after in zip(reasons, running, running[1:], strict=False):
        kind = "up" if points > 0 else "down" if points < 0 else "flat"
        rows.append(row(label, points, kind, before, after))
    rows.append(row(labels[1], total, "total", low, total))
    return rows


def stacked(parts: Sequence[tuple[str, int | Decimal]]) -> list[Span]:
    """Segments of a whole bar from (class, amount) pairs; empty when everything is zero. Raises ValueError below."""
    if any(amount < 0 for _, amount in parts):
        raise ValueError("parts of a whole are not negative")
    whole = sum(amount for _, amount in parts)
    spans: list[Span] = []
    reached = 0.0
    for kind, amount in parts:
        share = float(amount) / float(whole) * 100 if whole else 0.0
        if share > 0:
            spans.append(Span(kind, _figure(reached), _figure(max(share - SEGMENT_GAP, min(share, 0.1)))))
        reached += share
    return spans


def part(value: int | float | Decimal, whole: int | float | Decimal) -> str:
    """`value` of `whole` in per cent, kept within 0 and 100; 0 when the whole is nothing."""
    return _figure(max(0.0, min(100.0, float(value) / float(whole) * 100)) if whole else 0.0)


def _share(value: int, low: int, high: int) -> float:
    return max(0.0, min(100.0, (value - low) / (high - low) * 100))


def _degrees(value: int, low: int, high: int) -> float:
    return 180 - _share(value, low, high) * 1.8


def _point(degrees: float) -> tuple[str, str]:
    angle = math.radians(degrees)
    x, y = GAUGE_CENTRE
    return f"{x + GAUGE_RADIUS * math.cos(angle):.1f}", f"{y - GAUGE_RADIUS * math.sin(angle):.1f}"


def _figure(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
