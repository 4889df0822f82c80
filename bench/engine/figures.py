"""From samples to figures: medians with their ranges, and one held against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Samples = Mapping[str, Sequence[Mapping[str, float]]]
"""What each turn measured, by its name and then by rounds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of rounds, the least and the greatest of them; `of` says what it was made of."""

    value: float
    low: float
    high: float
    of: str = ""


class Missing(Exception):
    """There are no samples; the message is the name of what has none."""


def series(samples: Samples, name: str, key: str) -> list[float]:
    """What `name` measured as `key`, by rounds. Raises Missing."""
    if not samples.get(name):
        raise Missing(name)
    return [values[key] for values in samples[name]]


@dataclass(frozen=True, slots=True)
class Plain:
    """`key` of the turn `name`, `scale` times."""

    name: str
    key: str
    scale: float = 1.0

    def of(self, samples: Samples) -> Figure:
        values = [value * self.scale for value in series(samples, self.name, self.key)]
        return Figure(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Ratio:
    """`ours` over the best of `theirs`; the other way round where less is better. The range is that of the rounds."""

    ours: str
    theirs: tuple[str, ...]
    key: str = "tokens_per_s"
    less_is_better: bool = False
    scale: float = 1.0

    def of(self, samples: Samples) -> Figure:
        own = series(samples, self.ours, self.key)
        known = {name: samples[name] for name in self.theirs if samples.get(name)}
        if not known:
            raise Missing(self.theirs[0])
        choose = min if self.less_is_better else max
        best = choose(known, key=lambda name: median(series(known, name, self.key)))
        other = series(known, best, self.key)

        def over(a: float, b: float) -> float:
            return self.scale * (b / a if self.less_is_better else a / b)

        rounds = [over(a, b) for a, b in zip(own, other, strict=False)]
        made_of = f"{median(own):.4g} : {median(other):.4g} ({best.split(': ')[-1]})"
        return Figure(over(median(own), median(other)), min(rounds), max(rounds), made_of)


@dataclass(frozen=True, slots=True)
class Share:
    """`key` of `name` times `work`, in percent of what the floor `of_floor` allows; the other way round for times."""

    name: str
    key: str
    work: float
    floor: str
    floor_key: str
    is_time: bool = False

    def of(self, samples: Samples) -> Figure:
        floor = median(series(samples, self.floor, self.floor_key))
        found = series(samples, self.name, self.key)
        shares = [100 * (self.work / value if self.is_time else value * self.work) / floor for value in found]
        return Figure(median(shares), min(shares), max(shares))
