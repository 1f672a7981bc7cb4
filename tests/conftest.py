"""What every test session does: no test depends on how fast the machine is, and skipped tests are written down.

Each session appends its skipped tests to a file, so that ``make test`` can end with all of them.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Under CI=true hypothesis brings a profile of its own, which has no deadline either and always draws the same.
if os.environ.get("CI") != "true":
    settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any-machine")

pytest_plugins = ["tests.postgres_server"]
SKIPS_FILE = "LIENTHONG_TEST_SKIPS"
"""Names, in the environment, the file that skipped tests are appended to."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Append ``where: reason`` for each skipped test of this session."""
    target = os.environ.get(SKIPS_FILE)
    if not target:
        return
    with Path(target).open("a", encoding="utf-8") as file:
        for report in terminalreporter.stats.get("skipped", []):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            file.write(f"{report.nodeid or report.fspath}: {str(reason).removeprefix('Skipped: ')}\n")
