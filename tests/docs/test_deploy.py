"""The files for operations are files that the programs they are for accept."""

import configparser
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from hub.commands.config import TEMPLATE
from hub.settings import HubSettings
from monitoring.endpoint import runbooks

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/lienthong.service"
SCRAPE = ROOT / "deploy/prometheus/prometheus.yml"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names keep their capitals
    parser.read_string(UNIT.read_text("utf-8"))
    return parser


def test_prometheus_takes_the_configuration() -> None:
    if shutil.which("promtool") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is expected on the build machine")
        pytest.skip("promtool is not installed (package prometheus)")
    done = subprocess.run(["promtool", "check", "config", "--syntax-only", SCRAPE], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_scrapes_where_the_hub_listens_and_loads_the_rules_that_ship() -> None:
    content = yaml.safe_load(SCRAPE.read_text("utf-8"))
    (job,) = content["scrape_configs"]
    default = HubSettings()
    assert job["static_configs"] == [{"targets": [f"{default.ops_host}:{default.ops_port}"]}]
    assert (ROOT / "monitoring" / content["rule_files"][0]).is_file()


def test_the_service_outlives_the_graceful_stop_and_does_not_retry_what_a_human_must_mend() -> None:
    service = unit()["Service"]
    assert int(service["TimeoutStopSec"]) > HubSettings().shutdown_timeout_s
    assert service["RestartPreventExitStatus"].split() == ["3", "5"]
    assert shlex.split(service["ExecStart"])[1:] == ["serve", "--config", "/etc/lienthong/lienthong.toml"]


def test_the_page_says_what_the_template_lets_one_change() -> None:
    page = (ROOT / "docs/how-to/run-as-a-service.md").read_text("utf-8")
    assert 'directory = "' in TEMPLATE
    assert "origin" in page


def test_every_alert_has_its_runbook_inside_the_program() -> None:
    rules = yaml.safe_load((ROOT / "monitoring/rules/lienthong.rules.yml").read_text("utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    assert alerts == set(runbooks())
