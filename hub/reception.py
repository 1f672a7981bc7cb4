"""The one door for messages: from an envelope to a durable answer.

Party, quota and message id first; then the adapter reads, every record is decided, and one unit goes to the ledger. The
sender is answered when that unit would survive a power cut, never before. A message refused whole is recorded with its
reasons and its beginning, as long as its sender is known and within quota: otherwise the record itself would be an
attack on the disk.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from contracts.envelope import Envelope
from contracts.errors import FieldError, MessageRefused
from contracts.ports import Adapter, Admitted, Clock, Entropy, RecordOutcome
from contracts.reading import Reading
from hub.authority import Authority
from hub.dossiers import Dossiers
from hub.intake import REFUSED_BYTES, agency_allowed, agency_refusal, fingerprint_material
from hub.packet import Desk, Packet, UnderWay
from hub.parties import Party
from hub.quota import Quota
from hub.reread import Rereader, readable
from ledger.events import ConflictDetected, Event, MessageAccepted, RecordDismissed, RecordParked
from ledger.events import MessageRefused as RefusalRecorded
from ledger.ids import Ids
from ledger.port import Ledger
from ledger.unit import NewEvent, NewPart, Unit

LARGE_BYTES: Final = 32 * 1024
"""Messages from this size on take turns: reading and deciding one takes milliseconds."""
MOST_ERRORS: Final = 100
"""Errors of one refused message that are recorded; the sender is told all of them."""

Listener: TypeAlias = Callable[[Sequence[tuple[int, bytes, Event]]], None]
"""Told of every dossier event once it is durable: (position, stream, event)."""


class Observer(Protocol):
    """What operations want to see of intake. Called on the loop; MUST be cheap and MUST NOT raise."""

    def on_accepted(self, party: Party, service: str, admitted: Admitted, events: Sequence[Event]) -> None:
        """A message is durable (or was already: ``admitted.duplicate``); ``events`` are those of dossiers."""
        ...

    def on_refused(self, party: str, code: str) -> None:
        """A message was refused whole, conflicts included."""
        ...


class NobodyObserves:
    """An ``Observer`` for tools and tests that need none."""

    def on_accepted(self, party: Party, service: str, admitted: Admitted, events: Sequence[Event]) -> None:
        """Say nothing."""

    def on_refused(self, party: str, code: str) -> None:
        """Say nothing."""


PACE_DOSSIERS: Final = 1_000
"""Dossiers that delivery may be behind before a large message lets it catch up; what it follows is then in memory."""
PACE_TURNS: Final = 24


def nothing_behind() -> int:
    """No delivery at all: nobody has to catch up."""
    return 0


def nothing_under_way(_party: str, _stream: bytes) -> None:
    """No delivery at all: for a hub that only takes in."""


class Reception:
    """``contracts.ports.Admit`` of one hub."""

    def __init__(  # noqa: PLR0913  # everything from outside comes in here, by name
        self,
        *,
        ledger: Ledger,
        dossiers: Dossiers,
        adapters: Mapping[str, Adapter],
        parties: Mapping[str, Party],
        authority: Authority,
        clock: Clock,
        entropy: Entropy,
        told: Sequence[str] | None = None,
        under_way: UnderWay = nothing_under_way,
        behind: Callable[[], int] = nothing_behind,
        observer: Observer | None = None,
    ) -> None:
        """``told`` names the parties that deliveries go to (default: those with an address).

        ``behind`` says how many dossiers delivery still has to see to, not counting targets that do not answer.
        """
        targets = [party.id for party in parties.values() if party.address is not None] if told is None else told
        self._desk = Desk(ledger, dossiers, authority, under_way, frozenset(targets))
        self._rereader = Rereader(self._desk, adapters, parties)
        self._ledger = ledger
        self._adapters = adapters
        self._parties = parties
        self._clock = clock
        self._ids = Ids(clock, entropy, "messages")
        self._quota = Quota()
        self._observer = observer or NobodyObserves()
        self._listeners: list[Listener] = []
        self._last_accepted_at = 0
        self._turns = asyncio.Lock()
        self._behind = behind

    def on_placed(self, listener: Listener) -> None:
        """Have ``listener`` told of dossier events as soon as they are durable, in order."""
        self._listeners.append(listener)

    async def __call__(self, envelope: Envelope) -> Admitted:
        """Take one message; see ``contracts.ports.Admit``.

        Raises:
            MessageRefused: ``transport.forbidden``, ``intake.party_disabled`` (nothing recorded); ``intake.conflict``,
                ``intake.agency_forbidden``, ``intake.empty`` and whatever the adapter refused (recorded).
            Overloaded: ``hub.quota``, ``hub.overloaded``; nothing was kept.
        """
        party = self._known(envelope)
        self._quota.admit(party)
        large = len(envelope.body) >= LARGE_BYTES
        if large:
            await self._turn()
        reading = await self._read(envelope, party)
        if large:
            await asyncio.sleep(0)
        source_id = envelope.source_id or reading.source_id
        content = _content(envelope, reading) if source_id else b""
        found = self._ledger.find_message(party.id, source_id, content) if source_id else None
        if found is not None:
            if found.same_content:
                return await self._first_receipt(party, reading, found.position)
            await self._conflict(envelope, party, found.position)
        return await self._decide(envelope, party, reading, source_id, content)

    async def _turn(self) -> None:
        """Let large messages go one after the other, each in a step of the loop of its own, delivery keeping pace.

        Eight senders of packets would otherwise hold the loop for all eight at once, and delivery with it. Delivery
        that falls far behind reads from the disk what it could have had from memory, and the whole hub gets slower; so
        it gets some more turns first. They are few: a slow target must not hold up a sender.
        """
        async with self._turns:
            await asyncio.sleep(0)
            for _ in range(PACE_TURNS):
                if self._behind() <= PACE_DOSSIERS:
                    return
                await asyncio.sleep(0)

    async def reinterpret(self, position: int, item: int, *, by: str) -> RecordOutcome:
        """Read a parked record of the message at ``position`` again and decide it in its original place and time.

        Answered when it is durable. Asked twice it has one effect; the second answer says ``duplicate``.

        Raises:
            MessageRefused: ``query.not_found`` where no record is parked; its ``park.…`` code while no mapping knows
                its word; what its sender must mend where it does not stand. Then nothing is appended.
            HubError: ``vault.erased`` where the message was erased.
        """
        parked = await self._rereader.find(position, item)
        if parked is None:
            return RecordOutcome(index=item, code="", state="duplicate")
        record = readable(parked)
        rereading = self._rereader.reread(parked, record)
        placed = self._ledger.submit(rereading.unit_again(record, by=by, at=self._now()))
        rereading.adopt(placed)
        await self._ledger.durable(placed.positions[-1])
        self._tell_listeners(rereading, placed.positions)
        return rereading.outcome_again(record)

    async def dismiss(self, position: int, *, by: str, note: str) -> bool:
        """Note that nobody will map the record parked at ``position`` of the log; False when that is settled already.

        Raises:
            MessageRefused: ``query.not_found`` where no record is parked.
        """
        found = self._parked_at(position)
        if found is None:
            raise MessageRefused("query.not_found")
        stream, parked = found
        if self._rereader.is_settled(stream, position, parked):
            return False
        event = RecordDismissed(
            party=parked.party,
            message=parked.message,
            item=parked.item,
            parked=position,
            dossier=parked.dossier,
            dismissed_at=self._now(),
            by=by,
            note=note,
        )
        dossiers = self._desk.dossiers
        placed = self._ledger.submit(Unit(events=(NewEvent(stream=stream, event=event),)))
        for one in dict.fromkeys((stream, dossiers.lead_of(stream))):
            state = dossiers.state(one).fork()
            state.apply(placed.positions[0], event, placed.leaf_hashes[0])
            dossiers.adopt(one, state)
        await self._ledger.durable(placed.positions[0])
        return True

    def _parked_at(self, position: int) -> tuple[bytes, RecordParked] | None:
        entries = self._ledger.read(position - 1, 1) if position > 0 else []
        entry = entries[0] if entries else None
        if entry is None or entry.position != position or not isinstance(entry.event, RecordParked):
            return None
        return entry.stream, entry.event

    # ── who ──────────────────────────────────────────────────────────────────────────────────────

    def _known(self, envelope: Envelope) -> Party:
        party = self._parties.get(envelope.party)
        if party is None or envelope.adapter not in self._adapters:
            raise MessageRefused("transport.forbidden")
        if not party.enabled:
            raise MessageRefused("intake.party_disabled")
        return party

    # ── what ─────────────────────────────────────────────────────────────────────────────────────

    async def _read(self, envelope: Envelope, party: Party) -> Reading:
        try:
            if not envelope.body:
                raise MessageRefused("intake.empty")
            reading = self._adapters[envelope.adapter].read(envelope, party.profile)
            if not agency_allowed(reading.agency, party, envelope.agencies, envelope.received_at):
                refusal = agency_refusal(reading.agency)
                raise MessageRefused("intake.agency_forbidden", errors=(refusal,), agency=reading.agency)
        except MessageRefused as refused:
            await self._record_refusal(envelope, refused.errors, self._ids.new_text())
            self._observer.on_refused(party.id, refused.code)
            raise
        count = len(reading.records) + len(reading.refused) + len(reading.parked)
        if count > 1:
            self._quota.charge(party, count - 1)
        return reading

    async def _decide(
        self, envelope: Envelope, party: Party, reading: Reading, source_id: str, content: bytes
    ) -> Admitted:
        accepted_at = self._now()
        message_id = self._ids.new_text()
        packet = Packet(
            self._desk,
            envelope=envelope,
            reading=reading,
            party=party,
            adapter=self._adapters[envelope.adapter],
            accepted_at=accepted_at,
            message_id=message_id,
        )
        packet.take()
        if not packet.taken:
            return await self._all_refused(envelope, party, reading, packet, message_id)
        placed = self._ledger.submit(packet.unit(source_id, content))
        packet.adopt(placed)
        admitted = Admitted(
            message_id=message_id,
            position=packet.position,
            accepted_at=accepted_at,
            duplicate=False,
            records=packet.outcomes(),
            warnings=reading.warnings,
        )
        await self._ledger.durable(placed.positions[-1])
        self._tell(party, reading.service, admitted, packet, placed.positions)
        return admitted

    def _now(self) -> int:
        """Acceptance time; never before that of an earlier position, so that order and time agree."""
        self._last_accepted_at = max(self._last_accepted_at, self._clock.now())
        return self._last_accepted_at

    def _tell(self, party: Party, service: str, admitted: Admitted, packet: Packet, positions: Sequence[int]) -> None:
        events = [event for _, event, _ in packet.events]
        self._observer.on_accepted(party, service, admitted, events)
        self._tell_listeners(packet, positions)

    def _tell_listeners(self, packet: Packet, positions: Sequence[int]) -> None:
        if self._listeners and packet.events:
            news = [
                (position, stream, event)
                for position, (stream, event, _) in zip(positions[1:], packet.events, strict=True)
            ]
            for listener in self._listeners:
                listener(news)

    async def _all_refused(
        self, envelope: Envelope, party: Party, reading: Reading, packet: Packet, message_id: str
    ) -> Admitted:
        """Nothing of the message stood: it is recorded as refused, and its id stays free for the mended one."""
        position = await self._record_refusal(envelope, packet.errors, message_id, reading.service)
        codes = [error.code for error in packet.errors]
        self._observer.on_refused(party.id, codes[0] if codes else "read.record_count")
        return Admitted(
            message_id=message_id,
            position=position,
            accepted_at=self._last_accepted_at,
            duplicate=False,
            records=packet.outcomes(),
            warnings=reading.warnings,
        )

    # ── seen before, or not to be taken ──────────────────────────────────────────────────────────

    async def _first_receipt(self, party: Party, reading: Reading, position: int) -> Admitted:
        """What was answered the first time, once that is durable."""
        await self._ledger.durable(position)
        entry = self._ledger.read(position - 1, 1)[0]
        event = entry.event
        if not isinstance(event, MessageAccepted):
            raise MessageRefused("intake.conflict")
        admitted = Admitted(
            message_id=event.message_id,
            position=position,
            accepted_at=event.accepted_at,
            duplicate=True,
            records=self._first_outcomes(party, event, _codes(reading)),
            warnings=event.warnings,
        )
        self._observer.on_accepted(party, event.service, admitted, ())
        return admitted

    def _first_outcomes(
        self, party: Party, event: MessageAccepted, codes: Mapping[int, str]
    ) -> tuple[RecordOutcome, ...]:
        outcomes = [
            RecordOutcome(index=item.index, code=codes.get(item.index, ""), state="refused", errors=item.errors)
            for item in event.refused
        ]
        for item in event.items:
            state = self._desk.dossiers.state(bytes.fromhex(item.stream))
            leaf = state.leaf_of(item.position)
            outcomes.append(
                RecordOutcome(
                    index=item.index,
                    code=codes.get(item.index) or state.code_of(party.id) or state.code,
                    state=item.state,
                    position=item.position or None,
                    leaf_hash=leaf.hex() or None,
                )
            )
        return tuple(sorted(outcomes, key=lambda outcome: outcome.index))

    async def _conflict(self, envelope: Envelope, party: Party, first: int) -> None:
        """The same id with other content: both are kept, the second is refused."""
        event = ConflictDetected(
            message_id=self._ids.new_text(),
            party=party.id,
            first_position=first,
            detected_at=self._now(),
            body_bytes=len(envelope.body),
        )
        await self._append(party.id, event, envelope.body)
        self._observer.on_refused(party.id, "intake.conflict")
        raise MessageRefused("intake.conflict")

    async def _record_refusal(
        self, envelope: Envelope, errors: Sequence[FieldError], message_id: str, service: str = ""
    ) -> int:
        event = RefusalRecorded(
            message_id=message_id,
            party=envelope.party,
            adapter=envelope.adapter,
            refused_at=self._now(),
            body_bytes=len(envelope.body),
            errors=tuple(errors[:MOST_ERRORS]),
            service=service,
        )
        return await self._append(envelope.party, event, envelope.body[:REFUSED_BYTES])

    async def _append(self, party: str, event: Event, kept: bytes) -> int:
        stream = self._ledger.named_stream("party", party)
        parts = (NewPart("refused", kept),) if kept else ()
        placed = self._ledger.submit(Unit(events=(NewEvent(stream=stream, event=event),), parts=parts))
        await self._ledger.durable(placed.positions[0])
        return placed.positions[0]


def _codes(reading: Reading) -> dict[int, str]:
    codes = {record.index: record.dossier for record in reading.records}
    codes.update((parked.index, parked.dossier) for parked in reading.parked)
    codes.update((refused.index, refused.dossier) for refused in reading.refused)
    return codes


def _content(envelope: Envelope, reading: Reading) -> bytes:
    """What counts as the content of a message with an id: its records, not the session or envelope round them."""
    everything = [(record.index, fingerprint_material(record, "")) for record in reading.records]
    everything += [(parked.index, fingerprint_material(parked, "")) for parked in reading.parked]
    everything += [(refused.index, envelope.body[slice(*refused.span)]) for refused in reading.refused]
    everything.sort()
    return b"".join(len(content).to_bytes(4, "big") + content for _, content in everything) or envelope.body
