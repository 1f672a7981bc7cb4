"""The round engine: peers take turns inside every round, and what counts is the ratio within a round.

Two runs one after the other are never compared: the speed of a shared machine drifts by more than most differences. A
round in which somebody else used the cores is marked noisy and repeated, within bounds; what stays noisy is counted.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from bench import machine


class Sample(NamedTuple):
    """What one run of one peer cost: wall time and processor time per operation, microseconds."""

    us: float
    cpu_us: float


class Stopwatch:
    """Times ``operations`` operations of this process. Use as a context manager, then read ``sample``."""

    def __init__(self, operations: int) -> None:
        self._operations = operations
        self.sample = Sample(0.0, 0.0)

    def __enter__(self) -> Self:
        self._cpu = time.process_time()
        self._wall = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        wall = time.perf_counter() - self._wall
        cpu = time.process_time() - self._cpu
        self.sample = Sample(1e6 * wall / self._operations, 1e6 * cpu / self._operations)


@dataclass(frozen=True)
class Peer:
    """One side of a comparison. ``run`` prepares, measures and checks; ``pids`` are processes that work for it."""

    name: str
    run: Callable[[], Sample]
    pids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """``ours`` against ``other``, by peer name.

    ``speed``: how many times as fast, by wall time, at least ``target``. ``cpu``: what share of its processor time, at
    most ``target``. A target of 0 is none: the figure is for context.
    """

    case: str
    ours: str
    other: str
    target: float = 0.0
    by: Literal["speed", "cpu"] = "speed"

    def ratio(self, found: dict[str, Sample]) -> float:
        """The ratio within one round."""
        ours, other = found[self.ours], found[self.other]
        return ours.cpu_us / other.cpu_us if self.by == "cpu" else other.us / ours.us

    def met(self, ratio: float) -> bool | None:
        """Whether the target is met, None where there is none."""
        if not self.target:
            return None
        return ratio <= self.target if self.by == "cpu" else ratio >= self.target


@dataclass(frozen=True)
class Field:
    """Peers that take turns, and what is compared among them. ``durability`` says what an answered operation means."""

    suite: str
    peers: tuple[Peer, ...]
    comparisons: tuple[Comparison, ...]
    durability: str


def play(field: Field, rounds: int) -> list[dict[str, Any]]:
    """Play ``rounds`` rounds after one to warm up; at most as many again are repeated for noise."""
    found: list[dict[str, Sample]] = []
    noisy: list[dict[str, Sample]] = []
    _round(field)
    for _ in range(2 * rounds):
        samples, was_noisy = _round(field)
        (noisy if was_noisy else found).append(samples)
        if len(found) == rounds:
            break
    kept = found + noisy[: rounds - len(found)]
    return [_line(field, comparison, kept, len(kept) - len(found)) for comparison in field.comparisons]


def _round(field: Field) -> tuple[dict[str, Sample], bool]:
    samples: dict[str, Sample] = {}
    with machine.Watch([pid for peer in field.peers for pid in peer.pids]) as watch:
        for peer in field.peers:
            gc.collect()
            samples[peer.name] = peer.run()
    return samples, watch.noisy


def _line(field: Field, comparison: Comparison, kept: Sequence[dict[str, Sample]], noisy: int) -> dict[str, Any]:
    ratios = [comparison.ratio(samples) for samples in kept]
    ratio = statistics.median(ratios)
    ours, other = ([samples[name] for samples in kept] for name in (comparison.ours, comparison.other))
    line = {
        "suite": field.suite,
        "case": comparison.case,
        "peer": comparison.ours,
        "rounds": len(kept),
        "noisy_rounds": noisy,
        "median_us": _median([sample.us for sample in ours]),
        "cpu_us": _median([sample.cpu_us for sample in ours]),
        "ratio_to": comparison.other,
        "ratio_to_median_us": _median([sample.us for sample in other]),
        "ratio_to_cpu_us": _median([sample.cpu_us for sample in other]),
        "ratio_of": comparison.by,
        "ratio_median": round(ratio, 4),
        "ratio_iqr": [round(bound, 4) for bound in _quartiles(ratios)],
        "cpu_speed_median": round(statistics.median(_cpu_speeds(comparison, kept)), 4),
        "target": round(comparison.target, 4) or None,
        "met": comparison.met(ratio),
        "durability": field.durability,
    }
    print(told(line), file=sys.stderr, flush=True)
    return line


def _cpu_speeds(comparison: Comparison, kept: Sequence[dict[str, Sample]]) -> list[float]:
    """The same ratio by processor time, as a speed: what is left of it when the machine is shared."""
    return [one[comparison.other].cpu_us / max(one[comparison.ours].cpu_us, 0.001) for one in kept]


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def told(line: dict[str, Any]) -> str:
    """One result as one line of text."""
    low, high = line["ratio_iqr"]
    of = f"{line['noisy_rounds']} of {line['rounds']} rounds noisy"
    sign = "≤" if line["ratio_of"] == "cpu" else "≥"
    target = "" if line["target"] is None else f", target {sign} {line['target']}: {'met' if line['met'] else 'missed'}"
    return (
        f"{line['case']}: {line['ratio_median']:.3g} ({low:.3g}-{high:.3g}), "
        f"{line['peer']} {line['median_us']:.4g} µs, "
        f"{line['ratio_to']} {line['ratio_to_median_us']:.4g} µs{target}; {of}"
    )
