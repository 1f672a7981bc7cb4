"""Series that cost next to nothing to record: plain numbers on the hot path, rendered only when scraped.

A *family* is one metric with its labels; a *cell* is one series of it. Call sites keep the cells they use often;
looking one up costs a dictionary access. Label values are bounded: a label with a closed list takes only its values,
and a family never grows beyond ``most`` cells; whatever is beyond is counted under ``other``, so nothing is lost and
no sender can fill the memory. Not safe for threads: one loop, one owner.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

OTHER: Final = "other"


class Cell:
    """One counter or gauge. Hot paths may write ``cell.value += 1``."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        """Count ``amount`` more."""
        self.value += amount

    def set(self, value: float) -> None:
        """Replace the value (gauges)."""
        self.value = value


class HistogramCell:
    """One histogram: counts per bucket, not cumulative until scraped."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Record one value in the family's unit."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_many(self, value: float, times: int) -> None:
        """Record the same value ``times`` times: one batch, many records."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


_C = TypeVar("_C", Cell, HistogramCell)


class Family(Generic[_C]):
    """One metric: its name, help, labels and cells."""

    kind = ""

    def __init__(
        self, name: str, help_text: str, labels: tuple[str, ...], most: int, closed: Mapping[str, frozenset[str]]
    ) -> None:
        self.name: Final = name
        self.help: Final = help_text
        self.labels: Final = labels
        self.most: Final = most if labels else 1
        self._closed: Final = tuple(closed.get(label) for label in labels)
        self._cells: Final[dict[tuple[str, ...], _C]] = {}

    def at(self, *values: str) -> _C:
        """The cell of these label values, in the order the labels are declared."""
        cell = self._cells.get(values)
        return self._new(values) if cell is None else cell

    def _new(self, values: tuple[str, ...]) -> _C:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {len(values)} of them")
        bounded = tuple(
            value if closed is None or value in closed else OTHER
            for value, closed in zip(values, self._closed, strict=True)
        )
        cell = self._cells.get(bounded)
        if cell is None:
            if len(self._cells) >= self.most - 1 and self.labels:  # the last place is kept for the rest
                bounded = (OTHER,) * len(self.labels)
                cell = self._cells.get(bounded)
            if cell is None:
                cell = self._cells[bounded] = self._make()
        return cell

    def cells(self) -> Mapping[tuple[str, ...], _C]:
        """Every cell by label values, in the order they were first used."""
        return self._cells

    @property
    def samples_per_cell(self) -> int:
        """How many series of the scrape one cell makes."""
        return 1

    def _make(self) -> _C:
        raise NotImplementedError

    def render(self) -> Metric:
        """The family as the client library writes it."""
        raise NotImplementedError


class Counter(Family[Cell]):
    """Only ever grows; its name ends in ``_total``."""

    kind = "counter"

    def add(self, amount: float, *values: str) -> None:
        """Count ``amount`` more in the cell of these label values."""
        self.at(*values).value += amount

    def _make(self) -> Cell:
        return Cell()

    def render(self) -> Metric:
        """The family as the client library writes it."""
        family = CounterMetricFamily(self.name.removesuffix("_total"), self.help, labels=self.labels)
        for values, cell in self._cells.items():
            family.add_metric(values, cell.value)
        return family


class Gauge(Family[Cell]):
    """Goes up and down. Written by its owner, or read from a function when scraped."""

    kind = "gauge"

    def __init__(
        self, name: str, help_text: str, labels: tuple[str, ...], most: int, closed: Mapping[str, frozenset[str]]
    ) -> None:
        super().__init__(name, help_text, labels, most, closed)
        self._sources: Final[list[Callable[[], Mapping[tuple[str, ...], float]]]] = []
        self._fed: set[tuple[str, ...]] = set()

    def set(self, value: float, *values: str) -> None:
        """Replace the value of one cell."""
        self.at(*values).value = value

    def read_from(self, source: Callable[[], Mapping[tuple[str, ...], float]]) -> None:
        """Ask ``source`` at every scrape: label values → value (``{(): 3}`` without labels). It must be cheap."""
        self._sources.append(source)

    def read_value(self, source: Callable[[], float]) -> None:
        """Ask ``source`` for the one value of a gauge without labels at every scrape."""
        self.read_from(lambda: {(): source()})

    def _make(self) -> Cell:
        return Cell()

    def render(self) -> Metric:
        """The family as the client library writes it; what no source tells any more is gone."""
        if self._sources:
            told = {values: value for source in self._sources for values, value in source().items()}
            for gone in self._fed - told.keys():
                self._cells.pop(gone, None)
            self._fed = set(told)
            for values, value in told.items():
                self.at(*values).value = value
        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for values, cell in self._cells.items():
            family.add_metric(values, cell.value)
        return family


class Histogram(Family[HistogramCell]):
    """A distribution over fixed buckets; every objective has a bucket edge exactly at its target."""

    kind = "histogram"

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: tuple[str, ...],
        most: int,
        closed: Mapping[str, frozenset[str]],
        bounds: tuple[float, ...],
    ) -> None:
        if list(bounds) != sorted(set(bounds)):
            raise ValueError(f"the buckets of {name} do not rise")
        super().__init__(name, help_text, labels, most, closed)
        self.bounds: Final = bounds
        self._edges: Final = (*(repr(float(bound)) for bound in bounds), "+Inf")

    @property
    def samples_per_cell(self) -> int:
        """Buckets, +Inf, sum and count."""
        return len(self.bounds) + 3

    def observe(self, value: float, *values: str) -> None:
        """Record one value in the cell of these label values."""
        self.at(*values).observe(value)

    def _make(self) -> HistogramCell:
        return HistogramCell(self.bounds)

    def render(self) -> Metric:
        """The family as the client library writes it."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for values, cell in self._cells.items():
            so_far = 0
            buckets = []
            for edge, count in zip(self._edges, cell.counts, strict=True):
                so_far += count
                buckets.append((edge, float(so_far)))
            family.add_metric(values, buckets, cell.total)
        return family


class FamilyCollector(Collector):
    """Gives a registry the families of one hub, one at a time, so that a scrape can pause between them."""

    def __init__(self, families: Mapping[str, Counter | Gauge | Histogram]) -> None:
        self._families: Final = families

    def describe(self) -> Iterator[Metric]:
        """Names only, so that registering reads no gauge."""
        for family in self._families.values():
            yield Metric(family.name.removesuffix("_total"), family.help, family.kind)

    def collect(self) -> Iterator[Metric]:
        """Every family as it stands now."""
        for family in self._families.values():
            yield family.render()
