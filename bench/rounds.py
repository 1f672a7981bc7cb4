"""Peers compared fairly: all of them inside every round, the ratio taken per round, median and spread over rounds.

Never two separate runs: processor speed moves by tens of percent within minutes, and only what ran side by side can be
compared. A round with too much foreign load is repeated, at most ``REPEATS`` times in all.
"""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, Final

from bench import machine

REPEATS: Final = 3


@dataclass
class Sample:
    """One run of one peer. ``units`` is what the time is divided by; ``facts`` are kept beside the figures."""

    seconds: float
    cpu_s: float
    units: int
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def us(self) -> float:
        """Wall time per unit, microseconds."""
        return 1e6 * self.seconds / self.units

    @property
    def cpu_us(self) -> float:
        """Processor time per unit, microseconds."""
        return 1e6 * self.cpu_s / self.units


class Stopwatch:
    """Times a stretch of this process. Use as a context manager, then ``sample``."""

    def __enter__(self) -> "Stopwatch":  # noqa: PYI034  # a plain class, nobody inherits
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._wall
        self.cpu_s = time.process_time() - self._cpu

    def sample(self, units: int, **facts: Any) -> Sample:
        """What was timed, for so many units."""
        return Sample(self.seconds, self.cpu_s, units, dict(facts))


Peer = Callable[[], Sample]


def compare(
    suite: str,
    case: str,
    *,
    ours: str,
    peers: Mapping[str, Peer],
    rounds: int,
    targets: Mapping[str, tuple[str, float]],
    durability: str = "",
) -> dict[str, Any]:
    """Run every peer in every round; how many times faster ``ours`` is than each other, per round.

    ``targets`` names the target by peer: (id, least ratio).
    """
    samples: dict[str, list[Sample]] = {name: [] for name in peers}
    noisy = repeated = done = 0
    for peer in peers.values():
        peer()  # warm
    while done < rounds:
        with machine.Watch() as watch:
            found = {name: peer() for name, peer in peers.items()}
        if watch.noisy and repeated < REPEATS:
            repeated += 1
            continue
        noisy += watch.noisy
        done += 1
        for name, sample in found.items():
            samples[name].append(sample)
    return {
        "suite": suite,
        "case": case,
        "ours": ours,
        "rounds": rounds,
        "noisy_rounds": noisy,
        "repeated_rounds": repeated,
        "durability": durability,
        "peers": {name: _summary(found) for name, found in samples.items()},
        "ratios": {name: _ratio(samples[ours], samples[name], targets.get(name)) for name in peers if name != ours},
    }


def _summary(found: list[Sample]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for sample in found:
        facts |= sample.facts
    return {
        "median_us": round(median(sample.us for sample in found), 3),
        "best_us": round(min(sample.us for sample in found), 3),
        "cpu_us": round(median(sample.cpu_us for sample in found), 3),
        "units_per_s": round(1e6 / median(sample.us for sample in found), 1),
        **facts,
    }


def _ratio(ours: list[Sample], theirs: list[Sample], target: tuple[str, float] | None) -> dict[str, Any]:
    wall = [other.us / own.us for own, other in zip(ours, theirs, strict=True)]
    cpu = [other.cpu_us / own.cpu_us for own, other in zip(ours, theirs, strict=True) if own.cpu_us]
    found: dict[str, Any] = {
        "median": round(median(wall), 3),
        "iqr": _iqr(wall),
        "cpu_median": round(median(cpu), 3) if cpu else None,
    }
    if target is not None:
        found |= {"id": target[0], "target": target[1], "met": found["median"] >= target[1]}
    return found


def _iqr(values: list[float]) -> list[float]:
    if len(values) < 2:
        return [round(value, 3) for value in values * 2]
    low, _, high = quantiles(values, n=4)
    return [round(low, 3), round(high, 3)]
