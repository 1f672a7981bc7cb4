"""Evidence about one dossier as one file: what the log holds of it, with every proof, for somebody who trusts nobody.

The bytes depend on the log, its checkpoints and what the reader may see, on nothing else. Everything stands under one
checkpoint. Salts of what is shown are inside, because without them nothing could be checked; secrets never are.
"""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec

from contracts.errors import HubError
from contracts.ports import Files
from ledger import checkpoint, leaf, merkle, proof
from ledger.access import Readable
from ledger.anchors import FOLDER
from ledger.anchors import STREAM as ANCHORS
from ledger.erasure import STREAM as ERASURES
from ledger.events import CheckpointAnchored, ItemErased
from ledger.port import Entry

KEYS: Final = ("governance", "keys")
MIMETYPE: Final = "application/vnd.etsi.asic-e+zip"
MANIFEST: Final = "META-INF/manifest.json"
FORMAT: Final = "lienthong-evidence/1"
_ROLES: Final = {
    "checkpoint": "checkpoint",
    "dossier.json": "dossier",
    "events": "log",
    "messages": "log",
    "governance": "log",
    "outcomes": "log",
    "parts": "part",
    "heads": "heads",
    "anchors": "anchor",
}
"""What a file is for, by its first folder; all others are for people to read."""
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o644 << 16
_ENDINGS: Final = {"witness": ".cosig", "timestamp": ".tsr"}


class Proving(Protocol):
    """The log of stream heads, as far as evidence needs it (``ledger.heads_log.HeadsLog``)."""

    @property
    def input_size(self) -> int:
        """How many leaves of the main log it covers."""
        ...

    def prove(self, stream: bytes) -> dict[str, Any]:
        """What it says of a stream."""
        ...


def _nothing(party: str) -> bool:  # noqa: ARG001  # whoever brought it, it is shown
    return False


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence is about, and what of it this reader is not shown.

    ``streams`` are all that an alias joined, the leading one first. ``hides`` tells of a message, by the party that
    brought it, whether its part is withheld. ``outcomes`` are positions of deliveries to tell of; ``notes`` further
    files by path, for people to read.
    """

    code: str
    streams: tuple[bytes, ...]
    aliases: tuple[str, ...] = ()
    hides: Callable[[str], bool] = _nothing
    outcomes: tuple[int, ...] = ()
    salts: Mapping[int, str] = {}  # msgspec copies mutable defaults
    """For each of ``outcomes`` the salt (hex) of this dossier's item."""
    notes: Mapping[str, bytes] = {}


class Bundler:
    """Makes bundles of one log. ``note`` is the checkpoint that everything is proved to."""

    def __init__(self, ledger: Readable, heads: Proving, files: Files, note: str) -> None:
        self._ledger = ledger
        self._heads = heads
        self._files = files
        self._note = note
        self._head = checkpoint.parse(note.rpartition("\n\n")[0] + "\n")
        self._tree = ledger.tree()
        self._found: dict[str, bytes] = {}
        self._leaves: dict[str, str] = {}
        self._withheld: list[str] = []

    async def build(self, subject: Subject, trust: str, pause: Callable[[], Any]) -> dict[str, bytes]:
        """All files of a bundle by path; ``pause`` is awaited between slices of work.

        Raises:
            HubError: ``query.not_found`` for a stream without events under the checkpoint.
        """
        async for _ in self._steps(subject):
            await pause()
        self._found["checkpoint"] = self._note.encode()
        self._found["trust.txt"] = trust.encode()
        self._found.update(subject.notes)
        self._json(
            "dossier.json",
            {
                "aliases": list(subject.aliases),
                "code": subject.code,
                "leaves": self._leaves,
                "origin": self._head.origin,
                "size": self._head.size,
                "streams": [stream.hex() for stream in subject.streams],
                "v": 1,
                "withheld": sorted(self._withheld),
            },
        )
        return self._found

    async def _steps(self, subject: Subject) -> AsyncIterator[None]:
        messages: dict[int, list[bytes]] = {}
        first, last = self._head.size, 0
        for stream in subject.streams:
            entries = self._covered(self._ledger.read_stream(stream))
            if not entries:
                raise HubError("query.not_found")
            yield
            for entry in entries:
                self._event(entry, messages)
                yield
            first, last = min(first, entries[0].position), max(last, entries[-1].position)
            self._json(f"heads/{stream.hex()}.json", self._heads.prove(stream))
        for position, commitments in messages.items():
            self._message(position, commitments, subject.hides)
            yield
        for position in subject.outcomes:
            if position <= self._head.size:
                self._outcome(position, subject.salts.get(position, ""))
                yield
        size = self._heads.input_size
        nodes = merkle.consistency(size, self._head.size, self._node)
        self._json("heads/consistency.json", [node.hex() for node in nodes])
        for _ in self._governance(subject.streams, first, last):
            yield

    # ── leaves ──────────────────────────────────────────────────────────────────────────────────

    def _node(self, level: int, index: int) -> bytes:
        return self._tree.hashes(level, index, 1)[0]

    def _covered(self, entries: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.position <= self._head.size]

    def _leaf(self, folder: str, position: int) -> leaf.Leaf:
        entry = self._tree.entries(position - 1, 1)[0]
        path = merkle.inclusion(position - 1, self._head.size, self._node)
        base = f"{folder}/{position}"
        self._found[f"{base}.leaf"] = entry
        self._found[f"{base}.proof"] = proof.write(position - 1, path, self._note).encode()
        self._leaves[str(position)] = merkle.leaf_hash(entry).hex()
        return leaf.parse(entry)

    def _open(self, folder: str, position: int) -> None:
        opened = self._ledger.opened(position)
        if opened is not None:
            salt, state = opened
            self._found[f"{folder}/{position}.json"] = state
            self._found[f"{folder}/{position}.salt"] = salt.hex().encode()

    def _event(self, entry: Entry, messages: dict[int, list[bytes]]) -> None:
        found = self._leaf("events", entry.position)
        self._open("events", entry.position)
        for one in found.pc:
            if one.r == "raw" and found.msg:
                messages.setdefault(found.msg, []).append(bytes.fromhex(one.c))
        if found.msg and found.msg <= self._head.size:
            messages.setdefault(found.msg, [])

    def _message(self, position: int, wanted: Sequence[bytes], hides: Callable[[str], bool]) -> None:
        """A message as far as it is this dossier's: its own parts, and the commitments of all."""
        if position > self._head.size:
            return
        found = self._leaf("messages", position)
        if not any(one.r == "parts" for one in found.pc):
            return
        commitments, parts = self._ledger.opened_parts(position)
        self._found[f"parts/{position}/commitments"] = "".join(f"{one.hex()}\n" for one in commitments).encode()
        for index, (commitment, part) in enumerate(zip(commitments, parts, strict=True)):
            if commitment not in wanted or part is None:
                continue
            name = f"parts/{position}/{index}"
            if hides(found.src):
                self._withheld.append(name)
                continue
            self._found[f"{name}.salt"] = part[0].hex().encode()
            self._found[name] = part[1]

    def _outcome(self, position: int, salt: str) -> None:
        self._leaf("outcomes", position)
        self._open("outcomes", position)
        if salt:
            self._json(f"outcomes/{position}.item", {"salt": salt})

    # ── what governs the log ────────────────────────────────────────────────────────────────────

    def _governance(self, streams: Sequence[bytes], first: int, last: int) -> Iterable[None]:
        keys = self._ledger.named_stream_of(*KEYS)
        for entry in self._covered(self._ledger.read_stream(keys)):
            self._govern(entry.position)
            yield
        self._json(f"heads/{keys.hex()}.json", self._heads.prove(keys))
        names = frozenset(stream.hex() for stream in streams)
        erasures = self._ledger.named_stream_of(*ERASURES)
        for entry in self._covered(self._ledger.read_stream(erasures) if erasures else ()):
            if isinstance(entry.event, ItemErased) and entry.event.stream in names:
                self._govern(entry.position)
            yield
        anchors = self._ledger.named_stream_of(*ANCHORS)
        entries = self._covered(self._ledger.read_stream(anchors) if anchors else ())
        for entry in _around(entries, first, last):
            self._anchor(entry)
            yield

    def _govern(self, position: int) -> None:
        self._leaf("governance", position)
        self._open("governance", position)

    def _anchor(self, entry: Entry) -> None:
        event = entry.event
        if not isinstance(event, CheckpointAnchored) or event.size > self._head.size:
            return
        stem = f"anchors/{event.evidence}"
        try:
            for ending in (_ENDINGS[event.kind], ".checkpoint"):
                self._found[f"{stem}{ending}"] = self._files.read(f"{FOLDER}{event.evidence}{ending}")
        except FileNotFoundError:
            self._found.pop(f"{stem}{_ENDINGS[event.kind]}", None)
            return
        nodes = merkle.consistency(event.size, self._head.size, self._node)
        self._json(f"{stem}.json", [node.hex() for node in nodes])
        self._govern(entry.position)

    def _json(self, path: str, value: object) -> None:
        self._found[path] = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _around(anchors: Sequence[Entry], first: int, last: int) -> list[Entry]:
    """The testimony that brackets positions ``first`` to ``last`` most closely, of each kind."""
    chosen: dict[int, Entry] = {}
    for kind in _ENDINGS:
        of_kind = [one for one in anchors if isinstance(one.event, CheckpointAnchored) and one.event.kind == kind]
        before = [one for one in of_kind if one.position < first][-1:]
        after = [one for one in of_kind if isinstance(one.event, CheckpointAnchored) and one.event.size >= last][:1]
        chosen.update({one.position: one for one in (*before, *after)})
    return [chosen[position] for position in sorted(chosen)]


def pack(files: Mapping[str, bytes]) -> bytes:
    """The bytes of a bundle with these files (ASiC-E: an uncompressed ``mimetype`` first, then the manifest)."""
    rows = [
        {"path": path, "role": _ROLES.get(path.partition("/")[0], "reading"), "sha256": sha256(content).hexdigest()}
        for path, content in sorted(files.items())
    ]
    manifest = json.dumps({"files": rows, "format": FORMAT}, sort_keys=True, separators=(",", ":"))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        _put(archive, "mimetype", MIMETYPE.encode(), zipfile.ZIP_STORED)
        _put(archive, MANIFEST, manifest.encode(), zipfile.ZIP_DEFLATED)
        for path, content in sorted(files.items()):
            _put(archive, path, content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _put(archive: zipfile.ZipFile, path: str, content: bytes, method: int) -> None:
    member = zipfile.ZipInfo(path, _DATE)
    member.create_system = 3
    member.external_attr = _READABLE
    member.compress_type = method
    archive.writestr(member, content)
