"""Series: exact counts, bounded labels, and the format other tools read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.series import OTHER, Counter, FamilyCollector, Gauge, Histogram

BOUNDS = (0.1, 0.5, 5.0)


def counter(*labels: str, most: int = 10, closed: dict[str, frozenset[str]] | None = None) -> Counter:
    return Counter("t_things_total", "Things.", labels, most, closed or {})


def histogram(*labels: str) -> Histogram:
    return Histogram("t_wait_seconds", "Waits.", labels, 10, {}, BOUNDS)


def scraped(*families: Counter | Gauge | Histogram) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(FamilyCollector({family.name: family for family in families}))
    text = generate_latest(registry).decode()
    return {
        sample.name + "".join(f"|{sample.labels[key]}" for key in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_counter_counts_per_label() -> None:
    family = counter("party")
    family.add(2, "a")
    family.add(1, "b")
    cell = family.at("a")
    cell.value += 1
    cell.add()
    assert scraped(family) == {"t_things_total|a": 4, "t_things_total|b": 1}


def test_a_value_outside_a_closed_list_is_other() -> None:
    family = counter("method", closed={"method": frozenset({"GET"})})
    family.add(1, "GET")
    family.add(1, "BREW")
    family.add(1, "PROPFIND")
    assert scraped(family) == {"t_things_total|GET": 1, f"t_things_total|{OTHER}": 2}


def test_a_family_never_outgrows_its_bound_and_loses_no_count() -> None:
    family = counter("party", "type", most=5)
    for number in range(100):
        family.add(1, f"p{number}", "t")
    cells = family.cells()
    assert len(cells) == 5
    assert cells[OTHER, OTHER].value == 96
    assert sum(cell.value for cell in cells.values()) == 100


def test_wrong_labels_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="labels"):
        counter("party").add(1, "a", "b")


def test_a_gauge_shows_what_its_source_says_at_the_scrape() -> None:
    family = Gauge("t_depth", "Depth.", ("target",), 10, {})
    waiting: dict[tuple[str, ...], float] = {("a",): 3.0}
    family.read_from(lambda: waiting)
    family.set(1, "b")
    assert scraped(family) == {"t_depth|a": 3, "t_depth|b": 1}
    waiting["a",] = 0.0
    assert scraped(family)["t_depth|a"] == 0


def test_what_a_source_no_longer_tells_is_gone_and_what_was_set_stays() -> None:
    family = Gauge("t_depth", "Depth.", ("target",), 10, {})
    waiting: dict[tuple[str, ...], float] = {("a",): 3.0, ("b",): 1.0}
    family.read_from(lambda: waiting)
    family.set(9, "own")
    scraped(family)
    del waiting["a",]
    assert scraped(family) == {"t_depth|b": 1, "t_depth|own": 9}


def test_a_gauge_without_labels_reads_one_value() -> None:
    family = Gauge("t_ready", "Ready.", (), 1, {})
    family.read_value(lambda: 1.0)
    assert scraped(family) == {"t_ready": 1}


def test_registering_asks_no_source() -> None:
    family = Gauge("t_depth", "Depth.", (), 1, {})

    def boom() -> float:
        raise AssertionError("asked too early")

    family.read_value(boom)
    CollectorRegistry(auto_describe=True).register(FamilyCollector({family.name: family}))


def test_buckets_must_rise() -> None:
    with pytest.raises(ValueError, match="do not rise"):
        Histogram("t", "h", (), 1, {}, (1.0, 1.0))


def test_a_value_on_an_edge_belongs_to_that_bucket() -> None:
    family = histogram()
    family.observe(5.0)
    family.observe(5.000_001)
    shown = scraped(family)
    assert shown["t_wait_seconds_bucket|5.0"] == 1
    assert shown["t_wait_seconds_bucket|+Inf"] == 2


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=10), st.integers(min_value=1, max_value=50))))
def test_a_histogram_agrees_with_counting_by_hand(observed: list[tuple[float, int]]) -> None:
    family = histogram("route")
    for value, times in observed:
        family.at("r").observe_many(value, times)
    if not observed:
        return
    shown = scraped(family)
    for bound in BOUNDS:
        expected = sum(times for value, times in observed if value <= bound)
        assert shown[f"t_wait_seconds_bucket|{bound}|r"] == expected
    assert shown["t_wait_seconds_count|r"] == sum(times for _, times in observed)
    assert shown["t_wait_seconds_sum|r"] == pytest.approx(sum(value * times for value, times in observed))


def test_observing_many_equals_observing_often() -> None:
    once, often = histogram(), histogram()
    once.at().observe_many(0.3, 7)
    for _ in range(7):
        often.observe(0.3)
    assert once.at().counts == often.at().counts
    assert once.at().total == pytest.approx(often.at().total)
