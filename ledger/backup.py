"""Copies of ``ledger.db`` and ``keys.db`` taken beside a running hub, and the question whether one may be gone on from.

A signed log must never show two histories. A copy is older than the log it was taken from as soon as one more message
was accepted; going on from it would sign other leaves at positions that were signed before. So a copy is put back only
when the newest checkpoint that anybody shows is in it. Otherwise the origin has ended: a new one begins.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from contracts.errors import IntegrityViolation, Misconfigured
from ledger import checkpoint
from ledger.heads_log import HEADS_FILE
from ledger.inspect import LogFile, verify
from ledger.stores import connect
from ledger.stores.sqlite import SqliteStore

MANIFEST: Final = "backup.json"
LOG_COPY: Final = "ledger.db"
KEYS_COPY: Final = "keys.db"
_CHUNK: Final = 1 << 20
NEW_ORIGIN: Final = (
    "Look for a newer copy. If there is none, this origin has ended: begin a new log with another ledger.origin in an "
    "empty directory, name the last known checkpoint of the old one when you announce it, tell the holders of newer "
    "receipts, and reconcile every party before delivery starts. The copy still proves what it holds: "
    "`lienthong log verify` reads it."
)


class Manifest(msgspec.Struct, frozen=True):
    """What a copy is: which file, its SHA-256, and for a log its origin, size and newest checkpoint.

    ``heads`` is the SHA-256 of the heads log beside a log, "" where there is none.
    """

    file: str
    sha256: str
    origin: str = ""
    size: int = 0
    checkpoint: str = ""
    heads: str = ""


def take(source: str, target: Path) -> Manifest:
    """Copy one database by SQLite's online backup while others write to it; durable when this returns.

    A log is copied with its heads log. That one first: it never covers more than the log does.

    Raises:
        Misconfigured: ``config.missing`` without the source, ``config.invalid`` where a copy lies already.
    """
    name = Path(source).name
    if not Path(source).is_file():
        raise Misconfigured("config.missing", "nothing to copy", name=source)
    copy = target / name
    if copy.exists() or (target / MANIFEST).exists():
        raise Misconfigured("config.invalid", "a copy lies here already; name an empty directory", name=str(target))
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    heads = Path(source).with_name(HEADS_FILE)
    with_heads = name == LOG_COPY and heads.is_file()
    if with_heads:
        _copy_database(str(heads), str(target / HEADS_FILE))
    _copy_database(source, str(copy))
    manifest = Manifest(name, _hash_of(copy))
    if name == LOG_COPY:
        with LogFile(str(target)) as log:
            signed = log.checkpoint()
        head = checkpoint.parse(_text_of(signed)) if signed else None
        manifest = Manifest(
            name,
            manifest.sha256,
            head.origin if head else "",
            head.size if head else 0,
            signed,
            _hash_of(target / HEADS_FILE) if with_heads else "",
        )
    (target / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def _copy_database(source: str, copy: str) -> None:
    reader = connect.open_reader(source)
    writer = apsw.Connection(copy)
    try:
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(-1)  # in one go: writing by others would begin a copy in steps anew, again and again
        writer.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, nothing beside it
    finally:
        writer.close()
        reader.close()
    Path(copy).chmod(0o600)


def examine(folder: Path, vkeys: list[str]) -> Manifest:
    """Judge a copy: the manifest's hash, SQLite's own check, and for a log everything that is on it.

    Raises:
        Misconfigured: ``config.missing`` where there is no copy.
        IntegrityViolation: ``ledger.corrupt`` with the first thing that is wrong.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise Misconfigured("config.missing", str(error), name=str(folder / MANIFEST)) from error
    copy = folder / manifest.file
    if manifest.file not in {LOG_COPY, KEYS_COPY} or not copy.is_file() or _hash_of(copy) != manifest.sha256:
        raise IntegrityViolation("ledger.corrupt", f"{copy} is not the file that {MANIFEST} describes")
    _check_database(copy)
    if manifest.heads:
        if not (folder / HEADS_FILE).is_file() or _hash_of(folder / HEADS_FILE) != manifest.heads:
            raise IntegrityViolation(
                "ledger.corrupt", f"{folder / HEADS_FILE} is not the file that {MANIFEST} describes"
            )
        _check_database(folder / HEADS_FILE)
    if manifest.file == LOG_COPY:
        checks = verify(str(folder), vkeys)["checks"]
        wrong = [check for check in checks if not check["ok"]]
        if wrong:
            raise IntegrityViolation("ledger.corrupt", f"{wrong[0]['code']} at {wrong[0]['position']}: {copy}")
    return manifest


def _check_database(copy: Path) -> None:
    reader = connect.open_reader(str(copy))
    try:
        said: Any = reader.execute("PRAGMA integrity_check").fetchall()
    finally:
        reader.close()
    if said != [("ok",)]:
        raise IntegrityViolation("ledger.corrupt", f"{copy}: {said[0][0]}")


def hold_to(folder: Path, known: dict[str, str]) -> None:
    """Refuse a copy of the log that lacks what is known to have been signed. ``known``: where it is shown → the note.

    Raises:
        IntegrityViolation: ``ledger.rollback``, with what to do.
    """
    if not known:
        raise IntegrityViolation(
            "ledger.rollback",
            "Nothing shows how far this log had come when it was lost. Give the newest checkpoint that anybody outside "
            "holds (a witness, a receipt, `/log/checkpoint` as somebody saved it) with --checkpoint. " + NEW_ORIGIN,
        )
    store = SqliteStore(str(folder / LOG_COPY), read_only=True)
    try:
        for where, note in known.items():
            text = _text_of(note)
            head = checkpoint.parse(text)
            covering = store.checkpoint_covering(head.size)
            if store.size() < head.size:
                found = f"{where} shows that {head.size} events were signed; the copy ends at {store.size()}."
            elif covering is None or covering[0] != head.size or _text_of(covering[1]) != text:
                found = f"The first {head.size} events of the copy are not those that {where} signs."
            else:
                continue
            raise IntegrityViolation("ledger.rollback", f"{found} {NEW_ORIGIN}")
    finally:
        store.close()


def _text_of(signed: str) -> str:
    return signed.partition("\n\n")[0] + "\n"


def _hash_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
