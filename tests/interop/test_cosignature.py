"""Cosignatures of ours before Go's sumdb notes, and lines made in Go before our reader."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.cosignature import WitnessKey, cosign, find_cosignatures, parse_witness_key, split_note, with_lines
from ledger.keys import FileSigner
from tests.interop.foreign import CACHE, HERE
from tests.ledger.plain_log import PlainLog

AT = 1_767_573_000


@cache
def program() -> Path:
    """The Go program, built from locked modules; skips with the reason, fails under CI=true."""
    folder = HERE / "cosignature"
    sources = sorted([*folder.glob("*.go"), *folder.glob("go.*")])
    built = CACHE / "go" / f"cosignature-{sha256(b''.join(one.read_bytes() for one in sources)).hexdigest()[:16]}"
    why = "go is not installed"
    if built.exists():
        return built
    if shutil.which("go") is not None:
        environment = {
            "GOMODCACHE": str(CACHE / "go/modules"),
            "GOCACHE": str(CACHE / "go/build"),
            "GOFLAGS": "-mod=readonly -modcacherw",
            "GOTOOLCHAIN": "local",
        }
        done = subprocess.run(
            ["go", "build", "-buildvcs=false", "-o", str(built), "."],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.returncode:
            return built
        why = done.stderr[-600:]
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def go(*arguments: str | Path) -> Any:
    done = subprocess.run([program(), *arguments], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def witness(number: int) -> tuple[FileSigner, WitnessKey]:
    signer = FileSigner(f"chung-kien.example/w{number}", bytes([number]) * 32)
    return signer, WitnessKey(signer.name, signer.public_key())


def test_go_opens_a_checkpoint_with_our_cosignatures(tmp_path: Path) -> None:
    log = PlainLog(70)
    text, _ = split_note(log.head())
    keys = []
    lines = ""
    for number in (1, 2, 3):
        signer, key = witness(number)
        lines += cosign(text, signer, AT + number)
        keys.append(key)
    signed = with_lines(log.head(), find_cosignatures(text, lines, keys))
    (tmp_path / "cosigned").write_text(signed, "utf-8")
    told = go("open", tmp_path / "cosigned", log.vkey, *(key.text() for key in keys))
    assert told == {"ok": True, "times": {key.name: AT + number for number, key in enumerate(keys, 1)}, "unknown": 0}
    assert go("open", tmp_path / "cosigned", log.vkey) == {"ok": True, "times": {}, "unknown": 3}


SPOILERS: dict[str, Callable[[str], str]] = {
    "another size": lambda signed: signed.replace("\n70\n", "\n71\n"),
    "a time": lambda signed: signed[:-100] + ("A" if signed[-100] != "A" else "B") + signed[-99:],
    "a signature": lambda signed: signed[:-20] + ("A" if signed[-20] != "A" else "B") + signed[-19:],
}


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_go_refuses_what_we_refuse(spoiler: str, tmp_path: Path) -> None:
    log = PlainLog(70)
    signer, key = witness(1)
    text, _ = split_note(log.head())
    spoiled = SPOILERS[spoiler](log.head() + cosign(text, signer, AT))
    (tmp_path / "cosigned").write_text(spoiled, "utf-8")
    assert not go("open", tmp_path / "cosigned", log.vkey, key.text())["ok"]


def test_a_line_made_in_go_is_read_here(tmp_path: Path) -> None:
    text, _ = split_note(PlainLog(70).head())
    (tmp_path / "text").write_text(text, "utf-8")
    made = go("sign", tmp_path / "text", "chung-kien.example/w1", "01" * 32, str(AT))
    key = parse_witness_key(made["vkey"])
    (found,) = find_cosignatures(text, made["line"], [key])
    assert (found.key, found.at_s) == (key, AT)
    signer, ours = witness(1)
    assert ours == key
    assert made["line"] == cosign(text, signer, AT)
