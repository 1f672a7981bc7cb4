"""Reading a parked record again, once a mapping knows its words: it fills history in the place it always had.

The record counts from the message that brought it, at the time that message was accepted, and is judged against what
had been said until then. What its sender said of the dossier since was judged while this record could not be read, so
a later saying that changed nothing then may say something now (4, parked, 4 again): each is judged once more, in its
own place. What others questioned after it is judged again too. So the dossier ends as if the mapping had been there
from the start, and nothing old ever becomes current over what came later.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from contracts.envelope import Envelope
from contracts.errors import HubError, MessageRefused
from contracts.facts import AliasLinked
from contracts.ports import Adapter, RecordOutcome
from contracts.reading import Reading, Record
from hub.decide import Decision, decide
from hub.intake import (
    agency_allowed,
    agency_refusal,
    parked_material,
    place_mark,
    place_of,
    reread_lane_of,
    said_lane_of,
)
from hub.judgement import Context, Judge
from hub.packet import Desk, Packet
from hub.parties import Party
from hub.picture import DossierState, Flight
from hub.route import known_at
from ledger.events import (
    AcceptedItem,
    FactRecorded,
    MessageAccepted,
    MessageReinterpreted,
    RecordDismissed,
    RecordParked,
)
from ledger.unit import NewEvent, Seen, Unit

_DECIDED: Final = frozenset({"applied", "unchanged", "questioned"})
"""Outcomes that were measured against the sender's own words; an echo or a repetition stays one."""


class Place(NamedTuple):
    """A record on the log: the position of its message, its index there."""

    message: int
    item: int


class Opened(NamedTuple):
    """An accepted message, read by today's adapter and profile."""

    accepted: MessageAccepted
    reading: Reading
    party: Party
    adapter: Adapter


class Parked(NamedTuple):
    """A parked record to be read again. ``item`` is what the log says became of it, ``stream`` where it waits."""

    place: Place
    opened: Opened
    item: AcceptedItem
    stream: bytes


class _Settling(Judge):
    """Judges questions again after something landed in the past."""

    __slots__ = ()

    def settle_after(self, landed: tuple[int, int, int], before: int) -> None:
        """Judge again what stands after (business time, message, item) and was questioned before a position."""
        for question in sorted(self.now.open, key=lambda told: told[:4]):
            if question[:3] > landed and question.position < before:
                self._judge_again(question)


class Rereading(Packet):
    """One parked record on its way to the ledger. Use once: ``take_again``, ``unit_again``, then ``adopt``."""

    def __init__(self, desk: Desk, parked: Parked, message_at: Callable[[int], Opened | None]) -> None:
        opened = parked.opened
        super().__init__(
            desk,
            envelope=_envelope(opened.accepted, b""),
            reading=opened.reading,
            party=opened.party,
            adapter=opened.adapter,
            accepted_at=opened.accepted.accepted_at,
            message_id=opened.accepted.message_id,
        )
        self.message = parked.place.message
        self._parked = parked
        self._message_at = message_at
        self._landed: tuple[int, int, int] | None = None
        self._stream = parked.stream
        self._word = ""
        self._said_at = 0

    # ── deciding ─────────────────────────────────────────────────────────────────────────────────

    def take_again(self, record: Record) -> None:
        """Decide the record in its own place, then everything that followed from its not being there."""
        stream = self._stream_of(record.dossier, record.code_scope, record.aliases)
        before = len(self.events)
        decision = self._put(stream, record, self._parked.place, self._accepted_at)
        self._stream, self._word = stream, decision.state
        self._said_at = self.position + len(self.events) if len(self.events) > before else decision.position
        for place, accepted_at, later in self._later(stream):
            self._put(stream, later, place, accepted_at, again=True)
        self._settle(stream, record)

    def _put(self, stream: bytes, record: Record, place: Place, accepted_at: int, *, again: bool = False) -> Decision:
        """Decide one record as of its place. A row carries its own time, so it is judged among all that is known."""
        full = self._state(stream) or DossierState(stream)
        base = full if record.row else _as_said(full, place, with_own=again)
        decision = decide(base if base.told else None, record, self._then(base, place, accepted_at))
        news = [event for event in decision.events if record.row or not getattr(event, "settles", 0)]
        if news:
            state = self._fork(stream)
            for event in news:
                state.apply(self.position + 1 + len(self.events), event)
                self.events.append((stream, event, -1))
                if isinstance(event, FactRecorded) and not event.settles:
                    landed = (event.at_us, event.message, event.item)
                    self._landed = landed if self._landed is None else min(self._landed, landed)
            self._states[stream] = state
        return decision

    def _then(self, base: DossierState, place: Place, accepted_at: int) -> Context:
        """What a decision at that place depends on.

        When a delivery to the sender arrived can not be told any more, so all of them count as under way: repeating
        what it was told is no news, and only its own words are what it is known to hold.
        """
        party = self._party
        flights: tuple[Flight, ...] = ()
        told = self._is_told and base.told and self._desk.dossiers.standing(base.stream, party.id).through > 0
        if told:
            flights = (Flight(base.head, base.picture()),)
        return Context(
            party=party,
            authority=self._desk.authority,
            accepted_at=accepted_at,
            message=place.message,
            first_position=self.position + 1 + len(self.events),
            stream=base.stream,
            known=known_at(base, party.id, None),
            flights=flights,
            project=self._project if self._is_told else None,
        )

    def _settle(self, stream: bytes, record: Record) -> None:
        state = self._state(stream)
        if self._landed is None or state is None or not state.open:
            return
        judge = _Settling(state, record, self._then(state, self._parked.place, self._accepted_at))
        judge.settle_after(self._landed, self.position)
        self.events += [(stream, event, -1) for event in judge.events]
        self._states[stream] = judge.now

    # ── what was said since ──────────────────────────────────────────────────────────────────────

    def _later(self, stream: bytes) -> Iterator[tuple[Place, int, Record]]:
        """The records of this party and dossier after the parked one that were judged, in order."""
        streams = _streams(self._state(stream), stream, self._parked.stream)
        names = {one.hex() for one in streams}
        reread = places(self._desk, streams, reread_lane_of(self._party.id))
        for place in sorted(places(self._desk, streams, said_lane_of(self._party.id))):
            if place <= self._parked.place:
                continue
            opened = self._message_at(place.message)
            if opened is None:
                continue
            item = next((one for one in opened.accepted.items if one.index == place.item), None)
            if item is None or item.stream not in names or not (item.state in _DECIDED or place in reread):
                continue
            record = next((one for one in opened.reading.records if one.index == place.item), None)
            if record is not None and not record.row:
                yield place, opened.accepted.accepted_at, record

    # ── the unit ─────────────────────────────────────────────────────────────────────────────────

    def unit_again(self, record: Record, *, by: str, at: int) -> Unit:
        """Everything as one atomic append; the second time nobody finds anything to do."""
        party, place = self._party, self._parked.place
        event = MessageReinterpreted(
            party=party.id,
            message=place.message,
            item=place.item,
            stream=self._parked.stream.hex(),
            mapping_hash=self._adapter.for_profile(party.profile).mapping_hash(),
            at=at,
            state=self._word,
            by=by,
        )
        ledger = self._desk.ledger
        lane, stream = reread_lane_of(party.id), self._parked.stream
        known = ledger.fingerprint(stream, parked_material(record, party.id))
        self._seen += [Seen(stream, lane, place_mark(*place)), Seen(stream, lane, known)]
        return Unit(
            events=(
                NewEvent(stream=ledger.named_stream("party", party.id), event=event),
                *[NewEvent(stream=owner, event=one) for owner, one, _ in self.events],
            ),
            codes=tuple(self._codes.items()),
            seen=tuple(self._seen),
        )

    def outcome_again(self, record: Record) -> RecordOutcome:
        """What became of the record; after ``adopt``."""
        leaf = self._desk.dossiers.state(self._stream).leaf_of(self._said_at)
        return RecordOutcome(
            index=record.index,
            code=record.dossier,
            state=self._word,
            position=self._said_at or None,
            leaf_hash=leaf.hex() or None,
        )


class Rereader:
    """Finds parked records on the log and has them read again. One per hub."""

    def __init__(self, desk: Desk, adapters: Mapping[str, Adapter], parties: Mapping[str, Party]) -> None:
        self._desk = desk
        self._adapters = adapters
        self._parties = parties

    async def find(self, message: int, item: int) -> Parked | None:
        """A parked record, with everything its sender said since durable; None when it was read again already.

        Raises:
            MessageRefused: ``query.not_found`` where no record is parked, or its party or format is not configured;
                whatever the adapter refuses the whole message with today.
            HubError: ``vault.erased`` where the message, or a part of it, was erased.
        """
        accepted = self._accepted(message)
        found = None if accepted is None else next((one for one in accepted.items if one.index == item), None)
        if accepted is None or found is None or found.state != "parked":
            raise MessageRefused("query.not_found")
        if accepted.party not in self._parties or accepted.adapter not in self._adapters:
            raise MessageRefused("query.not_found", f"{accepted.party} is not configured with {accepted.adapter}")
        stream, place = bytes.fromhex(found.stream), Place(message, item)
        while True:
            lead = self._desk.dossiers.lead_of(stream)
            streams = _streams(self._desk.dossiers.state(lead), lead, stream)
            if place in places(self._desk, streams, reread_lane_of(accepted.party)):
                return None
            said = places(self._desk, streams, said_lane_of(accepted.party))
            newest = max((one.message for one in said), default=0)
            if newest <= self._desk.ledger.committed:
                return Parked(place, self._open(accepted, message), found, stream)
            await self._desk.ledger.durable(newest)

    def reread(self, parked: Parked, record: Record) -> Rereading:
        """The record decided again, not appended yet."""
        read = {parked.place.message: parked.opened}

        def message_at(position: int) -> Opened | None:
            if position not in read:
                opened = self._open_later(position)
                if opened is None:
                    return None
                read[position] = opened
            return read[position]

        rereading = Rereading(self._desk, parked, message_at)
        rereading.take_again(record)
        return rereading

    def is_settled(self, stream: bytes, position: int, parked: RecordParked) -> bool:
        """Whether the record parked at ``position`` in ``stream`` was read again or dismissed."""
        desk = self._desk
        lead = desk.dossiers.lead_of(stream)
        reread = places(desk, _streams(desk.dossiers.state(lead), lead, stream), reread_lane_of(parked.party))
        if Place(parked.message, parked.item) in reread:
            return True
        return any(
            isinstance(entry.event, RecordDismissed) and entry.event.parked == position
            for entry in desk.ledger.read_stream(stream)
        )

    def _accepted(self, position: int) -> MessageAccepted | None:
        entries = self._desk.ledger.read(position - 1, 1) if position > 0 else []
        event = entries[0].event if entries and entries[0].position == position else None
        return event if isinstance(event, MessageAccepted) else None

    def _open(self, accepted: MessageAccepted, position: int) -> Opened:
        party, adapter = self._parties[accepted.party], self._adapters[accepted.adapter]
        envelope = _envelope(accepted, self._desk.ledger.raw_message(position))
        return Opened(accepted, adapter.read(envelope, party.profile), party, adapter)

    def _open_later(self, position: int) -> Opened | None:
        """A later message; None where it was erased or can not be read today: then it stays as it was judged."""
        accepted = self._accepted(position)
        try:
            return None if accepted is None else self._open(accepted, position)
        except HubError:
            return None


def readable(parked: Parked) -> Record:
    """The record as it reads today.

    Raises:
        MessageRefused: its ``park.…`` code while its word is still unmapped, or the errors its sender must mend.
    """
    reading, item = parked.opened.reading, parked.place.item
    for waiting in reading.parked:
        if waiting.index == item:
            raise MessageRefused(waiting.code, f"{waiting.path}: no mapping yet")
    for refused in reading.refused:
        if refused.index == item:
            raise MessageRefused(refused.errors[0].code, errors=refused.errors)
    record = next((one for one in reading.records if one.index == item), None)
    if record is None:
        raise MessageRefused("query.not_found")
    party, at_us = parked.opened.party, parked.opened.accepted.accepted_at
    if not agency_allowed(record.agency, party, (), at_us):
        error = agency_refusal(record.agency)
        raise MessageRefused("intake.agency_forbidden", errors=(error,), agency=record.agency)
    return record


def places(desk: Desk, streams: Sequence[bytes], lane: str) -> frozenset[Place]:
    """The places noted in one lane of a dossier."""
    return frozenset(
        [Place(*place_of(mark)) for stream in streams for mark in desk.dossiers.seen(stream).get(lane, ())]
    )


def _streams(state: DossierState | None, *streams: bytes) -> Sequence[bytes]:
    """The streams of a dossier: those given and those an alias joined to it."""
    found = dict.fromkeys(streams)
    for told in state.told if state is not None else ():
        fact = told.event.fact
        if isinstance(fact, AliasLinked) and fact.other_stream:
            found[bytes.fromhex(fact.other_stream)] = None
    return tuple(found)


def _as_said(full: DossierState, place: Place, *, with_own: bool) -> DossierState:
    """The dossier by what had been said before a place, with what that place itself said or without."""
    then = DossierState(full.stream)
    for told in full.told:
        said = (told.message, told.event.item)
        if said < place or (with_own and said == place):
            then.apply(told.position, told.event)
    for digest, position in full.rows.items():
        then.rows.setdefault(digest, position)  # a row told since is no news either
    return then


def _envelope(accepted: MessageAccepted, body: bytes) -> Envelope:
    """The message as it arrived, by what the log keeps of it."""
    return Envelope(
        party=accepted.party,
        adapter=accepted.adapter,
        body=body,
        received_at=accepted.accepted_at,
        type=f"{accepted.standard}/{accepted.service}",
        transport=accepted.transport,
        traceparent=accepted.traceparent,
    )
