"""Runs ``lienthong``: as a user does, in a process of its own, or (much faster) its entry point in this process."""

import asyncio
import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from hub import cli

PROGRAM: Final = str(Path(sys.executable).with_name("lienthong"))


class Ran(msgspec.Struct, frozen=True):
    """What a command left."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return msgspec.json.decode(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as one JSON value per line."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


async def start(*args: str, folder: Path, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    """Start a command in ``folder``."""
    return await asyncio.create_subprocess_exec(
        PROGRAM,
        *args,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={**{name: value for name, value in os.environ.items() if name != "LIENTHONG_CONFIG"}, **(env or {})},
    )


async def run(*args: str, folder: Path, env: Mapping[str, str] | None = None) -> Ran:
    """Run a command to its end."""
    process = await start(*args, folder=folder, env=env)
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out, err.decode())


def inside(*args: str, folder: Path) -> Ran:
    """Run the program's entry point in this process, to its end."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with _as_program(args, folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.run()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    out.flush()
    return Ran(code, out.buffer.getvalue(), err.getvalue())


@contextlib.contextmanager
def _as_program(args: tuple[str, ...], folder: Path) -> Iterator[None]:
    """Arguments, folder and environment of a program, and no trace of it afterwards."""
    root = logging.getLogger()
    before = (sys.argv, root.handlers[:], root.level, os.environ.pop("LIENTHONG_CONFIG", None))
    sys.argv = ["lienthong", *args]
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.argv, root.handlers[:], level, config = before
        root.setLevel(level)
        structlog.reset_defaults()
        if config is not None:
            os.environ["LIENTHONG_CONFIG"] = config
