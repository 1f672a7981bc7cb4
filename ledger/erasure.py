"""Erasing content for ever: what an ``ItemErased`` event names is made unreadable, now and after every start.

The order is: the event is durable, then no code leads to the dossier, then the keys are destroyed, then both
write-ahead logs are emptied. A crash anywhere between leaves an event whose keys still exist, and the next start does
the rest before anything is served. Because every start does it again for every event, an old copy of the key file
brings nothing back. Leaves, commitments and roots stay as they are: what remains confirms no guess, because each
commitment's salt died with the key.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import apsw

from contracts.errors import IntegrityViolation
from ledger.chain import Chain
from ledger.events import ItemErased
from ledger.overlay import Overlay
from ledger.parts import DOSSIER, GLUE, REFUSED, Layout, layout_of
from ledger.reader import Reader
from ledger.vault import Vault

STREAM: Final = ("governance", "erasures")
"""Kind and name of the stream that erasures are written down in."""
WHOLE: Final = "dossier"
"""The item that means everything under the dossier's own key."""
GLUE_PART: Final = "glue"
SLICE: Final = 256
UNLINK_SLICE: Final = 2_000


def item_of(position: int, part: int | str) -> str:
    """The name of a part under a key of its own: ``message/<position>/<part>``, ``glue`` for all glue of a message."""
    return f"message/{position}/{part}"


def place_of(item: str) -> tuple[int, int | None]:
    """(position, part) that an item names; the part is None for the glue.

    Raises:
        ValueError: another form of name.
    """
    kind, _, rest = item.partition("/")
    position, _, part = rest.partition("/")
    if kind != "message":
        raise ValueError(f"not an item of a message: {item!r}")
    return int(position), None if part == GLUE_PART else int(part)


class Erasure:
    """Carries out what was written down. The events themselves are submitted like any other."""

    def __init__(self, chain: Chain, vault: Vault, reader: Reader, overlay: Overlay) -> None:
        self._chain = chain
        self._vault = vault
        self._reader = reader
        self._overlay = overlay

    # ── what was written down ────────────────────────────────────────────────────────────────────

    def recorded(self) -> Iterator[ItemErased]:
        """Every durable erasure, in order."""
        stream = next((found for kind, name, found in self._chain.store.names() if (kind, name) == STREAM), None)
        after = -1
        while stream is not None:
            rows = self._chain.store.stream(stream, gt=after, limit=SLICE)
            for row in rows:
                event = self._reader.open_row(row).event
                if isinstance(event, ItemErased):
                    yield event
            if len(rows) < SLICE:
                return
            after = rows[-1].originator_version

    def keys_of(self, event: ItemErased) -> list[int]:
        """The ids of the data keys that an erasure destroys."""
        found: list[int] = []
        for item in event.items:
            if item == WHOLE:
                head = self._chain.head(bytes.fromhex(event.stream))
                if head is None:
                    raise IntegrityViolation("ledger.corrupt", f"stream {event.stream} was erased and is not there")
                found.append(head[0])
            else:
                position, part = place_of(item)
                layout = self.layout(position)
                key = layout.glue_key if part is None else layout.parts[part][3]
                if not isinstance(key, int):
                    raise IntegrityViolation("ledger.corrupt", f"{item} has no key of its own")
                found.append(key)
        return found

    # ── carrying out ─────────────────────────────────────────────────────────────────────────────

    def unlink(self, events: Sequence[ItemErased]) -> Iterator[None]:
        """The first half: no code leads to the erased dossiers any more. A slice of the lookup keys at a time.

        From the first step on nobody finds these dossiers; a message under one of their codes begins another.
        """
        streams = {bytes.fromhex(event.stream): None for event in events if WHOLE in event.items}
        self._overlay.erase(streams)
        after = b""
        while streams:
            with _stopping():
                after = self._chain.store.unlink(streams, after, UNLINK_SLICE)
            yield
            if not after:
                return

    def destroy(self, events: Sequence[ItemErased]) -> int:
        """The second half: destroy the keys that durable erasures name; how many still existed."""
        keys = [key for event in events for key in self.keys_of(event)]
        self._reader.forget()
        with _stopping():
            return self._vault.destroy_all(keys)

    def carry_out(self, events: Sequence[ItemErased]) -> int:
        """Both halves at once, for durable erasures; how many keys still existed. ``scrub`` comes after.

        Raises:
            IntegrityViolation: ``ledger.unavailable`` when the disk fails. What was written down is then done by the
                next start, and until then nothing may be served.
        """
        for _ in self.unlink(events):
            pass
        return self.destroy(events)

    def scrub(self) -> None:
        """Empty both write-ahead logs. ``ledger.unavailable`` while a reader keeps an old state open."""
        with _stopping():
            self._vault.scrub()
            self._chain.store.scrub()

    def finish(self) -> int:
        """Carry out again everything that was ever written down, at a start; how many keys still existed.

        Codes were unlinked before keys were destroyed, so they are looked through only where a key is left.
        """
        events = list(self.recorded())
        if not events:
            return 0
        self._overlay.erase(bytes.fromhex(event.stream) for event in events if WHOLE in event.items)
        left = [event for event in events if self._vault.alive(self.keys_of(event))]
        destroyed = self.carry_out(left)
        self.scrub()
        return destroyed

    # ── finding what belongs to a dossier ────────────────────────────────────────────────────────

    def is_dossier(self, stream: bytes) -> bool:
        """Whether the log has this stream and it is a dossier's, not that of a party, a target or governance."""
        named = any(found == stream for _, _, found in self._chain.store.names())
        return not named and self._chain.head(stream) is not None

    def is_erased(self, stream: bytes) -> bool:
        """Whether a dossier was erased."""
        return self._overlay.is_erased(stream)

    def layout(self, position: int) -> Layout:
        """How the parts of the message at a position lie. KeyError when there is no message."""
        rows = self._chain.store.layouts(position - 1, 1)
        if not rows or rows[0][0] != position:
            raise KeyError(position)
        return layout_of(*rows[0])

    def messages(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(position, layout as stored) of messages beyond a position, one slice."""
        return self._chain.store.layouts(after, limit)

    def before(self, recorded_us: int) -> int:
        """The last position recorded before a time (microseconds UTC); 0 when all came later. O(log n) reads."""
        low, high = 0, self._chain.committed
        while low < high:
            middle = (low + high + 1) // 2
            if self._reader.recorded_at(middle) < recorded_us:
                low = middle
            else:
                high = middle - 1
        return low

    def refused_parts(self, position: int) -> list[tuple[int, bytes]]:
        """(part, content) of what was refused in the message at a position and is still readable."""
        parts = self._reader.message_parts(position)
        return [(at, content) for at, (role, content) in enumerate(parts) if role == REFUSED and content is not None]


@contextmanager
def _stopping() -> Iterator[None]:
    """A disk that fails in the middle of an erasure is the ledger's failure."""
    try:
        yield
    except apsw.Error as error:
        raise IntegrityViolation("ledger.unavailable", f"{type(error).__name__}: {error}") from error


def own_parts(layout: Layout, erased: Collection[bytes]) -> list[int | str]:
    """The parts under keys of their own that belong to the ``erased`` dossiers alone.

    Attachments and secrets inside a dossier's record are the dossier's. In a message that is about nobody else every
    part is, the glue too; a refused record is about somebody else.
    """
    alone = all(part[3] in erased if part[0] == DOSSIER else part[0] != REFUSED for part in layout.parts)
    if alone:
        found: list[int | str] = [at for at, part in enumerate(layout.parts) if part[0] not in {GLUE, DOSSIER}]
        return [*found, GLUE_PART] if layout.glue_key else found
    return [
        at
        for at, part in enumerate(layout.parts)
        if part[0] not in {GLUE, DOSSIER, REFUSED} and _inside(layout, at) in erased
    ]


def _inside(layout: Layout, at: int) -> bytes:
    """The dossier in whose record a part lies, b"" where it lies between records."""
    for step in (-1, 1):
        near = at + step
        while 0 <= near < len(layout.parts):
            role = layout.parts[near][0]
            if role == DOSSIER:
                stream: bytes = layout.parts[near][3]
                return stream
            if role in {GLUE, REFUSED}:
                break
            near += step
    return b""
