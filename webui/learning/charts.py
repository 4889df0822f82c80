"""Pictures of numbers, as coordinates: the templates draw them as SVG, and the same numbers as a table beside it.

Knows nothing of runs and adapters. Whatever is told apart by colour is told apart by a dash or a shape as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log10

Points = Sequence[tuple[float, float]]
# The drawing's own units; it is scaled to the width there is.
WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 30
DASHES = ("", "7 4", "2 4", "9 3 2 3", "1 3")


@dataclass(frozen=True, slots=True)
class Tick:
    at: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """`points` as polyline has them; `number` tells its look."""

    name: str
    number: int
    dash: str
    points: str
    dots: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class LineChart:
    title: str
    x_name: str
    y_name: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    # Rows of the table: x and each line's y at it, "" where it has none.
    rows: list[list[str]]

    @property
    def view_box(self) -> str:
        return f"0 0 {WIDTH} {HEIGHT}"

    @property
    def frame(self) -> dict[str, int]:
        return {"left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM, "middle": WIDTH // 2}


def line_chart(
    title: str, x_name: str, y_name: str, series: Mapping[str, Points], y_from: float | None = None
) -> LineChart | None:
    """None where there is nothing to draw. `y_from` is a value that the axis must hold."""
    series = {name: points for name, points in series.items() if points}
    if not series:
        return None
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points] + ([] if y_from is None else [y_from])
    x_at, y_at = _Scale(xs, LEFT, WIDTH - RIGHT), _Scale(ys, HEIGHT - BOTTOM, TOP)
    lines = []
    for number, (name, points) in enumerate(series.items()):
        places = [(f"{x_at(x):.1f}", f"{y_at(y):.1f}") for x, y in points]
        joined = " ".join(f"{x},{y}" for x, y in places)
        lines.append(Line(name, number, DASHES[number % len(DASHES)], joined, places if len(places) <= 24 else []))
    by_x: dict[float, dict[str, float]] = {}
    for name, points in series.items():
        for x, y in points:
            by_x.setdefault(x, {})[name] = y
    rows = [[f"{x:g}", *(f"{at[name]:.3f}" if name in at else "" for name in series)] for x, at in sorted(by_x.items())]
    return LineChart(
        title, x_name, y_name, x_at.ticks(5, whole=all(x == int(x) for x in xs)), y_at.ticks(4), lines, rows
    )


class _Scale:
    """Values to drawing units."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._low, self._high = min(values), max(values)
        if self._low == self._high:
            # A time or a count that has only begun is not shown as less than nothing.
            self._low, self._high = max(self._low - 0.5, min(self._low, 0.0)), self._high + 0.5
        self._begin, self._end = begin, end

    def __call__(self, value: float) -> float:
        return self._begin + (value - self._low) / (self._high - self._low) * (self._end - self._begin)

    def ticks(self, about: int, whole: bool = False) -> list[Tick]:
        return [Tick(f"{self(value):.1f}", label) for value, label in nice_ticks(self._low, self._high, about, whole)]


def nice_ticks(low: float, high: float, about: int, whole: bool = False) -> list[tuple[float, str]]:
    """Round values between two others, one, two or five times a power of ten apart, about so many, with labels."""
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    step = max(step, 1.0) if whole else step
    decimals = max(0, -floor(log10(step) + 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [(number * step, f"{number * step:.{decimals}f}") for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of a forest plot in per cent of its width; `low` and `high` are cut off at its ends."""

    low: str
    high: str
    at: str
    zero: str
    margin: str
    is_open_below: bool
    is_open_above: bool


class Forest:
    """The common axis of some intervals."""

    def __init__(self, intervals: Sequence[tuple[float, float | None, float | None]], margins: Sequence[float]) -> None:
        """`intervals` are estimate, lower and upper bound, None where there is no bound."""
        ends = [end for interval in intervals for end in interval if end is not None and abs(end) < inf]
        self._low, self._high = min(0.0, *ends, *margins), max(0.0, *ends, *margins)
        room = (self._high - self._low) * 0.08 or 0.05
        self._low, self._high = self._low - room, self._high + room

    def ticks(self) -> list[Tick]:
        return [Tick(self._at(value), label) for value, label in nice_ticks(self._low, self._high, 4)]

    def interval(self, estimate: float, low: float | None, high: float | None, margin: float | None) -> Interval:
        return Interval(
            low=self._at(self._low if low is None else low),
            high=self._at(self._high if high is None else high),
            at=self._at(estimate),
            zero=self._at(0.0),
            margin="" if margin is None else self._at(margin),
            is_open_below=low is None,
            is_open_above=high is None,
        )

    def _at(self, value: float) -> str:
        return f"{100 * (value - self._low) / (self._high - self._low):.2f}%"


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a whole; `begin` and `width` in per cent of it."""

    name: str
    value: str
    begin: str
    width: str
    number: int


def bars(parts: Mapping[str, float], form: str = "{:g}") -> list[Bar]:
    """Each as long as its share of the largest."""
    most = max(parts.values(), default=0) or 1
    return [
        Bar(name, form.format(value), "0%", f"{100 * value / most:.2f}%", number)
        for number, (name, value) in enumerate(parts.items())
    ]


def stacked(parts: Mapping[str, float]) -> list[Bar]:
    """One behind the other, as their shares of all."""
    total, begin, found = sum(parts.values()) or 1, 0.0, []
    for number, (name, value) in enumerate(parts.items()):
        width = 100 * value / total
        found.append(Bar(name, f"{value:g}", f"{begin:.2f}%", f"{width:.2f}%", number))
        begin += width
    return found
