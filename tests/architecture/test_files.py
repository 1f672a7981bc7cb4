"""The shape of the tree: names that say something, files one can read, tests where one looks for them."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("contracts", "monitoring", "ledger", "adapters", "hub")
LONGEST = 600
VAGUE = frozenset(
    {
        *("utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "managers", "stuff"),
        *("tools", "lib", "shared", "types", "constants", "service", "services", "handlers", "impl", "internal"),
    }
)
REGISTRIES = re.compile(
    "|".join(
        [
            r"pypi\." + "org",
            "files.python" + r"hosted\.org",
            "registry." + r"npmjs\.org",
            "proxy." + r"golang\.org",
            r"index\." + "crates",
            "jfr" + "og",
            "artifac" + "tory",
            "sona" + "type",
            "/nex" + "us/",
        ]
    )
)
MACHINE_PATHS = re.compile(
    "|".join(
        [
            r"(?<![\w.])/wor" + r"k/",
            r"(?<![\w.])/roo" + r"t/",
            "/hom" + r"e/\w",
            "/User" + r"s/\w",
            r"\b[C-E]:\\" + "(?:Users|Temp|work)",
        ]
    )
)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


@cache
def tracked() -> tuple[Path, ...]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True)
    if done.returncode:
        pytest.skip("not a checkout of git")
    return tuple(path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_no_file_has_a_name_that_says_nothing() -> None:
    for path in tracked():
        parts = {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
        assert not parts & VAGUE, name_of(path)


def test_every_file_can_be_read_in_one_sitting() -> None:
    long = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in tracked() if path.suffix == ".py"}
    assert not {name: lines for name, lines in long.items() if lines >= LONGEST}


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS], ids=["registries", "machine paths"])
def test_no_file_names_a_registry_or_a_place_on_somebodys_machine(pattern: re.Pattern[str]) -> None:
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name_of(path)}: {match.group()}" for match in pattern.finditer(text)]
    assert not found


def test_nothing_is_left_unfinished() -> None:
    found = []
    for path in sources():
        found += [f"{name_of(path)}: {match.group()}" for match in UNFINISHED.finditer(path.read_text("utf-8"))]
    assert not found


def test_every_module_says_what_it_is() -> None:
    silent = [name_of(path) for path in sources() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


INTERPLAY = {"tests/adapters/civil_status/test_exchange.py": "remote, source and simulator talk to each other"}
"""Tests of several files at once, with the reason."""


def test_every_test_file_mirrors_a_source() -> None:
    """``tests/<package>/test_<file>.py`` tests ``<package>/<file>.py``, or a family of files with that first word."""
    astray = []
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        if len(parts) < 3 or parts[0] != "tests" or parts[1] not in PACKAGES or not parts[-1].startswith("test_"):
            continue
        folder = ROOT.joinpath(*parts[1:-1])
        subject = parts[-1].removeprefix("test_").removesuffix(".py")
        if name_of(path) not in INTERPLAY and not any(_mirrors(folder, subject)):
            astray.append(name_of(path))
    assert not astray


def _mirrors(folder: Path, subject: str) -> list[bool]:
    words = subject.split("_")
    heads = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return [(folder / f"{head}.py").is_file() or (folder / head).is_dir() for head in heads] + [
        folder.name == words[0] and folder.is_dir()
    ]


def test_every_source_is_tested_by_name_or_by_its_neighbours() -> None:
    """Each folder of sources has tests of its own; a file without a test of its name is imported by one that has."""
    untested = []
    for path in sources():
        inside = path.relative_to(ROOT)
        if path.name in {"__init__.py", "__main__.py"}:
            continue
        module = ".".join(inside.with_suffix("").parts)
        own = ROOT / "tests" / inside.parent / f"test_{inside.stem}.py"
        if not own.is_file() and not _imported_somewhere(module):
            untested.append(name_of(path))
    assert not untested


@cache
def _every_import() -> frozenset[str]:
    found = set()
    for top in ("tests", "packaging", *PACKAGES):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
                elif isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
    return frozenset(found)


def _imported_somewhere(module: str) -> bool:
    return module in _every_import()
