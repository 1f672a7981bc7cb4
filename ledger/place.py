"""Placing a unit: positions, revisions, chaining, sealing and leaf bytes, at once and in memory.

A unit is placed whole or not at all: everything is built beside the state and adopted at the end.
"""

from hashlib import sha256
from typing import Final, TypeAlias

import msgspec

from contracts.errors import MessageRefused
from contracts.moment import MICROS_PER_SECOND, rfc3339
from contracts.ports import Clock, Entropy
from ledger import leaf, merkle, upcast
from ledger.chain import Chain
from ledger.events import (
    CheckpointAnchored,
    ConfigurationChanged,
    ConflictDetected,
    Event,
    FactRecorded,
    ItemErased,
    KeyAdded,
    KeyRetired,
    KeyRevoked,
    MessageAccepted,
    RecordParked,
    TransitionQuestioned,
)
from ledger.events import (
    MessageRefused as MessageRefusedEvent,
)
from ledger.ids import Ids
from ledger.keystore import SLOT_BITS
from ledger.parts import Opening, seal_parts
from ledger.port import Entry
from ledger.stores.store import Batch, Head
from ledger.unit import NewEvent, Placed, Unit
from ledger.vault import DataKey, Vault

_Traits: TypeAlias = tuple[str, bool, bool]
"""(kind of leaf, brought by a party, caused by a message)"""
_PLAIN: Final[_Traits] = ("event", False, False)
_FACT: Final[_Traits] = ("event", True, True)
_TRAITS: Final[dict[type[Event], _Traits]] = {
    TransitionQuestioned: _FACT,
    RecordParked: _FACT,
    MessageAccepted: ("event", True, False),
    MessageRefusedEvent: ("event", True, False),
    ConflictDetected: ("conflict", True, False),
    KeyAdded: ("key", False, False),
    KeyRetired: ("key", False, False),
    KeyRevoked: ("key", False, False),
    CheckpointAnchored: ("anchor", False, False),
    ItemErased: ("erase", False, False),
    ConfigurationChanged: ("cfg", False, False),
}
CFG_SETTING: Final = "cfg"
MAX_FRESH: Final = 65_536
_NO_HASH: Final = bytes(32)


class Placing(msgspec.Struct, gc=False):
    """What placing one unit made, before it is adopted."""

    placed: Placed
    entries: list[Entry]
    heads: dict[bytes, Head]
    rows: list[tuple[int, bytes, int, str, bytes, bytes, None]]
    key_ids: list[int]
    eid: bytes
    message: tuple[int, bytes, bytes, bytes] | None
    opening: Opening | None
    cfg: str


class _Scene(msgspec.Struct, gc=False):
    """What the events of one unit share while they are placed."""

    tr_us: int
    tr: str
    cfg: str
    heads: dict[bytes, Head]
    key_ids: list[int]
    commitments: list[bytes]


class Placer:
    """Turns units into rows. Holds the newest position and time, and the keys of streams that have no event yet."""

    def __init__(self, chain: Chain, vault: Vault, clock: Clock, entropy: Entropy, origin: str) -> None:
        self._chain = chain
        self._vault = vault
        self._clock = clock
        self._ids = Ids(clock, entropy, "streams")
        self._aad = origin.encode() + b"\x00"
        self._fresh: dict[bytes, DataKey] = {}
        self._named = {(kind, name): stream for kind, name, stream in chain.store.names()}
        self._unwritten: dict[bytes, tuple[str, str]] = {}
        self._sources: dict[str, str] = {}
        self._cfg_member = leaf.member("cfg", chain.store.settings().get(CFG_SETTING, ""))
        self._blocks: set[int] = set()
        self._second = (-1, "")
        self.position = chain.committed
        last = chain.store.last_leaf()
        self._tr = leaf.recorded_us(last) if last is not None else 0

    # ── streams ─────────────────────────────────────────────────────────────────────────────────

    def new_stream(self) -> bytes:
        """A fresh stream id with a key of its own."""
        stream = self._ids.new()
        self._fresh[stream] = self._vault.take()
        if len(self._fresh) > MAX_FRESH:
            del self._fresh[next(iter(self._fresh))]
        return stream

    def named_stream(self, kind: str, name: str) -> bytes:
        """The stream of this name; a new one is written down with its first event."""
        stream = self._named.get((kind, name))
        if stream is None:
            stream = self.new_stream()
            self._named[kind, name] = stream
            self._unwritten[stream] = (kind, name)
        return stream

    def key(self, stream: bytes) -> DataKey:
        """The data key of a stream, taken from the pool when it has none yet."""
        key = self._fresh.get(stream)
        if key is not None:
            return key
        head = self._chain.head(stream)
        if head is not None:
            return self._vault.key(head[0])
        key = self._fresh[stream] = self._vault.take()
        return key

    def aad(self, stream: bytes, rev: int, role: bytes) -> bytes:
        """What binds a sealed item to its place."""
        return self._aad + stream + rev.to_bytes(8, "big") + role

    # ── placing ─────────────────────────────────────────────────────────────────────────────────

    def place(self, unit: Unit) -> Placing:
        """Build everything a unit writes; nothing is adopted yet."""
        if not unit.events:
            raise ValueError("a unit without events")
        tr_us = max(self._tr, self._clock.now())
        first = self.position + 1
        scene = _Scene(tr_us, self._time_text(tr_us), self._cfg_member, {}, [], [])
        message = opening = None
        parts_json = ""
        if unit.parts:
            message, opening = self._place_parts(unit, first, scene)
            root = merkle.root_of(scene.commitments).hex()
            parts_json = f',{{"c":"{root}","n":{len(scene.commitments)},"r":"parts"}}'
        eid = b""
        if unit.source_id is not None:
            eid = self._vault.blind(b"eid", unit.source_id[0].encode(), unit.source_id[1].encode())
        eid_member = f'"eid":"{eid.hex()}",' if eid else ""
        entries: list[Entry] = []
        rows: list[tuple[int, bytes, int, str, bytes, bytes, None]] = []
        changed = ""
        for position, new in enumerate(unit.events, first):
            row, entry = self._place_event(new, position, scene, parts_json, eid_member)
            parts_json = eid_member = ""
            rows.append(row)
            entries.append(entry)
            if type(new.event) is ConfigurationChanged:
                changed = new.event.config_hash
                scene.cfg = leaf.member("cfg", changed)
        self._keep_keys(unit, scene)
        placed = Placed(tuple(range(first, first + len(rows))), tuple([entry.leaf_hash for entry in entries]))
        return Placing(placed, entries, scene.heads, rows, scene.key_ids, eid, message, opening, changed)

    def _time_text(self, us: int) -> str:
        seconds, micros = divmod(us, MICROS_PER_SECOND)
        if seconds != self._second[0]:
            self._second = (seconds, rfc3339(seconds * MICROS_PER_SECOND)[:20])
        return f"{self._second[1]}{micros:06d}Z"

    def _place_parts(self, unit: Unit, position: int, scene: _Scene) -> tuple[tuple[int, bytes, bytes, bytes], Opening]:
        stream = unit.events[0].stream
        head = self._chain.head(stream)
        sealed = seal_parts(self, self._vault, unit.parts, stream, head[1] + 1 if head else 0)
        scene.commitments = sealed.commitments
        scene.key_ids.extend(sealed.own_keys)
        return (position, sealed.layout, b"".join(sealed.commitments), sealed.sealed), sealed.opening

    def _place_event(
        self, new: NewEvent, position: int, scene: _Scene, parts: str, eid: str
    ) -> tuple[tuple[int, bytes, int, str, bytes, bytes, None], Entry]:
        stream, event = new.stream, new.event
        heads = scene.heads
        head = heads.get(stream)
        if head is None and stream not in self._fresh:
            head = self._chain.head(stream)
        rev, prev = 0, leaf.NO_PREV
        if head is None:
            key = self.key(stream)
            scene.key_ids.append(key.id)
        else:
            key = self._vault.key(head[0])
            rev = head[1] + 1
            if rev:
                prev = head[3].hex()
        fact = type(event) is FactRecorded
        kind, with_party, with_message = _FACT if fact else _TRAITS.get(type(event), _PLAIN)
        named = event.fact if fact else event  # type: ignore[attr-defined]
        topic = named.TOPIC
        state = upcast.encode(event)
        salt, sealed = self._vault.seal(key, state, self._aad + stream + rev.to_bytes(8, "big") + b"body")
        body = sha256(leaf.BODY_PREFIX + salt + sha256(state).digest()).hexdigest()
        raw = "" if new.part is None else f',{{"c":"{scene.commitments[new.part].hex()}","r":"raw"}}'
        entry_bytes = leaf.compose(
            cfg=scene.cfg,
            eid=eid,
            idx=position - 1,
            kind=kind,
            msg=event.message if with_message else 0,  # type: ignore[attr-defined]
            pc=f'{{"c":"{body}","r":"body"}}{raw}{parts}',
            prev=prev,
            rev=rev,
            sid=stream.hex(),
            src=self._source(event.party) if with_party else "",  # type: ignore[attr-defined]
            sv=named.VERSION,
            tr=scene.tr,
            typ=topic,
        )
        if len(entry_bytes) > leaf.MAX_BYTES:
            raise MessageRefused("transport.too_large", limit=leaf.MAX_BYTES)
        digest = sha256(b"\x00" + entry_bytes).digest()
        heads[stream] = (key.id, rev, position, digest)
        entry = Entry(
            position=position,
            stream=stream,
            rev=rev,
            topic=topic,
            recorded_at=scene.tr_us,
            leaf_hash=digest,
            event=event,  # type: ignore[arg-type]
        )
        return (position, stream, rev + 1, topic, entry_bytes, sealed, None), entry

    def _source(self, party: str) -> str:
        member = self._sources.get(party)
        if member is None:
            member = self._sources[party] = leaf.member("src", party)
        return member

    def _keep_keys(self, unit: Unit, scene: _Scene) -> None:
        """Write down the key of every stream that is only spoken of: its parts or fingerprints need it for ever."""
        heads = scene.heads
        spoken = [part.owner for part in unit.parts if part.owner is not None and part.owner not in heads]
        spoken.extend([item.stream for item in unit.seen if item.stream not in heads])
        for stream in spoken:
            if stream not in heads and self._chain.head(stream) is None:
                key = self.key(stream)
                scene.key_ids.append(key.id)
                heads[stream] = (key.id, -1, self.position + 1, _NO_HASH)

    def adopt(self, placing: Placing, batch: Batch) -> None:
        """Make a placed unit part of the state and of the batch that will be committed."""
        batch.events.extend(placing.rows)
        batch.hashes.extend(placing.placed.leaf_hashes)
        batch.heads.update(placing.heads)
        if placing.message is not None:
            batch.messages.append(placing.message)
        for key_id in placing.key_ids:
            block = key_id >> SLOT_BITS
            if block not in self._blocks:
                self._blocks.add(block)
                batch.key_blocks.append((block,))
        for stream in placing.heads:
            self._fresh.pop(stream, None)
            if self._unwritten and stream in self._unwritten:
                batch.names.append((*self._unwritten.pop(stream), stream))
        if placing.cfg:
            self._cfg_member = leaf.member("cfg", placing.cfg)
            batch.settings[CFG_SETTING] = placing.cfg
        self._chain.place_heads(placing.heads)
        self.position = placing.placed.positions[-1]
        self._tr = placing.entries[-1].recorded_at
