"""The declared metrics: names, bounds, documentation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from contracts.errors import CODES
from monitoring.metrics import PREFIX, SERIES_BUDGET, SYNC_OBJECTIVE_S, Metrics, table
from monitoring.series import Counter, Gauge, Histogram

ROOT = Path(__file__).parents[2]
FAMILIES = Metrics().families


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_names_follow_the_conventions(name: str) -> None:
    family = FAMILIES[name]
    assert re.fullmatch(PREFIX + r"[a-z][a-z_]+", name)
    assert name.endswith("_total") == isinstance(family, Counter)
    assert name.endswith("_info") or not set(name.split("_")) & set(family.labels)
    assert not re.search(r"_(ms|us|kb|mb|minutes|percent)(_|$)", name)
    assert family.help.endswith((".", "0."))
    assert not {"le", "quantile", "dossier", "code_of_dossier", "person", "url"} & set(family.labels)


def test_the_whole_stays_within_the_budget_even_when_every_family_is_full() -> None:
    assert sum(family.most * family.samples_per_cell for family in FAMILIES.values()) <= SERIES_BUDGET


def test_the_headline_histogram_has_an_edge_exactly_at_the_objective() -> None:
    assert SYNC_OBJECTIVE_S in Metrics().sync_latency.bounds
    assert SYNC_OBJECTIVE_S == 5.0


def test_reasons_of_refusal_are_the_closed_list() -> None:
    metrics = Metrics()
    for code in CODES:
        metrics.messages_refused.add(1, "p", code)
    metrics.messages_refused.add(1, "p", "made.up")
    assert ("p", "other") in metrics.messages_refused.cells()
    assert len(metrics.messages_refused.cells()) == len(CODES) + 1


def test_two_hubs_in_one_process_never_meet() -> None:
    one, two = Metrics(), Metrics()
    one.clock_steps.add(1)
    assert two.clock_steps.at().value == 0


def test_a_registry_given_is_the_one_used_and_tells_of_the_process() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, version="1.2.3", commit="abc")
    text = generate_latest(registry).decode()
    assert metrics.registry is registry
    assert 'lienthong_build_info{commit="abc",version="1.2.3"} 1.0' in text
    for standard in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert standard in text


def test_every_metric_is_scraped_under_its_declared_name_and_kind() -> None:
    metrics = Metrics()
    for family in metrics.families.values():
        values = ["x"] * len(family.labels)
        if isinstance(family, Histogram):
            family.observe(1.0, *values)
        elif isinstance(family, Gauge):
            family.set(1, *values)
        else:
            family.add(1, *values)
    shown = {
        family.name: family.type
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }
    for family in metrics.families.values():
        assert shown[family.name.removesuffix("_total")] == family.kind


def test_the_reference_page_is_what_the_declarations_say() -> None:
    assert (ROOT / "docs/reference/metrics.md").read_text("utf-8") == table()


def test_the_table_can_be_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "monitoring.metrics"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert done.stdout == table()
