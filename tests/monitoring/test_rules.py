"""Alerts: each names a runbook that helps, uses metrics that exist, and fires exactly when it should."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from monitoring.endpoint import runbooks
from monitoring.metrics import PREFIX, Metrics

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring/rules/lienthong.rules.yml"
CASES = Path(__file__).with_name("rules_test.yml")
GROUPS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
EVERY_RULE: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = [rule for rule in EVERY_RULE if "alert" in rule]
FAMILIES = Metrics().families
SECTIONS = (
    *("### Triệu chứng", "### Ảnh hưởng", "### Kiểm tra", "### Khắc phục", "### Xác nhận"),
    *("### Symptom", "### Impact", "### Check", "### Fix", "### Verify"),
)


def promtool(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool; it is part of what the build machine has, and may be missing elsewhere."""
    if shutil.which("promtool") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is expected on the build machine")
        pytest.skip("promtool is not installed (package prometheus)")
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels']['severity']}")
def test_an_alert_says_what_where_and_how_bad(alert: dict[str, Any]) -> None:
    notes = alert["annotations"]
    assert re.fullmatch(r"Hub[A-Za-z]+|Watchdog", alert["alert"])
    assert alert["labels"]["severity"] in {"critical", "warning", "info", "none"}
    assert "{{" not in notes["summary"]
    assert notes["description"]
    assert notes["runbook_url"].endswith(f"/runbooks/{alert['alert']}")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {alert["alert"] for alert in ALERTS} == set(runbooks())


@pytest.mark.parametrize("name", sorted(runbooks()))
def test_a_runbook_has_all_sections_in_both_languages(name: str) -> None:
    text = runbooks()[name]
    assert text.startswith(f"# {name}\n")
    places = [text.find(section) for section in SECTIONS]
    assert -1 not in places
    assert places == sorted(places)
    for section, after in zip(SECTIONS, (*SECTIONS[1:], None), strict=True):
        body = text.partition(section)[2].partition(after or "\0")[0]
        assert len(body.strip()) > 10, f"{section} of {name} says nothing"


def used_in(text: str) -> set[str]:
    return set(re.findall(rf"\b{PREFIX}[a-z_]+[a-z]\b", text))


@pytest.mark.parametrize("text", [*(rule["expr"] for rule in EVERY_RULE), *runbooks().values()])
def test_every_metric_that_is_named_exists(text: str) -> None:
    for name in used_in(text):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in FAMILIES or FAMILIES[base].kind == "histogram", name


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_label_that_is_matched_is_declared(rule: dict[str, Any]) -> None:
    for name, matchers in re.findall(rf"({PREFIX}[a-z_]+)\{{([^}}]*)\}}", rule["expr"]):
        family = FAMILIES.get(name) or FAMILIES[re.sub(r"_(bucket|sum|count)$", "", name)]
        for label in re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\"", matchers):
            assert label in {*family.labels, "le"}


def test_the_objective_of_the_rules_is_an_edge_of_the_histogram() -> None:
    edges = set(re.findall(r'le="([^"]+)"', RULES.read_text("utf-8")))
    assert edges == {"5.0"}
    assert 5.0 in Metrics().sync_latency.bounds


def test_prometheus_accepts_the_rules_without_a_remark() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_finds_nothing_to_mend_in_the_metrics() -> None:
    metrics = Metrics()
    for family in metrics.families.values():
        family.at(*("x" for _ in family.labels))
    done = promtool("check", "metrics", text=generate_latest(metrics.registry).decode())
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_when_it_should_and_stays_silent_otherwise() -> None:
    done = promtool("test", "rules", str(CASES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried() -> None:
    tried = {
        case["alertname"]
        for one in yaml.safe_load(CASES.read_text("utf-8"))["tests"]
        for case in one["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert tried == {alert["alert"] for alert in ALERTS}
