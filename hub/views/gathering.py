"""From entries of the log to rows of the read models, gathered so that one transaction holds many.

Everything is last-writer-wins by position or a sum, so a batch may cut the log anywhere and the result is the same.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

from contracts.identifiers import AgencyCode
from hub.views import schema
from hub.views.folding import folded
from ledger.erasure import WHOLE
from ledger.events import (
    AnyEvent,
    ConflictDetected,
    FactRecorded,
    ItemErased,
    MessageAccepted,
    MessageRefused,
    MessageReinterpreted,
    RecordDismissed,
    RecordParked,
    SyncConfirmed,
    SyncDismissed,
    SyncParked,
    SyncRefused,
    SyncRequeued,
    TransitionQuestioned,
)
from ledger.port import Entry


class Known(Protocol):
    """A dossier as it stands, as ``hub.picture.DossierState`` has it."""

    code: str
    aliases: tuple[str, ...]
    values: dict[str, Any]
    state: Any
    head: int
    lead: bytes


class Folded(Protocol):
    """Where dossiers are folded (``hub.dossiers``)."""

    def state(self, stream: bytes) -> Known:
        """The dossier as it stands."""
        ...


ParkedKey: TypeAlias = tuple[str, bytes, str, int, int]
"""(kind, stream, party, message, item); a delivery has no message of its own."""
RECORD: Final = "record"
DELIVERY: Final = "delivery"
Step = tuple[str, list[tuple[Any, ...]]]


class Gathering:
    """Rows of one transaction to be. ``agency_of`` names the agency in a dossier code, "" where it names none."""

    def __init__(self, dossiers: Folded, agency_of: Callable[[str], str]) -> None:
        self._dossiers = dossiers
        self._agency_of = agency_of
        self._learn: dict[type, Callable[[Entry, Any], None]] = {
            FactRecorded: self._fact,
            TransitionQuestioned: self._fact,
            RecordParked: self._record_parked,
            RecordDismissed: self._record_dismissed,
            MessageAccepted: self._accepted,
            MessageRefused: self._refused,
            MessageReinterpreted: self._reinterpreted,
            ConflictDetected: self._conflict,
            SyncConfirmed: self._confirmed,
            SyncRefused: self._sync_refused,
            SyncParked: self._sync_parked,
            SyncRequeued: self._requeued,
            SyncDismissed: self._dismissed,
            ItemErased: self._erased,
        }
        self._empty()

    def _empty(self) -> None:
        self._touched: dict[bytes, None] = {}
        self._dossiers_now: list[tuple[Any, ...]] = []
        self._codes: dict[tuple[str, bytes], str] = {}
        self._sync: dict[tuple[bytes, str], tuple[str, int, int, str]] = {}
        self._messages: list[tuple[Any, ...]] = []
        self._parked: dict[ParkedKey, tuple[Any, ...] | None] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._gone: dict[bytes, None] = {}
        self.position = 0

    @property
    def rows(self) -> int:
        """How many rows wait, about."""
        return 2 * len(self._touched) + len(self._sync) + len(self._messages) + len(self._parked)

    def learn(self, entry: Entry) -> None:
        """Take one entry in; an erased one only moves the position."""
        self.position = entry.position
        event: AnyEvent | None = entry.event
        if event is not None:
            learn = self._learn.get(type(event))
            if learn is not None:
                learn(entry, event)

    @property
    def touched(self) -> tuple[bytes, ...]:
        """The dossiers that changed; each is to be folded (``fold``) before ``take``."""
        return tuple(self._touched)

    def fold(self, stream: bytes) -> None:
        """Take the dossier's row as it stands now; of one that nobody told anything of yet there is none."""
        row = self._dossier(stream)
        if row is not None:
            self._dossiers_now.append(row)

    def take(self, origin: str) -> Sequence[Step]:
        """The statements with their rows, the position last; what was gathered is empty again."""
        gone = [(stream,) for stream in self._gone]
        steps: list[Step] = [
            *((statement, gone) for statement in schema.DROP_STREAM),
            (schema.PUT_DOSSIER, self._dossiers_now),
            (schema.PUT_CODE, [(key[0], key[1], code) for key, code in self._codes.items()]),
            (schema.PUT_SYNC, [(*key, *value) for key, value in self._sync.items()]),
            (schema.PUT_PARKED, [(*key, *row) for key, row in self._parked.items() if row is not None]),
            (schema.DROP_PARKED, [key for key, row in self._parked.items() if row is None]),
            (schema.PUT_MESSAGE, self._messages),
            (schema.ADD_COUNT, [(*key, number) for key, number in self._counts.items()]),
            (schema.PUT_PROGRESS, [(self.position, origin)]),
        ]
        self._empty()
        return steps

    # ── dossiers ─────────────────────────────────────────────────────────────────────────────────

    def _fact(self, entry: Entry, event: FactRecorded | TransitionQuestioned) -> None:
        self._touched[entry.stream] = None
        self._counts[event.party, "facts" if isinstance(event, FactRecorded) else "questioned"] += 1

    def _record_parked(self, entry: Entry, event: RecordParked) -> None:
        self._touched[entry.stream] = None
        self._codes[folded(event.dossier), entry.stream] = event.dossier
        self._counts[event.party, "parked_records"] += 1
        key = (RECORD, entry.stream, event.party, event.message, event.item)
        self._parked[key] = (entry.position, event.code, event.path, event.word)

    def _record_dismissed(self, entry: Entry, event: RecordDismissed) -> None:
        self._touched[entry.stream] = None
        self._parked[RECORD, entry.stream, event.party, event.message, event.item] = None

    def _reinterpreted(self, _entry: Entry, event: MessageReinterpreted) -> None:
        self._parked[RECORD, bytes.fromhex(event.stream), event.party, event.message, event.item] = None

    def _dossier(self, stream: bytes) -> tuple[Any, ...] | None:
        known = self._dossiers.state(stream)
        if not known.code:
            return None
        sought = []
        for code in (known.code, *known.aliases):
            sought.append(folded(code))
            self._codes[sought[-1], stream] = code
        values = known.values
        processing = values.get("processing_agency_code")
        agency = normalised(processing) if processing else self._agency_of(known.code)
        return (
            stream,
            known.code,
            " ".join(sought),
            agency,
            values.get("procedure_code", ""),
            known.state,
            known.head,
            known.lead or None,
        )

    def _erased(self, _entry: Entry, event: ItemErased) -> None:
        """An erased dossier has no row from here on."""
        if WHOLE not in event.items:
            return
        gone = bytes.fromhex(event.stream)
        self._gone[gone] = None
        self._touched.pop(gone, None)
        self._codes = {key: code for key, code in self._codes.items() if key[1] != gone}
        self._sync = {key: row for key, row in self._sync.items() if key[0] != gone}
        self._parked = {key: row for key, row in self._parked.items() if key[1] != gone}

    # ── messages ─────────────────────────────────────────────────────────────────────────────────

    def _accepted(self, entry: Entry, event: MessageAccepted) -> None:
        states = Counter(item.state for item in event.items)
        if event.refused:
            states["refused"] += len(event.refused)
        for state, number in states.items():
            self._counts[event.party, state] += number
        self._message(entry, event.message_id, event.party, "accepted", states)

    def _refused(self, entry: Entry, event: MessageRefused) -> None:
        self._message(entry, event.message_id, event.party, "refused", Counter())

    def _conflict(self, entry: Entry, event: ConflictDetected) -> None:
        self._message(entry, event.message_id, event.party, "conflict", Counter())

    def _message(self, entry: Entry, message_id: str, party: str, state: str, records: Counter[str]) -> None:
        self._counts[party, f"messages_{state}"] += 1
        text = json.dumps(dict(sorted(records.items())), separators=(",", ":"))
        self._messages.append((message_id, entry.position, party, state, entry.recorded_at, text))

    # ── synchronisation ──────────────────────────────────────────────────────────────────────────

    def _confirmed(self, entry: Entry, event: SyncConfirmed) -> None:
        for item in event.items:
            self._put_sync(bytes.fromhex(item.stream), event.target, "confirmed", item.through, entry.position)
        self._counts[event.target, "confirmed"] += len(event.items)
        doubted = sum(item.doubt for item in event.items)
        if doubted:
            self._counts[event.target, "doubted"] += doubted

    def _sync_refused(self, entry: Entry, event: SyncRefused) -> None:
        for item in event.items:
            self._put_sync(bytes.fromhex(item.stream), event.target, "retrying", 0, entry.position, event.verdict)
        self._counts[event.target, f"attempts_{event.verdict}"] += 1

    def _sync_parked(self, entry: Entry, event: SyncParked) -> None:
        self._put_sync(bytes.fromhex(event.stream), event.target, "parked", 0, entry.position, event.code)
        self._counts[event.target, "parked"] += 1
        self._parked[DELIVERY, bytes.fromhex(event.stream), event.target, 0, 0] = (entry.position, event.code, "", "")

    def _dismissed(self, _entry: Entry, event: SyncDismissed) -> None:
        self._parked[DELIVERY, bytes.fromhex(event.stream), event.target, 0, 0] = None

    def _requeued(self, entry: Entry, event: SyncRequeued) -> None:
        self._put_sync(bytes.fromhex(event.stream), event.target, "requeued", 0, entry.position)
        self._counts[event.target, "requeued"] += 1
        self._parked[DELIVERY, bytes.fromhex(event.stream), event.target, 0, 0] = None

    def _put_sync(self, stream: bytes, target: str, state: str, through: int, position: int, reason: str = "") -> None:
        before = self._sync.get((stream, target))
        if before is not None:
            through = max(through, before[1])
        self._sync[stream, target] = (state, through, position, reason)


@lru_cache(maxsize=4_096)
def normalised(agency: str) -> str:
    """An agency code in the one notation that is searched for; a word that is no code as it is."""
    try:
        return AgencyCode.parse(agency).normalised
    except ValueError:
        return agency
