"""``lienthong log heads``: how far completeness is proven, read beside a running hub."""

from base64 import b64encode
from pathlib import Path

from contracts.errors import MessageRefused, Misconfigured
from hub.commands.locate import config_path, directory_of, tables_of
from hub.commands.output import emit_json, emit_table
from hub.settings import load
from ledger.heads_log import HEADS_FILE, read_entry
from ledger.inspect import LogFile
from ledger.stores.heads_store import HeadsRow, HeadsStore


def _newest(directory: str) -> HeadsRow:
    path = Path(directory) / HEADS_FILE
    if not path.is_file():
        raise Misconfigured("config.missing", "no heads log has begun here", name=str(path))
    store = HeadsStore(str(path), read_only=True)
    try:
        row = store.newest()
    finally:
        store.close()
    if row is None:
        raise MessageRefused("query.not_found", "the heads log has no entry yet")
    return row


def show(config: str, *, as_json: bool) -> None:
    """The newest entry of the heads log, its checkpoint, and how many events it does not cover yet.

    Raises:
        Misconfigured: ``config.missing`` where no heads log has begun.
        MessageRefused: ``query.not_found`` before its first entry.
    """
    path = config_path(config)
    settings = load(path)
    directory = directory_of(settings, path.parent)
    row = _newest(directory)
    with LogFile(directory, tables_of(settings, directory)) as log:
        size = log.size()
    entry = read_entry(row.entry)
    shown = {
        "origin": row.note.partition("\n")[0],
        "size": row.idx + 1,
        "input_size": entry.input_size,
        "input_root": entry.input_root,
        "map_root": entry.map_root,
        "streams": entry.streams,
        "log_size": size,
        "behind": size - entry.input_size,
    }
    if as_json:
        emit_json({**shown, "entry": b64encode(row.entry).decode("ascii"), "checkpoint": row.note})
    else:
        emit_table(("member", "value"), [{"member": name, "value": value} for name, value in shown.items()])
