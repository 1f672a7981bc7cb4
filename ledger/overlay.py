"""What is known to decide with: committed rows, and over them what is placed but not yet durable.

Everything that is placed is seen at once by whoever decides next; when its transaction is committed the same answers
come from the store and the overlay forgets.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

import msgspec

from contracts.errors import MessageRefused
from ledger.parts import Opening
from ledger.port import Entry, FoundMessage
from ledger.stores.store import Batch, Store
from ledger.unit import Standing, Unit
from ledger.vault import Vault

_BLINDED: Final = 16_384
_ID_BYTES: Final = 16
_DIGEST_BYTES: Final = 32
_STANDINGS_KEPT: Final = 16_384
"""Dossiers whose standings stay in memory: they are asked for once or twice for every message and every delivery."""
_SERIAL: Final = 5
"""How many last characters of a dossier code count up within one agency and day."""
_ROWS: Final = msgspec.msgpack.Decoder(tuple[int, ...])
_ENCODE_ROWS: Final = msgspec.msgpack.Encoder().encode


class Overlay:
    """Lookups by code, message id, fingerprint and target, placed ones included."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._lanes = {name: number for number, name in store.lanes()}
        self._lane_names = {number: name for name, number in self._lanes.items()}
        self._cursors = store.cursors()
        self._blinded: dict[str, bytes] = {}
        self._families: dict[str, bytes] = {}
        self._codes: dict[bytes, tuple[int, bytes]] = {}
        self._expected: dict[bytes, bytes | None] = {}
        self._messages: dict[bytes, tuple[int, bytes, bytes]] = {}
        self._seen: dict[bytes, list[tuple[int, int, bytes]]] = {}
        self._standings: dict[bytes, dict[str, tuple[int, Standing]]] = {}
        self._answered: dict[bytes, dict[str, Standing]] = {}
        self._entries: dict[bytes, list[Entry]] = {}
        self._erased: dict[bytes, None] = {}

    # ── placing ─────────────────────────────────────────────────────────────────────────────────

    def place(self, unit: Unit, entries: list[Entry], eid: bytes, batch: Batch, opening: Opening | None) -> None:
        """Add what a placed unit lets others know; ``opening`` is that of its parts."""
        first = entries[0].position
        for entry in entries:
            pending = self._entries.get(entry.stream)
            if pending is None:
                self._entries[entry.stream] = [entry]
            else:
                pending.append(entry)
            if entry.rev == 0:
                self._keep_standings(entry.stream, {})
        if eid:
            salts = b"" if opening is None else opening.secret()
            content = self._content(unit.content, salts)
            key = eid[:_ID_BYTES]
            self._messages[key] = (first, content, salts)
            batch.message_ids.append((key, first, content))
        self._expected = {}
        for code, stream in unit.codes:
            blinded = self._blind(code)
            self._codes[blinded] = (first, stream)
            batch.codes[blinded] = stream
        for n, item in enumerate(unit.seen, first << 16):
            lane = self._lane(item.lane, batch)
            self._seen.setdefault(item.stream, []).append((first, lane, item.fingerprint))
            batch.seen.append((item.stream, n, lane, item.fingerprint))
        for standing in unit.standings:
            self._standings.setdefault(standing.stream, {})[standing.target] = (first, standing)
            answered = self._answered.get(standing.stream)
            if answered is not None:
                self._answered[standing.stream] = {**answered, standing.target: standing}
            rows = _ENCODE_ROWS(standing.rows)
            batch.standings[standing.stream, standing.target] = (standing.through, rows, standing.parked)
        if unit.cursor is not None:
            target, position = unit.cursor
            self._cursors[target] = batch.cursors[target] = position

    def _blind(self, code: str) -> bytes:
        blinded = self._blinded.get(code)
        if blinded is None:
            if len(self._blinded) >= _BLINDED:
                self._blinded.clear()
            blinded = self._blinded[code] = self._family(code[:-_SERIAL]) + self._vault.hide(b"code", code.encode(), 12)
        return blinded

    def _family(self, stem: str) -> bytes:
        """Blinded in two steps, so that codes of one agency and day lie on the same pages of the index."""
        family = self._families.get(stem)
        if family is None:
            if len(self._families) >= _BLINDED:
                self._families.clear()
            family = self._families[stem] = self._vault.hide(b"codes", stem.encode(), 4)
        return family

    def _lane(self, name: str, batch: Batch) -> int:
        number = self._lanes.get(name)
        if number is None:
            number = self._lanes[name] = len(self._lanes) + 1
            self._lane_names[number] = name
            batch.lanes.append((number, name))
        return number

    def forget(self, batch: Batch, committed: int) -> None:
        """Drop what the store now answers itself."""
        for stream in batch.heads:
            pending = self._entries.get(stream)
            if pending is not None:
                rest = [entry for entry in pending if entry.position > committed]
                if rest:
                    self._entries[stream] = rest
                else:
                    del self._entries[stream]
        for key, _, _ in batch.message_ids:
            self._messages.pop(key, None)
        for blinded in batch.codes:
            if blinded in self._codes and self._codes[blinded][0] <= committed:
                del self._codes[blinded]
        for item in batch.seen:
            kept = [row for row in self._seen.pop(item[0], ()) if row[0] > committed]
            if kept:
                self._seen[item[0]] = kept
        for stream, target in batch.standings:
            of_stream = self._standings.get(stream, {})
            if target in of_stream and of_stream[target][0] <= committed:
                del of_stream[target]
                if not of_stream:
                    del self._standings[stream]

    # ── looking up ──────────────────────────────────────────────────────────────────────────────

    def find_message(
        self, party: str, source_id: str, content: bytes, opening: Callable[[int], Opening | None]
    ) -> FoundMessage | None:
        """See ``Ledger.find_message``; ``opening`` gives that of a stored message, None once a part was erased."""
        key = self._vault.blind(b"eid", party.encode(), source_id.encode())[:_ID_BYTES]
        placed = self._messages.get(key)
        if placed is not None:
            return FoundMessage(placed[0], placed[1] == self._content(content, placed[2]))
        found = self._store.message_id(key)
        if found is None:
            return None
        salts = opening(found[0])
        if salts is None:
            raise MessageRefused("intake.erased")
        return FoundMessage(found[0], found[1] == self._content(content, salts.secret()))

    def _content(self, content: bytes, salts: bytes) -> bytes:
        """What is kept to know the content of a message again.

        It dies with the first part of the message that is erased: who knew all other parts could try every citizen
        number against it.
        """
        digest = blake2b(content, digest_size=_DIGEST_BYTES, person=b"content").digest()
        return self._vault.hide(b"content", digest + salts, _ID_BYTES)

    def expect(self, code_keys: Iterable[str]) -> None:
        """See ``Ledger.expect``."""
        wanted = [blinded for key in code_keys if (blinded := self._blind(key)) not in self._codes]
        self._expected = {**dict.fromkeys(wanted), **self._store.codes(wanted)}

    def find_stream(self, code_key: str) -> bytes | None:
        """See ``Ledger.find_stream``."""
        found = self._linked(self._blind(code_key))
        return None if found in self._erased else found

    def _linked(self, blinded: bytes) -> bytes | None:
        placed = self._codes.get(blinded)
        if placed is not None:
            return placed[1]
        if blinded in self._expected:
            return self._expected[blinded]
        return self._store.code(blinded)

    def seen(self, stream: bytes) -> dict[str, list[bytes]]:
        """See ``Ledger.seen``."""
        found: dict[str, list[bytes]] = {}
        for lane, fingerprint in self._store.seen(stream):
            found.setdefault(self._lane_names[lane], []).append(fingerprint)
        for _, lane, fingerprint in self._seen.get(stream, ()):
            found.setdefault(self._lane_names[lane], []).append(fingerprint)
        return found

    def standings(self, stream: bytes) -> dict[str, Standing]:
        """See ``Ledger.standings``. Answers are shared: they are replaced, never changed."""
        found = self._answered.get(stream)
        if found is None:
            found = {
                target: Standing(stream, target, through, _ROWS.decode(rows), parked)
                for target, through, rows, parked in self._store.standings(stream)
            }
            for target, (_, standing) in self._standings.get(stream, {}).items():
                found[target] = standing
            self._keep_standings(stream, found)
        return found

    def _keep_standings(self, stream: bytes, found: dict[str, Standing]) -> None:
        self._answered[stream] = found
        if len(self._answered) > _STANDINGS_KEPT:
            del self._answered[next(iter(self._answered))]

    def parked(self, target: str) -> list[Standing]:
        """See ``Ledger.parked``."""
        found = {
            (at, stream): Standing(stream, at, through, _ROWS.decode(rows), parked)
            for stream, at, through, rows, parked in self._store.parked(target)
        }
        for stream, placed in self._standings.items():
            for at, (_, standing) in placed.items():
                found.pop((at, stream), None)
                if standing.parked and (not target or at == target):
                    found[at, stream] = standing
        return [found[key] for key in sorted(found)]

    def cursor(self, target: str) -> int:
        """See ``Ledger.cursor``."""
        return self._cursors.get(target, 0)

    def pending(self, stream: bytes) -> list[Entry]:
        """Placed events of a stream that are not durable yet, in order."""
        return self._entries.get(stream, [])

    # ── erasing ─────────────────────────────────────────────────────────────────────────────────

    def is_erased(self, stream: bytes) -> bool:
        """Whether a dossier was erased: no code leads to it any more."""
        return stream in self._erased

    def erase(self, streams: Iterable[bytes]) -> None:
        """Dossiers were erased: they are found no more, and nothing of any dossier's code stays in memory."""
        for stream in streams:
            self._erased[stream] = None
            self._answered.pop(stream, None)
        self._blinded.clear()
        self._families.clear()
        self._expected = {}
