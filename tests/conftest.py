"""What every test session does: it leaves a line per skipped test, so that ``make test`` can end with all of them."""

import os
from pathlib import Path

import pytest

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
