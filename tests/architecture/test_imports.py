"""The arrow, the independence of adapters and the homes of libraries are kept; and the check would notice."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
    "contracts"
]
PLANTED = {
    "ledger/merkle.py": "import hub.settings",
    "adapters/opencps/values.py": "import adapters.portal.codes",
    "monitoring/health.py": "import cryptography",
    "contracts/moment.py": "import aiohttp",
    "hub/route.py": "import msgspec",
    "adapters/registry.py": "import jsonschema_rs",
}
"""One bad import for each contract."""


def lint_imports(where: Path) -> tuple[int, dict[str, str]]:
    """Run import-linter in a tree; its exit code and KEPT or BROKEN per contract."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(where), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    kept = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE))
    assert kept, done.stdout + done.stderr
    return done.returncode, kept


def test_every_import_follows_the_arrow() -> None:
    code, kept = lint_imports(ROOT)
    assert code == 0, kept
    assert kept == {contract["name"]: "KEPT" for contract in CONTRACTS}


def test_a_planted_bad_import_breaks_exactly_the_contract_it_offends(tmp_path: Path) -> None:
    for package in ("hub", "adapters", "contracts", "ledger", "monitoring"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "wire", "tables")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in PLANTED.items():
        path = tmp_path / name
        path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    code, kept = lint_imports(tmp_path)
    assert code != 0
    assert kept == {contract["name"]: "BROKEN" for contract in CONTRACTS}


def test_every_module_can_be_imported_alone_and_touches_nothing() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("import_each.py"))], capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout)
    assert report["modules"] > 40
    assert not report["wrong"]


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("lienthong", "aiohttp"),
        ("lienthong", "hub"),
        ("hub.cli", "aiohttp"),
        ("hub.cli", "lxml"),
        ("hub.cli", "eventsourcing"),
        ("monitoring.metrics", "aiohttp"),
        ("contracts.errors", "lxml"),
    ],
)
def test_what_is_not_needed_is_not_loaded(module: str, library: str) -> None:
    program = f"import sys, {module}; sys.exit({library!r} in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'packaging'}"}
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False).returncode == 0
