"""``lienthong doctor``: what could go wrong on this machine, a line each, with its mend."""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from contracts.errors import HubError
from hub.commands.locate import config_path, directory_of, secret_of
from hub.commands.output import emit_json, emit_table, say
from hub.settings import Settings, load
from ledger.stores.open import postgres_report

_PACKAGES: Final = (
    "lienthong",
    "aiohttp",
    "apsw",
    "cryptography",
    "eventsourcing",
    "lxml",
    "msgspec",
    "uvloop",
    "xmlschema",
)
_OLDEST_SQLITE: Final = (3, 51, 3)
_FREE_BYTES: Final = 1024**3
_SLOW_FSYNC_S: Final = 0.02
_FSYNC_TRIES: Final = 20
_OTHERS: Final = 0o077
EXIT_OK: Final = 0
EXIT_INVALID: Final = 5


class Line(NamedTuple):
    """One finding."""

    check: str
    ok: bool
    found: str
    mend: str = ""


def run(given: str, *, as_json: bool) -> int:
    """Print every check; 0 when all pass, 5 otherwise."""
    lines = list(_checks(given))
    rows: list[dict[str, Any]] = [line._asdict() for line in lines]
    if as_json:
        emit_json({"ok": all(line.ok for line in lines), "checks": rows})
    else:
        emit_table(("check", "ok", "found", "mend"), rows)
        say("all is well" if all(line.ok for line in lines) else "see the mends above")
    return EXIT_OK if all(line.ok for line in lines) else EXIT_INVALID


def _checks(given: str) -> Iterator[Line]:
    yield Line("python", ok=True, found=platform.python_version())
    for package in _PACKAGES:
        try:
            yield Line(package, ok=True, found=version(package))
        except PackageNotFoundError:
            yield Line(
                package, ok=False, found="not installed", mend="install lienthong into an environment of its own"
            )
    sqlite = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    yield Line("sqlite", sqlite >= _OLDEST_SQLITE, apsw.sqlite_lib_version(), "upgrade apsw: older lose commits")
    yield Line("clock", ok=time.time() > 0, found=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), mend="")
    try:
        path = config_path(given)
        settings = load(path)
    except HubError as error:
        yield Line("configuration", ok=False, found=error.code, mend=error.detail or error.en)
        return
    yield Line("configuration", ok=True, found=str(path))
    yield from _directory_checks(Path(directory_of(settings, path.parent)), settings)


def _directory_checks(directory: Path, settings: Settings) -> Iterator[Line]:
    if not directory.is_dir():
        yield Line("directory", ok=True, found=f"{directory}: made at the first start")
        return
    free = shutil.disk_usage(directory).free
    yield Line("disk", free >= _FREE_BYTES, f"{free // 1024**2} MiB free", "make room: a full disk stops the hub")
    fsync_s = _fsync_seconds(directory)
    yield Line(
        "fsync",
        fsync_s < _SLOW_FSYNC_S,
        f"{1_000 * fsync_s:.2f} ms",
        "every commit waits for it",
    )
    if settings.ledger.store == "postgres":
        yield from _postgres_checks(directory, settings)
    for name in ("keys/log.key", "keys/wrapping.key", "access.json"):
        yield _owner_only(directory / name, name)
    for party in settings.party:
        if party.secret_file:
            yield _owner_only(directory / party.secret_file, party.secret_file)


def _postgres_checks(directory: Path, settings: Settings) -> Iterator[Line]:
    """The two databases: reachable, durable, apart, and able to forget a key."""
    names = {"database": settings.ledger.dsn_file, "keys database": settings.ledger.keys_dsn_file}
    for check, name in names.items():
        yield _owner_only(directory / name, name)
        try:
            found = postgres_report(secret_of(str(directory), name), keys=check != "database")
        except HubError as error:
            yield Line(check, ok=False, found=error.code, mend=error.detail or error.en)
            continue
        yield Line(check, ok=not found.mends, found=found.text, mend="; ".join(found.mends))


def _owner_only(path: Path, name: str) -> Line:
    if not path.is_file():
        return Line(
            name, ok=name != "access.json" or not path.parent.exists(), found="absent", mend="lienthong party add …"
        )
    mode = path.stat().st_mode
    return Line(name, ok=not mode & _OTHERS, found=oct(mode & 0o777), mend=f"chmod 600 {name}")


def _fsync_seconds(directory: Path) -> float:
    """Median time of one small synced write in the hub's own directory."""
    path = directory / f".doctor.{os.getpid()}"
    times = []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(_FSYNC_TRIES):
                began = time.perf_counter()
                file.write(b"x" * 512)
                os.fsync(file.fileno())
                times.append(time.perf_counter() - began)
    finally:
        path.unlink(missing_ok=True)
    return sorted(times)[len(times) // 2]
