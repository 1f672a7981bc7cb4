"""The heads log: a log of the roots of the map of stream heads, so that no answer about a dossier can leave out events.

Each entry says what the map was when the main log had ``input_size`` leaves; it is a leaf of a log of its own, under
the origin ``<origin>/heads`` and a key of its own. An entry depends on nothing but the main log and the input sizes
chosen, so anybody can make it again. The leaves read on the way are held to the main log's tree and to the map: a
stream that does not continue what the map says of it stops the heads log, which never signs a second history.
"""

import json
from base64 import b64encode
from collections.abc import Generator, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Any, Final

import apsw
import msgspec

from contracts.errors import HubError, IntegrityViolation
from contracts.ports import Entropy
from ledger import checkpoint, merkle
from ledger.checkpoint import Scribe
from ledger.heads import Change, HeadsMap, MapLeaf, MapNode, Ref, decode, encode, key_of
from ledger.keys import KeyFiles, log_signer
from ledger.publication import PublishableLog
from ledger.stores.heads_store import MEMORY, HeadsRow, HeadsStore

HEADS_FILE: Final = "heads.db"
MILESTONE_FILE: Final = "heads.milestone"
"""The newest checkpoint when it was closed last: a heads log is never begun anew, nor continued from an older file."""
LONGEST: Final = 250
"""Most leaves that one entry takes in; a longer backlog becomes several entries.

It bounds the COMMIT, which is the one step that can not be cut: it holds the loop for as long as its pages take.
"""
_READ: Final = 100
_CHANGES: Final = 12
_WRITES: Final = 100
_CACHED: Final = 50_000
_MEND: Final = (
    "Put the newest heads.db back into this directory. If it is lost for good, begin a new log under another "
    "ledger.origin: two different heads logs under one key are a fork."
)


class HeadsEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry: the map's root over the ``streams`` of the first ``input_size`` leaves of the main log."""

    input_root: str
    input_size: int
    k: str
    map_root: str
    streams: int
    v: int

    def encode(self) -> bytes:
        """Canonical JSON (RFC 8785)."""
        return json.dumps(msgspec.to_builtins(self), sort_keys=True, separators=(",", ":")).encode()


class _Member(msgspec.Struct, gc=False):
    """What the map needs of a leaf."""

    idx: int
    sid: str
    rev: int
    prev: str


class _Gathered:
    """The streams that changed in a run of leaves, and the main log's tree over them."""

    def __init__(self, frontier: merkle.Frontier) -> None:
        self.frontier = frontier
        self._streams: dict[str, Change] = {}
        self._decoder = msgspec.json.Decoder(_Member)

    def take(self, entries: Iterable[bytes]) -> None:
        """Read further leaves; ``ledger.corrupt`` for one out of place or apart from its stream."""
        hashes = []
        for index, entry in enumerate(entries, self.frontier.size):
            try:
                found = self._decoder.decode(entry)
                stream, prev = bytes.fromhex(found.sid), bytes.fromhex(found.prev)
            except ValueError as error:
                raise IntegrityViolation("ledger.corrupt", f"leaf {index} can not be read: {error}") from error
            digest = sha256(b"\x00" + entry).digest()
            hashes.append(digest)
            known = self._streams.get(found.sid)
            key = key_of(stream) if known is None else known.leaf.key
            first = Change(MapLeaf(key, found.rev + 1, digest, index), found.rev, prev)
            if known is None:
                self._streams[found.sid] = first
            elif (known.leaf.events, known.leaf.head) == (found.rev, prev):
                self._streams[found.sid] = Change(first.leaf, known.before, known.prev)
            else:
                raise IntegrityViolation("ledger.corrupt", f"leaf {index} does not continue its stream")
            if found.idx != index:
                raise IntegrityViolation("ledger.corrupt", f"leaf {index} says it is leaf {found.idx}")
        self.frontier.extend(hashes)

    def changes(self) -> list[Change]:
        """One change for each stream, in order of key: neighbours share the nodes above them."""
        return sorted(self._streams.values())


class HeadsLog:
    """The heads log of one main log. ``open`` it before use; implements ``ledger.publication.PublishableLog``."""

    def __init__(self, main: PublishableLog, store: HeadsStore, scribe: Scribe, files: KeyFiles | None = None) -> None:
        """``files`` keep the milestone; a heads log in memory has none."""
        self._main = main
        self._store = store
        self._scribe = scribe
        self._files = files
        self._row: HeadsRow | None = None
        self._tree = merkle.Frontier()
        self._inputs = merkle.Frontier()
        self._cache: dict[int, MapNode] = {}
        """Nodes of the newest committed map, every one that an open transaction replaces among them."""
        self._map = HeadsMap(self._load)
        self._failed = ""
        self.origin = scribe.origin

    # ── opening ─────────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """Hold the file to its own signature and to the main log. Call once, before anything else.

        Raises:
            IntegrityViolation: ``ledger.rollback`` when it covers more than the main log has, or was longer when it was
                closed last; ``ledger.corrupt`` when it was made for another main log or was changed.
        """
        self._row = row = self._store.newest()
        size = 0 if row is None else row.idx + 1
        self._tree = self._store.frontier(size)
        self._check_milestone(size)
        if row is None:
            return
        head = checkpoint.open_checkpoint(row.note, [self._scribe.key])
        entry = read_entry(row.entry)
        if (head.origin, head.size, head.root) != (self.origin, size, self._tree.root()):
            raise IntegrityViolation(
                "ledger.corrupt", f"its checkpoint does not sign the {size} entries of {HEADS_FILE}"
            )
        if merkle.leaf_hash(row.entry) != self._store.tree_node(0, row.idx):
            raise IntegrityViolation(
                "ledger.corrupt", f"the newest entry of {HEADS_FILE} is not the one that was signed"
            )
        self._inputs = self._main_tree(entry.input_size)
        if self._inputs.root().hex() != entry.input_root:
            found = f"{HEADS_FILE} was made for another log of {entry.input_size} leaves than this."
            raise IntegrityViolation("ledger.corrupt", f"{found} {_MEND}")
        self._map = HeadsMap(self._load, (row.root, bytes.fromhex(entry.map_root)), size=entry.streams, last=row.last)
        self._map.lookup(bytes(32))
        if self._store.last_node() != row.last:
            raise IntegrityViolation("ledger.corrupt", f"{HEADS_FILE} holds nodes that no entry knows")

    def _main_tree(self, size: int) -> merkle.Frontier:
        """The main log's tree over its first ``size`` leaves; ``ledger.rollback`` where it has fewer."""
        have = _size_of(self._main.head())
        if have < size:
            found = f"{HEADS_FILE} covers {size} leaves, the log has {have}."
            raise IntegrityViolation("ledger.rollback", f"{found} Put the newest ledger.db back. {_MEND}")
        return merkle.Frontier(size, [self._main.hashes(level, index, 1)[0] for level, index in merkle.peaks_of(size)])

    def _check_milestone(self, size: int) -> None:
        if self._files is None:
            return
        try:
            text = self._files.read(MILESTONE_FILE).decode("utf-8", "replace")
        except FileNotFoundError:
            return
        reached = checkpoint.open_checkpoint(text, [self._scribe.key])
        if size < reached.size or self._store.frontier(reached.size).root() != reached.root:
            found = f"{MILESTONE_FILE} says {reached.size} entries were signed, {HEADS_FILE} holds {size} or others."
            raise IntegrityViolation("ledger.rollback", f"{found} {_MEND}")

    def _load(self, ref: Ref) -> MapNode:
        number = ref[0]
        node = self._cache.get(number)
        if node is None:
            node = self._cache[number] = decode(self._store.node(number), ref)
        return node

    # ── growing ─────────────────────────────────────────────────────────────────────────────────

    def steps(self) -> Generator[None, None, None]:
        """Take the newest committed leaves into the map as one entry, a slice of work between two steps.

        At most ``LONGEST`` leaves; nothing to take in yields nothing. May be left at any step (``close`` it): then
        nothing of it happened. One caller at a time.

        Raises:
            IntegrityViolation: ``ledger.corrupt`` or ``ledger.rollback`` when the main log is not what this was made
                for, ``ledger.unavailable`` when the disk fails. Nothing more may be signed then.
        """
        if self._failed:
            raise IntegrityViolation("ledger.unavailable", self._failed)
        have = _size_of(self._main.head())
        if have == self.input_size:
            return
        if self._main_tree(self.input_size).root() != self._inputs.root():
            raise IntegrityViolation("ledger.corrupt", f"the first {self.input_size} leaves of the log became others")
        try:
            yield from self._grow(min(have, self.input_size + LONGEST))
        except apsw.Error as error:
            self._failed = f"{HEADS_FILE}: {type(error).__name__}: {error}"
            raise IntegrityViolation("ledger.unavailable", self._failed) from error
        except IntegrityViolation as error:
            self._failed = error.detail
            raise
        finally:
            self._store.abandon()

    def _grow(self, upto: int) -> Iterator[None]:
        gathered = _Gathered(self._inputs.copy())
        while (first := gathered.frontier.size) < upto:
            entries = self._main.entries(first, min(_READ, upto - first))
            if not entries:
                raise IntegrityViolation("ledger.corrupt", f"leaf {first} of the log is missing")
            gathered.take(entries)
            yield
        if gathered.frontier.root() != self._main_tree(upto).root():
            raise IntegrityViolation("ledger.corrupt", f"the first {upto} leaves are not what the log's tree holds")
        grown = HeadsMap(self._load, self._map.root, size=self._map.size, last=self._map.last)
        changes = iter(gathered.changes())
        while some := list(islice(changes, _CHANGES)):
            grown.apply(some)
            yield
        yield from self._write(grown, gathered.frontier)

    def _write(self, grown: HeadsMap, inputs: merkle.Frontier) -> Iterator[None]:
        """One transaction: nodes, entry, checkpoint. What it replaces was loaded, so proofs find it in the cache."""
        made = grown.made
        self._store.begin()
        numbers = iter(sorted(made))
        while some := list(islice(numbers, _WRITES)):
            self._store.put_nodes([(number, encode(made[number])) for number in some])
            yield
        entry = HeadsEntry(
            input_root=inputs.root().hex(),
            input_size=inputs.size,
            k="heads",
            map_root=grown.root[1].hex(),
            streams=grown.size,
            v=1,
        ).encode()
        tree = self._tree.copy()
        nodes = tree.extend([merkle.leaf_hash(entry)])
        note = self._scribe.sign(tree.size, tree.root())
        row = HeadsRow(tree.size - 1, entry, note, grown.root[0], grown.last)
        self._store.finish(row, b"".join(nodes))
        self._adopt(row, tree, inputs, grown)

    def _adopt(self, row: HeadsRow, tree: merkle.Frontier, inputs: merkle.Frontier, grown: HeadsMap) -> None:
        self._row, self._tree, self._inputs = row, tree, inputs
        cache = self._cache
        for number, node in grown.made.items():
            cache.pop(number, None)  # what changes often goes to the young end
            cache[number] = node
        for number in list(islice(cache, max(0, len(cache) - _CACHED))):
            del cache[number]
        self._map = HeadsMap(self._load, grown.root, size=grown.size, last=grown.last)
        if tree.size == 1:
            self._reach()

    def _reach(self) -> None:
        if self._files is not None and self._row is not None:
            self._files.write_durable(MILESTONE_FILE, self._row.note.encode())

    # ── telling ─────────────────────────────────────────────────────────────────────────────────

    @property
    def input_size(self) -> int:
        """How many leaves of the main log the newest entry covers."""
        return self._inputs.size

    @property
    def size(self) -> int:
        """How many entries the heads log has."""
        return self._tree.size

    @property
    def streams(self) -> int:
        """How many streams the map holds."""
        return self._map.size

    @property
    def vkey(self) -> str:
        """The verifier key of the heads log."""
        return self._scribe.key.text()

    def checkpoint(self) -> str:
        """The newest signed checkpoint, "" before the first entry."""
        return "" if self._row is None else self._row.note

    def head(self) -> str:
        """See ``PublishableLog.head``."""
        return self.checkpoint()

    def entries(self, first: int, count: int) -> list[bytes]:
        """See ``TileTree.entries``."""
        return self._store.entries(first, count)

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """See ``TileTree.hashes``."""
        return [self._store.tree_node(level, index) for index in range(first, first + count)]

    def prove(self, stream: bytes) -> dict[str, Any]:
        """What the newest entry says of a stream, as the JSON form that a verifier takes (see the heads-map page).

        Raises:
            HubError: ``query.not_found`` before the first entry.
            IntegrityViolation: ``ledger.corrupt`` when the file is not what was signed.
        """
        row = self._row
        if row is None:
            raise HubError("query.not_found", "the heads log has no entry yet")
        key = key_of(stream)
        path, leaf = self._map.lookup(key)
        is_member = leaf is not None and leaf.key == key
        shown = None if leaf is None else {"count": leaf.events, "head": leaf.head.hex(), "idx": leaf.idx}
        inclusion = merkle.inclusion(row.idx, row.idx + 1, self._store.tree_node)
        return {
            "checkpoint": row.note,
            "entry": b64encode(row.entry).decode("ascii"),
            "index": row.idx,
            "inclusion": [node.hex() for node in inclusion],
            "member": shown if is_member else None,
            "other": None if is_member or leaf is None or shown is None else {"key": leaf.key.hex(), **shown},
            "path": [{"bit": step.bit, "side": step.side, "sibling": step.sibling.hex()} for step in path],
        }

    def close(self) -> None:
        """Note how far it came and give the file back."""
        try:
            if not self._failed:
                self._reach()
        finally:
            self._store.close()


def open_heads(
    main: PublishableLog, *, files: KeyFiles, directory: str, entropy: Entropy, vfs: str = "", in_memory: bool = False
) -> HeadsLog:
    """The heads log of ``main``, begun with a key of its own where there is none yet.

    ``directory`` is the place ``files`` is rooted in, ``vfs`` names an SQLite VFS; ``in_memory`` keeps nothing but the
    key.

    Raises:
        IntegrityViolation: see ``HeadsLog.open``.
        Misconfigured: ``config.missing`` (entries without their key), ``ledger.other_origin`` (another log's key).
    """
    store = HeadsStore(MEMORY if in_memory else f"{directory}/{HEADS_FILE}", vfs=vfs)
    try:
        signer = log_signer(files, entropy, f"{main.origin}/heads", create=store.newest() is None, name="heads")
        heads = HeadsLog(main, store, Scribe(signer), None if in_memory else files)
        heads.open()
    except BaseException:
        store.close()
        raise
    return heads


def read_entry(entry: bytes) -> HeadsEntry:
    """Read a stored entry; ``ledger.corrupt`` unless it is exactly the canonical form of what it says."""
    try:
        found = msgspec.json.decode(entry, type=HeadsEntry)
    except msgspec.DecodeError as error:
        raise IntegrityViolation("ledger.corrupt", f"an entry of the heads log can not be read: {error}") from error
    if found.encode() != entry or (found.k, found.v) != ("heads", 1):
        raise IntegrityViolation("ledger.corrupt", "an entry of the heads log is not in canonical form")
    return found


def _size_of(note: str) -> int:
    return int(note.split("\n", 2)[1]) if note else 0
