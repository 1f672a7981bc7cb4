"""Placing a unit: positions, revisions, chaining, sealing and leaf bytes, at once and in memory.

A unit is placed whole or not at all: everything is built beside the state and adopted at the end.
"""

from hashlib import sha256
from typing import Final

import msgspec

from contracts.errors import MessageRefused
from contracts.moment import rfc3339
from contracts.ports import Clock, Entropy
from ledger import leaf, merkle, upcast
from ledger.chain import Chain
from ledger.events import (
    ConfigurationChanged,
    ConflictDetected,
    Event,
    FactRecorded,
    KeyAdded,
    MessageAccepted,
    RecordParked,
    TransitionQuestioned,
    topic_of,
    version_of,
)
from ledger.events import (
    MessageRefused as MessageRefusedEvent,
)
from ledger.ids import Ids
from ledger.parts import seal_parts
from ledger.port import Entry
from ledger.stores.store import Batch, Head
from ledger.unit import NewEvent, Placed, Unit
from ledger.vault import SALT_BYTES, DataKey, Vault

_KINDS: Final[dict[type[Event], str]] = {KeyAdded: "key", ConfigurationChanged: "cfg", ConflictDetected: "conflict"}
_OF_MESSAGE: Final = (FactRecorded, TransitionQuestioned, RecordParked)
_FROM_PARTY: Final = (*_OF_MESSAGE, MessageAccepted, MessageRefusedEvent, ConflictDetected)
CFG_SETTING: Final = "cfg"
MAX_FRESH: Final = 65_536
_NO_HASH: Final = bytes(32)


class Placing(msgspec.Struct, gc=False):
    """What placing one unit made, before it is adopted."""

    placed: Placed
    entries: list[Entry]
    heads: dict[bytes, Head]
    rows: list[tuple[int, bytes, int, str, bytes, bytes, None]]
    key_ids: list[tuple[int, int]]
    eid: bytes
    message: tuple[int, bytes, bytes, bytes] | None
    opening: dict[str, str]
    cfg: str


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
        self._cfg = chain.store.settings().get(CFG_SETTING, "")
        self._cfg_member = leaf.member("cfg", self._cfg)
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
        tr = rfc3339(tr_us)
        first = self.position + 1
        heads: dict[bytes, Head] = {}
        key_ids: list[tuple[int, int]] = []
        message, commitments, opening, parts_json = None, [], {}, ""
        if unit.parts:
            stream = unit.events[0].stream
            head = self._chain.head(stream)
            sealed = seal_parts(self, self._vault, unit.parts, stream, head[1] + 1 if head else 0)
            commitments, opening = sealed.commitments, sealed.opening
            root = merkle.root_of(commitments).hex()
            parts_json = f',{{"c":"{root}","n":{len(commitments)},"r":"parts"}}'
            message = (first, sealed.layout, b"".join(commitments), sealed.sealed)
            key_ids.extend((key_id, first) for key_id in sealed.own_keys)
        eid = b""
        if unit.source_id is not None:
            eid = self._vault.blind(b"eid", unit.source_id[0].encode(), unit.source_id[1].encode())
        eid_member = f'"eid":"{eid.hex()}",' if eid else ""
        entries: list[Entry] = []
        rows: list[tuple[int, bytes, int, str, bytes, bytes, None]] = []
        cfg = self._cfg_member
        changed = ""
        for position, new in enumerate(unit.events, first):
            raw = "" if new.part is None else f',{{"c":"{commitments[new.part].hex()}","r":"raw"}}'
            row, entry, head = self._place_event(
                new, position, tr, tr_us, raw + parts_json, cfg, eid_member, heads, key_ids
            )
            parts_json = eid_member = ""
            rows.append(row)
            entries.append(entry)
            heads[new.stream] = head
            if type(new.event) is ConfigurationChanged:
                changed = new.event.config_hash
                cfg = leaf.member("cfg", changed)
        self._keep_keys(unit, heads, key_ids, first)
        placed = Placed(tuple(range(first, first + len(rows))), tuple(entry.leaf_hash for entry in entries))
        return Placing(placed, entries, heads, rows, key_ids, eid, message, opening, changed)

    def _place_event(  # noqa: PLR0913  # the loop body of place, one call per event
        self,
        new: NewEvent,
        position: int,
        tr: str,
        tr_us: int,
        more: str,
        cfg: str,
        eid: str,
        heads: dict[bytes, Head],
        key_ids: list[tuple[int, int]],
    ) -> tuple[tuple[int, bytes, int, str, bytes, bytes, None], Entry, Head]:
        stream, event = new.stream, new.event
        kind = type(event)
        head = heads.get(stream) or self._chain.head(stream)
        if head is None:
            key = self.key(stream)
            key_ids.append((key.id, position))
            rev, prev = 0, leaf.NO_PREV
        else:
            key = self._vault.key(head[0])
            rev = head[1] + 1
            prev = head[3].hex() if rev else leaf.NO_PREV
        state = upcast.encode(event)
        salt = self._vault.salts.take(SALT_BYTES)
        body = sha256(leaf.BODY_PREFIX + salt + sha256(state).digest()).hexdigest()
        topic = topic_of(event)
        entry_bytes = leaf.compose(
            cfg=cfg,
            eid=eid,
            idx=position - 1,
            kind=_KINDS.get(kind, "event"),
            msg=event.message if kind in _OF_MESSAGE else 0,  # type: ignore[attr-defined]
            pc=f'{{"c":"{body}","r":"body"}}{more}',
            prev=prev,
            rev=rev,
            sid=stream.hex(),
            src=self._source(event.party) if kind in _FROM_PARTY else "",  # type: ignore[attr-defined]
            sv=version_of(event),
            tr=tr,
            typ=topic,
        )
        if len(entry_bytes) > leaf.MAX_BYTES:
            raise MessageRefused("transport.too_large", limit=leaf.MAX_BYTES)
        digest = sha256(b"\x00" + entry_bytes).digest()
        sealed = self._vault.seal(key, salt, state, self._aad + stream + rev.to_bytes(8, "big") + b"body")
        entry = Entry(
            position=position,
            stream=stream,
            rev=rev,
            topic=topic,
            recorded_at=tr_us,
            leaf_hash=digest,
            event=event,  # type: ignore[arg-type]
        )
        return (position, stream, rev + 1, topic, entry_bytes, sealed, None), entry, (key.id, rev, position, digest)

    def _source(self, party: str) -> str:
        member = self._sources.get(party)
        if member is None:
            member = self._sources[party] = leaf.member("src", party)
        return member

    def _keep_keys(self, unit: Unit, heads: dict[bytes, Head], key_ids: list[tuple[int, int]], position: int) -> None:
        """Write down the key of every stream that is only spoken of: its parts or fingerprints need it for ever."""
        spoken = [part.owner for part in unit.parts if part.owner is not None]
        spoken.extend(item.stream for item in unit.seen)
        for stream in spoken:
            if stream not in heads and self._chain.head(stream) is None:
                key = self.key(stream)
                key_ids.append((key.id, position))
                heads[stream] = (key.id, -1, position, _NO_HASH)

    def adopt(self, placing: Placing, batch: Batch) -> None:
        """Make a placed unit part of the state and of the batch that will be committed."""
        batch.events.extend(placing.rows)
        batch.hashes.extend(placing.placed.leaf_hashes)
        batch.heads.update(placing.heads)
        batch.key_ids.extend(placing.key_ids)
        if placing.message is not None:
            batch.messages.append(placing.message)
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
