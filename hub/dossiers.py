"""Dossiers in memory: folded from the log on demand, adopted as soon as they are decided, forgotten when not used.

What is in memory is committed plus queued: a decision is adopted when its unit is placed, and a failed commit stops the
process, so nobody ever sees a state that did not happen. Memory is bounded by the number of dossiers kept; a dossier
with events that are not durable yet is kept in any case.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from contracts.facts import AliasLinked
from hub.intake import alias_key, code_key
from hub.picture import DossierState, fold
from ledger.events import FactRecorded
from ledger.port import Entry, Ledger
from ledger.unit import Standing

LIMIT: Final = 6_000
"""Dossiers kept in memory: about 60 MB of full ones."""


class _Card:
    """One dossier in memory: its state, and its fingerprints once they were asked for."""

    __slots__ = ("seen", "state")

    def __init__(self, state: DossierState, seen: dict[str, list[bytes]] | None) -> None:
        self.state = state
        self.seen = seen


class Dossiers:
    """The dossiers of one hub. States handed out are not to be changed: ``fork`` first."""

    def __init__(self, ledger: Ledger, *, limit: int = LIMIT) -> None:
        self._ledger = ledger
        self._limit = limit
        self._cards: OrderedDict[bytes, _Card] = OrderedDict()
        self._echoed: dict[tuple[bytes, str], tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._cards)

    # ── finding ──────────────────────────────────────────────────────────────────────────────────

    def find(self, key: str) -> bytes | None:
        """The stream of a dossier by its key (``hub.intake.code_key``): the leading one where two were joined."""
        stream = self._ledger.find_stream(key)
        return None if stream is None else self.lead_of(stream)

    def lead_of(self, stream: bytes) -> bytes:
        """The stream that leads since an alias joined two, usually ``stream`` itself."""
        card = self._cards.get(stream)
        lead = card.state.lead if card is not None else self.state(stream).lead
        return lead or stream

    def by_code(self, code: str, parties: Sequence[str] = ()) -> DossierState | None:
        """The dossier with this code in any form: a national one, else that of the first of ``parties`` to use it."""
        for key in (alias_key(code, ""), *(code_key(code, "party", party) for party in parties)):
            stream = self.find(key)
            if stream is not None:
                return self.state(stream)
        return None

    def state(self, stream: bytes) -> DossierState:
        """The dossier as committed and queued; an unknown stream is an empty dossier.

        A leading stream is folded together with those it leads; a stream that is led is shown as it stands alone, with
        ``lead`` naming its leader.
        """
        return self._card(stream).state

    def seen(self, stream: bytes) -> dict[str, list[bytes]]:
        """Fingerprints of the records accepted for it, by lane (``hub.intake.lane_of``), in order."""
        card = self._card(stream)
        if card.seen is None:
            card.seen = self._ledger.seen(stream)
        return card.seen

    def standing(self, stream: bytes, target: str) -> Standing:
        """What the log says is known at ``target`` (``through`` 0 when nothing is), echoes of rows included."""
        standing = self._ledger.standings(stream).get(target) or Standing(stream=stream, target=target, through=0)
        echoed = self._echoed.get((stream, target), ())
        missing = tuple([row for row in echoed if row not in standing.rows])
        if not missing:
            self._echoed.pop((stream, target), None)
            return standing
        rows = tuple(sorted((*standing.rows, *missing)))
        return Standing(stream=stream, target=target, through=standing.through, rows=rows, parked=standing.parked)

    # ── adopting ─────────────────────────────────────────────────────────────────────────────────

    def adopt(self, stream: bytes, state: DossierState, *, new: bool = False) -> None:
        """Take over what was decided for a dossier whose unit is placed; ``new``: the stream did not exist before."""
        card = self._cards.get(stream)
        if card is None:
            self._cards[stream] = _Card(state, {} if new else None)
            self._trim()
        else:
            card.state = state
            self._cards.move_to_end(stream)

    def remember(self, stream: bytes, lane: str, fingerprint: bytes) -> None:
        """A record was accepted: its fingerprint counts from now on."""
        card = self._cards.get(stream)
        if card is not None and card.seen is not None:
            card.seen.setdefault(lane, []).append(fingerprint)

    def echoed(self, stream: bytes, target: str, rows: Sequence[int]) -> None:
        """``target`` itself told rows that the log already had: it need not be told them."""
        if rows:
            self._echoed[stream, target] = (*self._echoed.get((stream, target), ()), *rows)

    def forget(self, stream: bytes) -> None:
        """Drop a dossier from memory, for one whose content was erased."""
        self._cards.pop(stream, None)

    # ── memory ───────────────────────────────────────────────────────────────────────────────────

    def _card(self, stream: bytes) -> _Card:
        card = self._cards.get(stream)
        if card is None:
            card = self._cards[stream] = _Card(self._fold(stream), None)
            self._trim()
        else:
            self._cards.move_to_end(stream)
        return card

    def _fold(self, stream: bytes) -> DossierState:
        entries = self._ledger.read_stream(stream)
        state = fold(entries, stream)
        joined = () if state.lead else _joined(entries, stream)
        if not joined:
            return state
        for other in joined:
            entries = entries + self._ledger.read_stream(other)
        entries.sort(key=_position)
        return fold(entries, stream)

    def _trim(self) -> None:
        """Forget the dossiers not used for longest, except those with events that are not durable yet."""
        committed = self._ledger.committed
        cards = self._cards
        for _ in range(len(cards) - self._limit):
            stream, card = next(iter(cards.items()))
            if card.state.head > committed:
                cards.move_to_end(stream)
            else:
                del cards[stream]


def _position(entry: Entry) -> int:
    return entry.position


def _joined(entries: Sequence[Entry], stream: bytes) -> tuple[bytes, ...]:
    """The younger streams that an alias joined to this one."""
    found: dict[bytes, None] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, FactRecorded) and isinstance(event.fact, AliasLinked) and event.fact.other_stream:
            other = bytes.fromhex(event.fact.other_stream)
            if other > stream:
                found[other] = None
    return tuple(found)
