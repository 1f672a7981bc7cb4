"""Reading the log's file beside a running hub: tail, checkpoint, verify. Never opens ``keys.db``.

Everything is read in slices by position, so that no snapshot is held while the log grows. ``verify`` recomputes all
there is from the stored bytes with the independent verifier; ``verify_contents`` also opens what can be opened, and
needs the ledger itself.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Self

import msgspec

from contracts.errors import IntegrityViolation
from ledger import leaf, merkle
from ledger.stores.recorder import LIBRARY_TYPE
from ledger.stores.sqlite import SqliteStore
from ledger.stores.store import LogTables
from ledger.verifier.log import LogVerifier
from ledger.verifier.report import Report
from ledger.writer import LEDGER_FILE, Writer

_SLICE: Final = 2_000
_HASH_BYTES: Final = 32
Progress = Callable[[int, int], None]
"""Called with (leaves judged, leaves in all)."""


class LogLine(msgspec.Struct, frozen=True):
    """One leaf as people list it; ``parts`` is the number of message parts it commits to."""

    position: int
    recorded_at: str
    type: str
    stream: str
    rev: int
    source: str
    leaf_hash: str
    parts: int


class LogFile:
    """A log on disk, or in ``tables`` that were opened to read, elsewhere. Use as a context manager."""

    def __init__(self, directory: str, tables: LogTables | None = None) -> None:
        self._store = SqliteStore(f"{directory}/{LEDGER_FILE}", read_only=True) if tables is None else tables

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def size(self) -> int:
        """How many leaves are committed now."""
        return self._store.size()

    def checkpoint(self) -> str:
        """The newest signed checkpoint, "" for an empty log."""
        newest = self._store.newest_checkpoint()
        return "" if newest is None else newest[1]

    def entry(self, position: int) -> dict[str, Any] | None:
        """The members of one leaf, None where there is none."""
        stored = self._store.leaf(position)
        return None if stored is None else leaf.describe(stored)

    def tail(self, after: int, limit: int) -> list[LogLine]:
        """Leaves beyond ``after``, in order, at most ``limit`` and at most one slice."""
        return [_line(row[0], row[4]) for row in self._store.leaves(after, min(limit, _SLICE))]

    def rows(self, upto: int) -> Iterator[tuple[int, bytes, int, str, bytes]]:
        """(position, stream, version, topic, leaf) of the first ``upto`` leaves."""
        after = 0
        while after < upto:
            rows = self._store.leaves(after, min(_SLICE, upto - after))
            if not rows:
                return
            yield from rows
            after = rows[-1][0]

    def checkpoints(self, upto: int) -> Iterator[tuple[int, str]]:
        """(size, note) of every checkpoint up to a size."""
        after = 0
        while rows := [row for row in self._store.checkpoints(after, _SLICE) if row[0] <= upto]:
            yield from rows
            after = rows[-1][0]

    @property
    def store(self) -> LogTables:
        """The tables below."""
        return self._store


def _line(position: int, stored: bytes) -> LogLine:
    found = leaf.parse(stored)
    parts = next((item.n for item in found.pc if item.r == "parts"), 0)
    return LogLine(
        position, found.tr, found.typ, found.sid, found.rev, found.src, merkle.leaf_hash(stored).hex(), parts
    )


def verify(
    directory: str, vkeys: Sequence[str], progress: Progress | None = None, *, tables: LogTables | None = None
) -> dict[str, Any]:
    """Recompute the whole log from its stored bytes up to the newest checkpoint.

    Judged besides what the independent verifier judges: that the tables beside the leaves (columns, nodes, heads,
    parts) say what the leaves say. Returns ``{"ok", "checks": […]}``.
    """
    with LogFile(directory, tables) as log:
        note = log.checkpoint()
        size = _size_of(note)
        judge = LogVerifier(note, vkeys, log.checkpoints(size))
        beside = _Tables(log.store)
        for position, stream, version, topic, entry in log.rows(size):
            members = judge.take(position, entry)
            if members is not None:
                beside.take(position, stream, version, topic, entry, members)
            if progress is not None and position % _SLICE == 0:
                progress(position, size)
        beside.judge_heads(judge.heads(), size)
        verdict = judge.result()
    checks = [*verdict["checks"], *beside.report.result()["checks"]]
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


def _size_of(note: str) -> int:
    lines = note.split("\n")
    return int(lines[1]) if len(lines) > 1 and lines[1].isdecimal() else 0


class _Tables:
    """The tables that serve the log, judged against its leaves."""

    def __init__(self, store: LogTables) -> None:
        self._store = store
        self._frontier = merkle.Frontier()
        self._nodes = b""
        self._first = 0
        self.report = Report("rows", "nodes", "messages", "heads")

    def take(
        self, position: int, stream: bytes, version: int, topic: str, entry: bytes, members: dict[str, Any]
    ) -> None:
        """Judge what stands beside one leaf."""
        if stream.hex() != members["sid"] or topic not in {members["typ"], topic * (members["typ"] == LIBRARY_TYPE)}:
            self.report.fail("rows", "verify.row", "stream or topic differ from the leaf", position)
        elif version != members["rev"] + 1 and members["typ"] != LIBRARY_TYPE:
            self.report.fail("rows", "verify.row", f"version {version} at rev {members['rev']}", position)
        first = merkle.node_count(position - 1)
        for number, node in enumerate(self._frontier.extend([merkle.leaf_hash(entry)]), first):
            if self._node(number) != node:
                self.report.fail("nodes", "verify.node", f"tree node {number} is not what the leaves give", position)
        for item in members["pc"]:
            if item.get("r") == "parts":
                self._judge_message(position, item)

    def _node(self, number: int) -> bytes:
        at = (number - self._first) * _HASH_BYTES
        if not 0 <= at < len(self._nodes):
            self._first, self._nodes = self._store.nodes_from(number)
            at = (number - self._first) * _HASH_BYTES
        return self._nodes[at : at + _HASH_BYTES]

    def _judge_message(self, position: int, item: dict[str, Any]) -> None:
        row = self._store.message(position)
        if row is None:
            self.report.fail("messages", "verify.message", "the parts are missing", position)
            return
        given = row.commitments
        found = [given[at : at + _HASH_BYTES] for at in range(0, len(given), _HASH_BYTES)]
        if len(found) != item["n"] or merkle.root_of(found).hex() != item["c"]:
            self.report.fail("messages", "verify.message", "the commitments of the parts do not fit the leaf", position)

    def judge_heads(self, heads: dict[str, tuple[int, str]], size: int) -> None:
        """Judge the table of stream heads; heads newer than ``size`` belong to a later checkpoint."""
        after = b""
        known = 0
        while rows := self._store.heads(after, _SLICE):
            for stream, (_, rev, position, digest) in rows:
                if position > size or rev < 0:
                    known += stream.hex() in heads
                    continue
                known += 1
                if heads.get(stream.hex()) != (rev, digest.hex()):
                    self.report.fail("heads", "verify.head", f"head of {stream.hex()} is not its last leaf", position)
            after = rows[-1][0]
        if known != len(heads):
            self.report.fail("heads", "verify.head", f"{len(heads) - known} streams have no head")


def verify_contents(ledger: Writer, progress: Progress | None = None) -> dict[str, Any]:
    """Open everything that can be opened and hold it to its commitments; what was erased is counted, not judged."""
    report = Report("contents")
    opened = erased = 0
    size = ledger.committed
    for position in range(1, size + 1):
        try:
            found = ledger.audit(position)
        except IntegrityViolation as error:
            report.fail("contents", "verify.contents", error.detail, position)
            continue
        opened += found[0]
        erased += found[1]
        if progress is not None and position % _SLICE == 0:
            progress(position, size)
    report.note("contents", f"{opened} opened, {erased} erased")
    return report.result()
