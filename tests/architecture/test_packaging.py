"""The wheel installs one public name, and what it installs runs in an environment that holds only what it asks for.

The empty environment gets copies of exactly the distributions that the wheel's metadata asks for, at the versions of
the lock: what the program imports without asking for is missing there.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
OURS = frozenset({"hub", "adapters", "contracts", "ledger", "monitoring"})
DATA = {".csv", ".toml", ".json", ".xsd", ".xml", ".yml", ".yaml", ".md", ".tmpl", ".py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", where], cwd=ROOT, check=True)
    (built,) = where.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment with the wheel and what it asks for."""
    venv = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    for name in asked_for("lienthong"):
        copy_distribution(name, site)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python"]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    return venv / "bin"


def asked_for(root: str) -> list[str]:
    """Every distribution that one asks for at run time, in this environment, itself not included."""
    found: dict[str, None] = {}
    waiting = [Requirement(root)]
    while waiting:
        wanted = waiting.pop()
        for text in importlib.metadata.requires(wanted.name) or []:
            inner = Requirement(text)
            extras = [{"extra": extra} for extra in ("", *sorted(wanted.extras))]
            if inner.name in found or (inner.marker and not any(inner.marker.evaluate(extra) for extra in extras)):
                continue
            found[inner.name] = None
            waiting.append(inner)
    return list(found)


def copy_distribution(name: str, site: Path) -> None:
    for file in importlib.metadata.distribution(name).files or []:
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file.locate(), target)


def run(command: list[str | Path], where: Path) -> subprocess.CompletedProcess[str]:
    """Run in a foreign directory, with nothing of this environment leaking in."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "LIENTHONG"))
    }
    return subprocess.run(command, cwd=where, env=clean, capture_output=True, text=True, check=False)


def test_the_wheel_holds_one_public_package_and_one_sealed_folder(names: list[str]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in names}
    (info,) = {top for top in tops if top.endswith(".dist-info")}
    assert tops == {"lienthong", "lienthong_app", info}
    assert {PurePosixPath(name).parts[1] for name in names if name.startswith("lienthong_app/")} == OURS
    assert f"{info}/licenses/LICENSE" in names
    assert "lienthong/py.typed" in names


def test_the_wheel_holds_every_data_file_and_no_test(names: list[str]) -> None:
    packed = {name.removeprefix("lienthong_app/") for name in names if name.startswith("lienthong_app/")}
    there = {
        path.relative_to(ROOT).as_posix()
        for package in sorted(OURS)
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix in DATA
    }
    assert there - packed == set()
    assert not [name for name in packed if name.endswith(".pyc")]
    assert not [name for name in packed if re.match(r"tests?/|conftest\.py|test_", name)]


def test_no_dependency_owns_one_of_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    taken = {name: owners[name] for name in sorted(OURS | {"lienthong_app"}) if owners.get(name)}
    assert taken == {}


def test_the_five_names_stay_sealed(installed: Path, tmp_path: Path) -> None:
    for name in sorted(OURS):
        done = run([installed / "python", "-c", f"import {name}"], tmp_path)
        assert "ModuleNotFoundError" in done.stderr, name


def test_an_adapter_author_imports_one_name(installed: Path, tmp_path: Path) -> None:
    done = run(
        [installed / "python", "-c", "from lienthong import Adapter, facts; print(facts.DossierReceived)"], tmp_path
    )
    assert done.stderr == ""
    assert "contracts.facts.DossierReceived" in done.stdout


def test_a_shadowed_name_is_an_error_and_never_a_mixture(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "ledger.py").write_text("", "utf-8")
    done = run([installed / "python", "-c", "import lienthong"], tmp_path)
    assert done.returncode == 1
    assert "needs its own package 'ledger'" in done.stderr


def test_help_answers_without_loading_the_program(installed: Path, tmp_path: Path) -> None:
    done = run([installed / "python", "-X", "importtime", installed / "lienthong", "--help"], tmp_path)
    assert done.returncode == 0
    assert "Usage: lienthong" in done.stdout
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in loaded
    heavy = {"aiohttp", "apsw", "cryptography", "eventsourcing", "lxml", "pydantic", "structlog", "xmlschema", "rich"}
    assert loaded & heavy == set()


def test_the_demo_runs_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    """Both processes: the hub, and the simulated parties that it starts from the sealed folder."""
    for name in ("adapters.py", "contracts.py"):
        (tmp_path / name).write_text("raise SystemExit('not ours')", "utf-8")
    state = tmp_path / "state"
    options = ["--seconds", "2", "--headless", "--json", "--port", "0", "--ops-port", "0", "--dir", str(state)]
    done = run([installed / "lienthong", "demo", *options], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["ok"]
    assert result["tree_size"] > 0
    verified = run([installed / "lienthong", "log", "verify", "--json", "--config", state / "lienthong.toml"], tmp_path)
    assert json.loads(verified.stdout)["ok"], verified.stderr


def test_the_skeleton_of_an_adapter_is_written_by_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    program = "from lienthong import AdapterConformance; from adapters.kit import scaffold; print(AdapterConformance)"
    done = run([installed / "python", "-c", program], tmp_path)
    assert done.stderr == ""
    assert "adapters.kit.conformance.AdapterConformance" in done.stdout
