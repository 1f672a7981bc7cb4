"""``lienthong log``: the signed log as it lies on disk, read beside a running hub. Never opens sealed content."""

import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.errors import IntegrityViolation, MessageRefused, Misconfigured
from hub.commands.locate import config_path, directory_of, tables_of
from hub.commands.output import emit_json, emit_lines, emit_table, say
from hub.settings import TRUST_FILE, load
from ledger.inspect import LogFile
from ledger.inspect import verify as verify_log
from ledger.rotation import ENDED_FILE
from ledger.stores.store import LogTables

_COLUMNS: Final = ("position", "recorded_at", "type", "source", "stream", "rev")
_LAST: Final = 10
_PAGE: Final = 1_000
_LOOK_S: Final = 0.5
EXIT_OK: Final = 0
EXIT_VERIFICATION: Final = 3


def _place(config: str) -> tuple[str, LogTables | None]:
    """The hub's directory, and the log's tables where they lie elsewhere."""
    path = config_path(config)
    settings = load(path)
    directory = directory_of(settings, path.parent)
    tables = tables_of(settings, directory)
    if tables is None and not (Path(directory) / "ledger.db").is_file():
        raise Misconfigured("config.missing", "no log has begun here", name=f"{directory}/ledger.db")
    return directory, tables


def tail(config: str, *, after: int, follow: bool, as_jsonl: bool) -> None:
    """The newest leaves, and with ``follow`` those that come."""
    with LogFile(*_place(config)) as log:
        position = max(0, log.size() - _LAST) if after < 0 else after
        while True:
            lines = log.tail(position, _PAGE)
            if lines:
                rows = [msgspec.to_builtins(line) for line in lines]
                emit_lines(rows) if as_jsonl else emit_table(
                    ("position", "recorded_at", "type", "source", "stream", "rev"), rows
                )
                position = lines[-1].position
            elif not follow:
                return
            else:
                time.sleep(_LOOK_S)  # a command of its own, not the hub's loop


def show(config: str, *, position: int, as_json: bool) -> None:
    """One leaf."""
    with LogFile(*_place(config)) as log:
        entry = log.entry(position)
    if entry is None:
        raise MessageRefused("query.not_found")
    if as_json:
        emit_json(entry)
    else:
        emit_table(("member", "value"), [{"member": name, "value": value} for name, value in entry.items()])


def checkpoint(config: str) -> None:
    """The newest signed checkpoint, exactly as it was signed."""
    with LogFile(*_place(config)) as log:
        sys.stdout.write(log.checkpoint())


def verify(config: str, *, start: int, end: int, as_json: bool) -> int:
    """Recompute the whole log; findings outside ``start``…``end`` are left out of the report."""
    directory, tables = _place(config)
    trusted = _trusted(directory)
    try:
        progress = _progress if sys.stderr.isatty() else None
        found = verify_log(directory, trusted, progress, tables=tables)["checks"]
    except IntegrityViolation as error:
        found = [{"check": "file", "code": error.code, "ok": False, "position": None, "detail": error.detail}]
    checks = [one for one in found if _within(one, start, end)]
    ok = all(one["ok"] for one in checks)
    if as_json:
        emit_json({"ok": ok, "checks": checks})
    else:
        emit_table(("check", "code", "ok", "position", "detail"), checks)
        say("the log agrees with itself and with its signature" if ok else "THE LOG DOES NOT VERIFY")
    return EXIT_OK if ok else EXIT_VERIFICATION


def _trusted(directory: str) -> list[str]:
    try:
        lines = (Path(directory) / TRUST_FILE).read_text("ascii").splitlines()
    except OSError as error:
        raise Misconfigured("config.missing", "the log's verifier keys", name=TRUST_FILE) from error
    trusted = [line.split()[1] for line in lines if line.startswith("log ")]
    ended = Path(directory) / ENDED_FILE  # what a revoked key signed in its time is still this log
    return list(dict.fromkeys([*trusted, *(ended.read_text("utf-8").split() if ended.is_file() else ())]))


def _within(check: dict[str, Any], start: int, end: int) -> bool:
    position = check.get("position")
    return not position or (position >= start and (not end or position <= end))


def _progress(done: int, size: int) -> None:
    sys.stderr.write(f"\r  {done}/{size} leaves")
