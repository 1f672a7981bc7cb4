"""Beside a running hub the log is listed and recomputed; whatever was changed in the file is found and named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from contracts.errors import IntegrityViolation
from ledger import inspect as log_file
from ledger.stores.sqlite import SqliteStore
from ledger.writer import Writer
from tests.ledger import made


def _filled(folder: Path) -> Writer:
    ledger = made.opened(folder)
    for start in range(0, 12, 3):
        ledger.submit(made.packet(ledger, range(start, start + 4), source_id=f"m-{start}"))
        ledger.flush()
    return ledger


def test_the_log_is_listed_and_verified_while_the_hub_runs(tmp_path: Path) -> None:
    ledger = _filled(tmp_path)
    with log_file.LogFile(str(tmp_path)) as log:
        assert log.size() == ledger.committed
        assert log.checkpoint() == ledger.checkpoint()
        lines = log.tail(0, 100)
        assert [line.position for line in lines] == list(range(1, ledger.committed + 1))
        assert [(line.type, line.parts) for line in lines[:3]] == [
            ("key.added", 0),
            ("message.accepted", 11),
            ("dossier.submitted", 0),
        ]
        entry = log.entry(2)
        assert entry is not None
        assert entry["idx"] == 1
        assert log.entry(10_000) is None
        told: list[tuple[int, int]] = []
        verdict = log_file.verify(str(tmp_path), [ledger.vkey], lambda done, of: told.append((done, of)))
        assert verdict["ok"], verdict
        ledger.submit(made.packet(ledger, [1]))
        ledger.flush()
        assert log.size() == ledger.committed
    with log_file.LogFile(str(tmp_path)) as log:
        assert isinstance(log.store, SqliteStore)
        with pytest.raises(apsw.ReadOnlyError):
            log.store.connection.execute("DELETE FROM codes")
    assert log_file.verify_contents(ledger)["ok"]
    ledger.close()


def test_rows_of_the_log_can_not_be_changed_by_accident(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "ledger.db"))
    for table in ("events", "messages", "nodes", "checkpoints", "key_blocks", "names", "message_ids", "lanes", "seen"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = rowid + 1000"):  # noqa: S608
            with pytest.raises((apsw.ConstraintError, apsw.SQLError)):
                connection.execute(statement)
    connection.close()


def _tamper(folder: Path, *statements: str) -> None:
    connection = apsw.Connection(str(folder / "ledger.db"))
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _leaf(old: str, new: str, position: int) -> str:
    return f"UPDATE events SET leaf = CAST(replace(leaf, '{old}', '{new}') AS BLOB) WHERE position = {position}"  # noqa: S608


CHANGES = [
    (_leaf('"v":1}', '"v":1} ', 4), "leaves", "CANONICAL"),
    (_leaf('"idx":3', '"idx":4', 4), "positions", "TREE_ROOT"),
    (_leaf('"rev":0', '"rev":3', 4), "streams", "CHAIN"),
    (_leaf('"prev":"0', '"prev":"1', 4), "streams", "CHAIN"),
    (_leaf('"sv":1', '"sv":2', 2), "root", "TREE_ROOT"),
    (_leaf('"tr":"2026', '"tr":"2025', 9), "time", "TIME_ORDER"),
    ("DELETE FROM events WHERE position = (SELECT max(position) FROM events)", "root", "SIZE_SHORT"),
    ("DELETE FROM events WHERE position = 7", "positions", "TREE_ROOT"),
    ("UPDATE events SET topic = 'dossier.received' WHERE position = 3", "rows", "verify.row"),
    ("UPDATE nodes SET hashes = zeroblob(length(hashes)) WHERE first > 9", "nodes", "verify.node"),
    ("UPDATE messages SET commitments = zeroblob(length(commitments))", "messages", "verify.message"),
    ("DELETE FROM messages WHERE position = 2", "messages", "verify.message"),
    ("UPDATE heads SET rev = rev + 1 WHERE position = 4", "heads", "verify.head"),
    ("DELETE FROM heads WHERE position = 4", "heads", "verify.head"),
    ("UPDATE checkpoints SET note = replace(note, ' ', '  ') WHERE size = 6", "checkpoints", "NOTE_FORMAT"),
    (
        "UPDATE checkpoints SET note = (SELECT max(note) FROM checkpoints WHERE size = 6) WHERE size = 11",
        "checkpoints",
        "TREE_ROOT",
    ),
]


@pytest.mark.parametrize(("statement", "check", "code"), CHANGES)
def test_every_change_in_the_file_is_found_and_named(tmp_path: Path, statement: str, check: str, code: str) -> None:
    ledger = _filled(tmp_path)
    vkey = ledger.vkey
    ledger.close()
    _tamper(tmp_path, statement)
    verdict = log_file.verify(str(tmp_path), [vkey])
    found = {line["check"]: line["code"] for line in verdict["checks"] if not line["ok"]}
    assert not verdict["ok"]
    assert found.get(check) == code, found


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET leaf = CAST(leaf || ' ' AS BLOB) WHERE position = (SELECT max(position) FROM events)",
        "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)",
        "DELETE FROM checkpoints",
        "DELETE FROM events WHERE position = (SELECT max(position) FROM events)",
        "UPDATE nodes SET hashes = zeroblob(length(hashes)) WHERE first = (SELECT max(first) FROM nodes)",
        "DELETE FROM nodes",
        "UPDATE checkpoints SET note = replace(note, 'A', 'B')",
    ],
)
def test_a_log_whose_edge_is_not_what_was_signed_is_not_continued(tmp_path: Path, statement: str) -> None:
    _filled(tmp_path).close()
    _tamper(tmp_path, statement)
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        made.opened(tmp_path, seed="other")


def _flip(column: str, table: str, position: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        connection = apsw.Connection(str(folder / "ledger.db"))
        row: Any = connection.execute(f"SELECT {column} FROM {table} WHERE position = {position}").fetchone()  # noqa: S608
        changed = row[0][:-1] + bytes([row[0][-1] ^ 1])
        connection.close()
        _tamper(folder, f"UPDATE {table} SET {column} = x'{changed.hex()}' WHERE position = {position}")  # noqa: S608

    return change


def _exchange(folder: Path) -> None:
    _tamper(folder, "UPDATE events SET state = (SELECT state FROM events WHERE position = 4) WHERE position = 3")


def _read(ledger: Writer) -> object:
    return ledger.read(0, 100)


def _raw(ledger: Writer) -> object:
    return ledger.raw_message(2)


@pytest.mark.parametrize(
    ("change", "use"),
    [(_flip("state", "events", 3), _read), (_flip("sealed", "messages", 2), _raw), (_exchange, _read)],
)
def test_sealed_content_that_was_changed_or_moved_does_not_open(
    tmp_path: Path, change: Callable[[Path], None], use: Callable[[Writer], object]
) -> None:
    _filled(tmp_path).close()
    change(tmp_path)
    ledger = made.opened(tmp_path, seed="other")
    verdict = log_file.verify_contents(ledger)
    assert not verdict["ok"]
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        use(ledger)
    ledger.close()


def test_another_database_is_not_taken_for_a_log(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "ledger.db"))
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        made.opened(tmp_path)
