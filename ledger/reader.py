"""The log in order, opened: by position, by stream, as raw messages, as proofs.

Newly committed events stay in memory for a while, so that those who follow the log read no disk and open nothing.
A call takes at most ``SLICE`` events from the store: no call holds the loop for more than a few milliseconds.
"""

from hashlib import sha256
from typing import Final

from contracts.errors import HubError, IntegrityViolation
from ledger import leaf, proof, upcast
from ledger.chain import Chain
from ledger.overlay import Overlay
from ledger.parts import Opening, OpenPart, commitment_of, open_parts, opening_of
from ledger.place import Placer
from ledger.port import Entry, Proof
from ledger.stores.store import EventRow, MessageRow
from ledger.vault import DataKey, Vault

SLICE: Final = 128
_RECENT: Final = 8_192
_OPENINGS: Final = 65_536
"""How many salts stay in memory for receipts that are asked for at once."""


class Reader:
    """Opens what the chain and the vault keep."""

    def __init__(self, chain: Chain, vault: Vault, placer: Placer, overlay: Overlay) -> None:
        self._chain = chain
        self._store = chain.store
        self._vault = vault
        self._placer = placer
        self._overlay = overlay
        self._recent: dict[int, Entry] = {}
        self._openings: dict[int, Opening] = {}
        self._salts = 0

    def remember(self, entries: list[Entry]) -> None:
        """Keep events that just became durable, the oldest ones make room."""
        recent = self._recent
        for entry in entries:
            recent[entry.position] = entry
        for _ in range(len(recent) - _RECENT):
            del recent[next(iter(recent))]

    def remember_opening(self, position: int, opening: Opening) -> None:
        """Keep a receipt's salts for the moment its sender is answered."""
        self._openings[position] = opening
        self._salts += len(opening.salts)
        while self._salts > _OPENINGS and len(self._openings) > 1:
            oldest = self._openings.pop(next(iter(self._openings)))
            self._salts -= len(oldest.salts)

    def forget(self) -> None:
        """Drop every opened copy, because a key is being destroyed; what is still readable is read again."""
        self._recent.clear()
        self._openings.clear()
        self._salts = 0

    # ── events ──────────────────────────────────────────────────────────────────────────────────

    def open_row(self, row: EventRow) -> Entry:
        """A stored event, opened; its event is None where the key was destroyed."""
        return self._entry(row, self._key_of(row.originator_id))

    def _entry(self, row: EventRow, key: DataKey | None) -> Entry:
        position, stream, version, topic, entry, _, _ = row
        schema, recorded_at = leaf.version_and_time(entry)
        opened = self._open_state(row, key)
        return Entry(
            position=position,
            stream=stream,
            rev=version - 1,
            topic=topic,
            recorded_at=recorded_at,
            leaf_hash=sha256(b"\x00" + entry).digest(),
            event=None if opened is None else upcast.decode(topic, schema, opened[1]),
        )

    def _key_of(self, stream: bytes) -> DataKey | None:
        """The key of a stream that has events, None where it was destroyed."""
        head = self._chain.head(stream)
        if head is None:
            raise IntegrityViolation("ledger.corrupt", f"events of stream {stream.hex()}, which there is not")
        try:
            return self._vault.key(head[0])
        except HubError as error:
            if error.code == "vault.erased":
                return None
            raise

    def _open_state(self, row: EventRow, key: DataKey | None) -> tuple[bytes, bytes] | None:
        """(salt, state) of a stored event, None where its key was destroyed."""
        if key is None:
            return None
        return self._vault.open(key, row[5], self._placer.aad(row[1], row[2] - 1, b"body"))

    def read(self, after: int, limit: int) -> list[Entry]:
        """Durable events beyond ``after``, in order, at most ``limit`` and at most one slice from the disk."""
        recent = self._recent
        start = max(after, 0) + 1
        if start in recent:
            end = min(after + limit, self._chain.committed)
            return [recent[position] for position in range(start, end + 1)]
        rows = self._store.events(after, min(limit, SLICE), stop=self._chain.committed)
        return [self.open_row(row) for row in rows]

    def read_stream(self, stream: bytes, after_rev: int) -> list[Entry]:
        """A stream's events with rev > ``after_rev``, placed ones included."""
        pending = self._overlay.pending(stream)
        head = self._chain.head(stream)
        if head is None or head[1] <= after_rev:
            return []
        found: list[Entry] = []
        if not pending or pending[0].rev > after_rev + 1:
            key = self._key_of(stream)
            found = [self._entry(row, key) for row in self._store.stream(stream, gt=after_rev + 1)]
        found.extend(entry for entry in pending if entry.rev > after_rev)
        return found

    # ── messages ────────────────────────────────────────────────────────────────────────────────

    def _message(self, position: int) -> tuple[MessageRow, bytes, int]:
        row = self._store.message(position)
        entry = self._store.leaf(position)
        if row is None or entry is None:
            raise KeyError(position)
        meta = leaf.parse(entry)
        return row, bytes.fromhex(meta.sid), meta.rev

    def raw_message(self, position: int) -> bytes:
        """The exact bytes of a message; ``vault.erased`` when a part was erased, KeyError when there is no message."""
        row, stream, rev = self._message(position)
        parts, _ = open_parts(self._placer, self._vault, row, stream, rev)
        contents = [part.content for part in parts if part.content is not None]
        if len(contents) < len(parts):
            raise HubError("vault.erased")
        for index, part in enumerate(parts):
            _hold(part, row, index)
        return b"".join(contents)

    def message_parts(self, position: int) -> list[tuple[int, bytes | None]]:
        """(role, content) of every part; content is None where it was erased."""
        row, stream, rev = self._message(position)
        parts, _ = open_parts(self._placer, self._vault, row, stream, rev)
        return [(part.role, part.content) for part in parts]

    def opened(self, position: int) -> tuple[bytes, bytes] | None:
        """(salt, stored state) of a durable event; None where its key was destroyed."""
        row = self._store.events(position - 1, 1)[0]
        return self._open_state(row, self._key_of(row.originator_id))

    def opened_parts(self, position: int) -> tuple[list[bytes], list[tuple[bytes, bytes] | None]]:
        """(commitments of all parts, salt and content of each); None where a part was erased."""
        row, stream, rev = self._message(position)
        parts, _ = open_parts(self._placer, self._vault, row, stream, rev)
        kept = row.commitments
        commitments = [kept[at : at + 32] for at in range(0, len(kept), 32)]
        return commitments, [
            None if part.salt is None or part.content is None else (part.salt, part.content) for part in parts
        ]

    def audit(self, position: int) -> tuple[int, int]:
        """(opened, erased) items at a position, each held to its commitment; else ``ledger.corrupt``."""
        row = self._store.events(position - 1, 1)[0]
        found = leaf.parse(row.leaf)
        commitments = {item.r: item.c for item in found.pc}
        opened = erased = 0
        state = self._open_state(row, self._key_of(row.originator_id))
        if state is None:
            erased += 1
        else:
            upcast.decode(row.topic, found.sv, state[1])
            if leaf.commit_to(leaf.BODY_PREFIX, *state).hex() != commitments["body"]:
                raise IntegrityViolation("ledger.corrupt", f"event {position} is not what was committed to")
            opened += 1
        if "parts" in commitments:
            message, stream, rev = self._message(position)
            parts, _ = open_parts(self._placer, self._vault, message, stream, rev)
            for index, part in enumerate(parts):
                _hold(part, message, index)
                opened += part.content is not None
                erased += part.content is None
        return opened, erased

    def recorded_at(self, position: int) -> int:
        """When a durable position was recorded, microseconds UTC; no later position was recorded earlier."""
        entry = self._store.leaf(position)
        if entry is None:
            raise KeyError(position)
        return leaf.recorded_us(entry)

    def prove(self, position: int) -> Proof:
        """The receipt's proof of a durable position, the same for ever; the opening loses what was erased."""
        if not 0 < position <= self._chain.committed:
            raise KeyError(position)
        entry, path, note = self._chain.prove(position)
        return Proof(
            position=position,
            leaf_hash=sha256(b"\x00" + entry).digest(),
            leaf=entry,
            checkpoint=note,
            proof=proof.write(position - 1, path, note),
            opening=self._opening(position),
        )

    def whole_opening(self, position: int) -> Opening | None:
        """The opening of the message at a position, None once a part of it was erased."""
        recent = self._openings.get(position)
        if recent is not None:
            return recent
        try:
            row, stream, rev = self._message(position)
        except KeyError:
            return Opening([], [], b"")  # a message without a body has no parts
        parts, seed = open_parts(self._placer, self._vault, row, stream, rev)
        return None if any(part.content is None for part in parts) else opening_of(parts, seed)

    def _opening(self, position: int) -> dict[str, str]:
        recent = self._openings.get(position)
        if recent is not None:
            return recent.text()
        try:
            row, stream, rev = self._message(position)
        except KeyError:
            return {}
        return opening_of(*open_parts(self._placer, self._vault, row, stream, rev)).text()


def _hold(part: OpenPart, row: MessageRow, index: int) -> None:
    """Hold an opened part to its commitment; an erased one has nothing to be held to."""
    made = commitment_of(part)
    if made is not None and made != row.commitments[index * 32 : index * 32 + 32]:
        raise IntegrityViolation(
            "ledger.corrupt", f"part {index} of message {row.position} is not what was committed to"
        )
