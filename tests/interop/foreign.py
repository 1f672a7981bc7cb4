"""Other people's implementations, made ready once: from locked versions, below ``.cache/interop`` of this repository.

What is not installed on this machine, or can not be fetched, makes a test be skipped with the reason; under CI=true it
fails, so that no agreement is ever only believed.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache/interop"
_MINUTES: Final = 600


class NotReady(Exception):
    """This implementation can not be used here; the text says why."""


def _missing(why: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def _run(command: list[str], folder: Path, **environment: str) -> None:
    if shutil.which(command[0]) is None:
        raise NotReady(f"{command[0]} is not installed")
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_MINUTES,
    )
    if done.returncode:
        raise NotReady(f"{' '.join(command[:3])}: {done.stderr.strip()[-600:]}")


def _stamp(*sources: Path) -> str:
    return sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


@cache
def _go() -> list[str]:
    """The Go checker, built; a new build for new sources."""
    folder = HERE / "go"
    program = CACHE / "go" / f"check-{_stamp(*sorted(folder.glob('*.go')), folder / 'go.mod', folder / 'go.sum')}"
    if not program.exists():
        _run(
            ["go", "build", "-buildvcs=false", "-o", str(program), "."],
            folder,
            GOMODCACHE=str(CACHE / "go/modules"),
            GOCACHE=str(CACHE / "go/build"),
            GOFLAGS="-mod=readonly -modcacherw",
            GOTOOLCHAIN="local",
        )
    return [str(program)]


@cache
def _javascript() -> list[str]:
    """Node with the locked packages."""
    source = HERE / "javascript"
    folder = CACHE / "javascript" / _stamp(source / "package-lock.json")
    if shutil.which("node") is None:
        raise NotReady("node is not installed")
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, folder / name)
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        (folder / "ready").touch()
    return ["node", str(source / "check.js"), str(folder / "node_modules")]


@cache
def _python() -> list[str]:
    """This interpreter with the locked packages in front."""
    source = HERE / "python"
    folder = CACHE / "python" / _stamp(source / "requirements.txt")
    if not (folder / "ready").exists():
        # Its metadata asks for a newer Python than it uses; whether it runs here is what the tests show.
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        command += ["--no-deps", "--ignore-requires-python", "--upgrade", "--target", str(folder)]
        _run([*command, "-r", str(source / "requirements.txt")], source)
        (folder / "ready").touch()
    return [sys.executable, "-I", str(source / "check.py"), str(folder)]


@cache
def _openssl() -> list[str]:
    if shutil.which("openssl") is None:
        raise NotReady("openssl is not installed")
    return ["openssl"]


_PREPARE: Final = {"go": _go, "javascript": _javascript, "python": _python, "openssl": _openssl}


def command(name: str) -> list[str]:
    """How to start an implementation; skips or fails the test where it can not be had."""
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes share the folder
            return _PREPARE[name]()
    except (NotReady, subprocess.TimeoutExpired) as error:
        _missing(f"{name}: {error}")


def ask(name: str, what: str, *arguments: str | Path) -> Any:
    """One question to an implementation; its answer, which is JSON. A crash is a failure of the test."""
    done = subprocess.run(
        [*command(name), what, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=_MINUTES
    )
    assert done.returncode == 0, f"{name} {what}: {done.stderr[-2_000:]}"
    return json.loads(done.stdout)
