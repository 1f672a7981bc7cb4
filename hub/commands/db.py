"""What ``lienthong db`` does: copies, putting them back, moving to PostgreSQL."""

import os
import shutil
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import IntegrityViolation, Misconfigured
from hub.commands.locate import config_path, directory_of, secret_of
from hub.commands.output import emit_json, say
from hub.settings import Settings, load
from hub.world import DiskFiles
from ledger import backup as copies
from ledger.heads_log import HEADS_FILE
from ledger.inspect import verify as verify_log
from ledger.keys import VERIFIER_KEY_FILE
from ledger.milestone import MILESTONE_FILE
from ledger.rotation import ENDED_FILE
from ledger.stores.open import open_postgres
from ledger.stores.sqlite import SqliteStore
from ledger.writer import KEYS_FILE, LEDGER_FILE, LOCK_FILE

MIGRATED: Final = ".migrated"
_SHOWN: Final = (MILESTONE_FILE, "log/checkpoint", "log/cosigned")
"""Files of the hub's directory that may know of more than the log itself."""


def _place(config: str) -> tuple[Settings, str]:
    path = config_path(config)
    settings = load(path)
    return settings, directory_of(settings, path.parent)


def _need_files(settings: Settings) -> None:
    if settings.ledger.store != "sqlite":
        raise Misconfigured(
            "config.invalid",
            "copies of a log in PostgreSQL are PostgreSQL's: pg_basebackup with WAL archiving for the log, short-lived "
            "ones for the keys; see docs/how-to/postgresql.md",
            name="ledger.store",
        )


def _tell(found: dict[str, object], *, as_json: bool, text: str) -> None:
    if as_json:
        emit_json(found)
    else:
        say(text)


# ── copies ───────────────────────────────────────────────────────────────────────────────────────


def backup(config: str, *, target: str, keys: bool, as_json: bool) -> None:
    """Copy one of the two databases."""
    settings, directory = _place(config)
    _need_files(settings)
    name = KEYS_FILE if keys else LEDGER_FILE
    manifest = copies.take(f"{directory}/{name}", Path(target))
    what = "the data keys" if keys else f"{manifest.size} events of {manifest.origin}"
    _tell(msgspec.to_builtins(manifest), as_json=as_json, text=f"copied {what} to {target}/{name}")


def restore(config: str, *, source: str, keys: str, only: bool, checkpoint: str, as_json: bool) -> None:
    """Judge copies, and put them back where that is allowed."""
    settings, directory = _place(config)
    _need_files(settings)
    log = copies.examine(Path(source), _trusted(Path(directory)))
    if log.file != LEDGER_FILE:
        raise Misconfigured("config.invalid", "this is a copy of the keys; give it with --keys", name=source)
    if log.origin != settings.ledger.origin:
        raise Misconfigured("ledger.other_origin", f"the copy is of {log.origin}, not of {settings.ledger.origin}")
    if keys and copies.examine(Path(keys), []).file != KEYS_FILE:
        raise Misconfigured("config.invalid", "this is no copy of the keys", name=keys)
    copies.hold_to(Path(source), _known(Path(directory), checkpoint))
    found: dict[str, object] = {"ok": True, "size": log.size, "origin": log.origin, "restored": not only}
    if not only:
        files = [(Path(source), LEDGER_FILE)]
        if log.heads and not (Path(directory) / HEADS_FILE).exists():  # one that is there is never older
            files.append((Path(source), HEADS_FILE))
        if keys:
            files.append((Path(keys), KEYS_FILE))
        _put_back(directory, files)
    done = "would be put back" if only else "were put back; start the hub"
    _tell(found, as_json=as_json, text=f"the copy verifies: {log.size} events of {log.origin} {done}")


def _trusted(directory: Path) -> list[str]:
    try:
        ended = directory / ENDED_FILE
        now = (directory / VERIFIER_KEY_FILE).read_text("utf-8").strip()
        return [now, *(ended.read_text("utf-8").split() if ended.is_file() else ())]
    except OSError as error:
        raise Misconfigured("config.missing", "put keys/ back first", name=VERIFIER_KEY_FILE) from error


def _known(directory: Path, given: str) -> dict[str, str]:
    """Every checkpoint that is shown: in the hub's directory, in what is left of its log, in the file given."""
    known = {}
    for name in (*_SHOWN, given):
        path = Path(name) if name == given else directory / name
        if name and path.is_file():
            known[name] = path.read_text("utf-8")
        elif name and name == given:
            raise Misconfigured("config.missing", "no such file", name=name)
    if (directory / LEDGER_FILE).is_file():
        left = SqliteStore(str(directory / LEDGER_FILE), read_only=True)
        try:
            newest = left.newest_checkpoint()
        finally:
            left.close()
        if newest is not None:
            known[LEDGER_FILE] = newest[1]
    return known


def _put_back(directory: str, files: list[tuple[Path, str]]) -> None:
    lock = DiskFiles(directory).lock(LOCK_FILE)
    try:
        for _, name in files:
            if (Path(directory) / name).exists():
                raise Misconfigured("config.invalid", "move it aside first; nothing was changed", name=name)
        for folder, name in files:
            arriving = Path(directory) / f".{name}.arriving"
            shutil.copyfile(folder / name, arriving)
            arriving.chmod(0o600)
            _sync(arriving)
            arriving.replace(Path(directory) / name)
        _sync(Path(directory))
    finally:
        lock.release()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ── moving ───────────────────────────────────────────────────────────────────────────────────────


def migrate(config: str, *, as_json: bool) -> None:
    """Move both files into the databases of the configuration; a second run goes on where the first was stopped."""
    from ledger.migrate import migrate as move

    settings, directory = _place(config)
    if settings.ledger.store != "postgres":
        raise Misconfigured(
            "config.invalid", 'set store = "postgres", dsn_file and keys_dsn_file first', name="ledger.store"
        )
    dsn = secret_of(directory, settings.ledger.dsn_file)
    keys_dsn = secret_of(directory, settings.ledger.keys_dsn_file)
    folder = Path(directory)
    for name in (LEDGER_FILE, KEYS_FILE):
        if not (folder / name).is_file():
            raise Misconfigured("config.missing", "nothing to move; was it moved before?", name=str(folder / name))
    lock = DiskFiles(directory).lock(LOCK_FILE)
    try:
        size, note = move(
            (str(folder / LEDGER_FILE), str(folder / KEYS_FILE)),
            (dsn, keys_dsn),
            lambda table, rows: say(f"  {table}: {rows} rows"),
        )
        trusted = _trusted(folder)
        verdict = verify_log(directory, trusted, tables=open_postgres(dsn, opening="read"))
        if not verdict["ok"]:
            wrong = next(check for check in verdict["checks"] if not check["ok"])
            raise IntegrityViolation("ledger.corrupt", f"{wrong['code']}: {wrong['detail']}")
        for name in (LEDGER_FILE, KEYS_FILE):
            (folder / name).rename(folder / f"{name}{MIGRATED}")
        _sync(folder)
    finally:
        lock.release()
    root = note.split("\n")[2]
    text = f"moved {size} events, root {root}, the same on both sides; the files are kept as *{MIGRATED}"
    _tell({"ok": True, "size": size, "root": root, "checkpoint": note}, as_json=as_json, text=text)
