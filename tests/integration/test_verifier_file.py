"""The verifier as one file: packed the same every time, and at work where nothing of ours is installed."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import cryptography

from hub.world import DiskFiles
from ledger.publication import Publication
from tests.ledger import made

ROOT = Path(__file__).parents[2]


def packed(target: Path) -> Path:
    subprocess.run([sys.executable, str(ROOT / "packaging/build_verifier.py"), str(target)], check=True)
    return target


def bare(folder: Path) -> Path:
    """A folder of modules that holds nothing but cryptography and what that imports."""
    site = Path(cryptography.__file__).parent.parent
    folder.mkdir()
    for name in ("cryptography", "cffi", "_cffi_backend", "pycparser"):
        for found in site.glob(f"{name}*"):
            if not found.name.endswith(("-info", ".pth")):
                (folder / found.name).symlink_to(found)
    return folder


def judged(verifier: Path, modules: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-S", str(verifier), *arguments, "--json"],
        cwd=modules,
        env={"PYTHONPATH": str(modules), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_file_is_the_same_every_time_and_holds_the_verifier_alone(tmp_path: Path) -> None:
    first, second = packed(tmp_path / "a.pyz"), packed(tmp_path / "b.pyz")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
    assert {name for name in names if not name.startswith("ledger/verifier/")} == {"__main__.py", "ledger/__init__.py"}


async def test_it_judges_a_published_log_with_nothing_of_ours_installed(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    await made.keep(ledger, made.packet(ledger, list(range(300))))
    published = Publication(DiskFiles(tmp_path), ledger.tree())
    published.open()
    for _ in published.steps():
        pass
    trust = tmp_path / "trust.txt"
    trust.write_text(f"log {ledger.vkey}\nquorum none\n")
    ledger.close()
    verifier, modules = packed(tmp_path / "v.pyz"), bare(tmp_path / "bare")
    log = tmp_path / "log"
    assert judged(verifier, modules, "--log", str(log), "--trust", str(trust))[0] == 0
    tile = log / "tile/0/000"
    tile.write_bytes(b"\0" + tile.read_bytes()[1:])
    code, result = judged(verifier, modules, "--log", str(log), "--trust", str(trust))
    assert code == 3
    assert next(check["code"] for check in result["checks"] if not check["ok"]) == "TREE_ROOT"
