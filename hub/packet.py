"""One message of many records on its way to the ledger: every record decided on what is queued, one unit made of all.

Records of one dossier in one packet see each other's effects. Everything between the first position asked for and the
unit's submission happens without giving up the loop, so the positions named in the events are the ones they get.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from contracts.envelope import Envelope
from contracts.errors import FieldError
from contracts.facts import AliasLinked
from contracts.picture import Due, Picture
from contracts.ports import Adapter, RecordOutcome
from contracts.reading import Note, ParkedRecord, Reading, Record, RefusedRecord
from hub.authority import Authority
from hub.decide import Decision, decide
from hub.dossiers import Dossiers
from hub.intake import (
    agency_allowed,
    agency_refusal,
    alias_key,
    code_key,
    lane_of,
    parked_lane_of,
    parked_material,
    parts_of,
    place_mark,
    said_lane_of,
)
from hub.judgement import Context, Verdict
from hub.parties import Party
from hub.picture import DossierState, Flight
from hub.repetition import compare
from hub.route import flights_to, known_at
from ledger.events import AcceptedItem, Event, FactRecorded, MessageAccepted, RecordParked, RefusedItem
from ledger.port import Ledger
from ledger.unit import NewEvent, Placed, Seen, Standing, Unit

UnderWay: TypeAlias = Callable[[str, bytes], Due | None]
"""What was sent to a party for a dossier and has no known outcome yet (``hub.deliver.Delivery.under_way``)."""


class Desk(NamedTuple):
    """What every packet of one hub needs. ``told`` are the parties that something is sent to at all."""

    ledger: Ledger
    dossiers: Dossiers
    authority: Authority
    under_way: UnderWay
    told: frozenset[str]


class _Place(NamedTuple):
    """A record with its dossier: the stream, and the verdict of intake on it."""

    stream: bytes
    verdict: Verdict = "new"
    fingerprint: bytes = b""
    error: FieldError | None = None


class Packet:
    """One readable message of one party, decided record by record. Use once: ``take``, ``unit``, then ``adopt``."""

    def __init__(  # one message and everything it is judged by
        self,
        desk: Desk,
        *,
        envelope: Envelope,
        reading: Reading,
        party: Party,
        adapter: Adapter,
        accepted_at: int,
        message_id: str,
    ) -> None:
        self._desk = desk
        self._envelope = envelope
        self._reading = reading
        self._party = party
        self._adapter = adapter
        self._accepted_at = accepted_at
        self._message_id = message_id
        self._is_told = party.id in desk.told
        self.position = desk.ledger.next_position()
        self.message = self.position
        """The position of the message that everything decided here is the word of."""
        self._outcomes: list[tuple[int, str, str, int, tuple[FieldError, ...], tuple[Note, ...]]] = []
        self._leaves: tuple[bytes, ...] = ()
        self.events: list[tuple[bytes, Event, int]] = []
        """Stream, event, and the record's index in the packet (-1: none of its own)."""
        self._items: list[AcceptedItem] = []
        self._refused: list[RefusedItem] = []
        self._streams: dict[int, bytes] = {}
        self._codes: dict[str, bytes] = {}
        self._new: set[bytes] = set()
        self._states: dict[bytes, DossierState] = {}
        self._seen: list[Seen] = []
        self._waiting: set[bytes] = set()
        """Dossiers of which a record of this packet was parked."""
        self._standings: dict[bytes, Standing] = {}
        self._echoed: list[tuple[bytes, tuple[int, ...]]] = []

    # ── taking the records ───────────────────────────────────────────────────────────────────────

    def take(self) -> None:
        """Decide every record, in the order of the packet."""
        reading = self._reading
        places = self._places(reading)
        work: list[Record | ParkedRecord | RefusedRecord] = [*reading.records]
        if reading.refused or reading.parked:
            work += [*reading.refused, *reading.parked]
            work.sort(key=_index)
        for one in work:
            if isinstance(one, Record):
                self._take_record(one, places[one.index])
            elif isinstance(one, ParkedRecord):
                self._park(one, places[one.index])
            else:
                self._refuse(one.index, one.dossier, one.errors)

    def _places(self, reading: Reading) -> dict[int, _Place]:
        records = reading.records
        places: dict[int, _Place] = {}
        lists: dict[tuple[bytes, str], list[Record | ParkedRecord]] = {}
        if len(records) > 1:
            party = self._party.id
            self._desk.ledger.expect([code_key(record.dossier, record.code_scope, party) for record in records])
        for record in records:
            if not agency_allowed(record.agency, self._party, self._envelope.agencies, self._accepted_at):
                places[record.index] = _Place(b"", error=agency_refusal(record.agency))
                continue
            stream = self._stream_of(record.dossier, record.code_scope, record.aliases)
            places[record.index] = _Place(stream)
            if not record.row:
                lists.setdefault((stream, record.service), []).append(record)
        for parked in reading.parked:
            stream = self._stream_of(parked.dossier, parked.code_scope, ())
            places[parked.index] = _Place(stream)
            if not parked.row:
                lists.setdefault((stream, parked.service), []).append(parked)
        for (stream, _), group in lists.items():
            if reading.parked:
                group.sort(key=_index)
            self._compare(places, stream, group)
        return places

    def _compare(self, places: dict[int, _Place], stream: bytes, group: Sequence[Record | ParkedRecord]) -> None:
        """Compare the records of one dossier as a list with what was accepted before."""
        desk = self._desk
        seen = {} if stream in self._new else desk.dossiers.seen(stream)
        for record, found in zip(group, compare(desk.ledger, self._party.id, stream, seen, group), strict=True):
            places[record.index] = _Place(stream, found.verdict, found.fingerprint, found.error)

    def _take_record(self, record: Record, place: _Place) -> None:
        if place.error is not None:
            self._refuse(record.index, record.dossier, (place.error,))
            return
        stream = place.stream
        state = self._state(stream)
        decision = decide(state, record, self._context(stream, state, place.verdict))
        for event in decision.events:
            self.events.append((stream, event, record.index))
        if decision.events:
            self._states[stream] = decision.after
        if place.fingerprint and place.verdict != "duplicate":
            lane = lane_of(self._party.id, record.service)
            self._seen.append(Seen(stream=stream, lane=lane, fingerprint=place.fingerprint))
            if decision.state != "echo" and self._waits(stream):
                self._said(stream, record.index)
        if decision.confirms or decision.rows:
            self._confirm(stream, decision)
        self._streams[record.index] = stream
        self._item(record.index, record.dossier, stream, decision.state, decision.position, decision.warnings)

    def _context(self, stream: bytes, state: DossierState | None, verdict: Verdict) -> Context:
        first = self.position + 1 + len(self.events)
        party = self._party
        known = project = None
        confirmed = False
        flights: tuple[Flight, ...] = ()
        if state is not None and verdict != "duplicate":
            standing = self._standing(stream) if self._is_told else None
            known = known_at(state, party.id, standing)
            if standing is not None:
                confirmed = standing.through > 0
                flights = flights_to(state, party.id, standing, self._desk.under_way(party.id, stream))
                project = self._project
        return Context(
            party,
            self._desk.authority,
            self._accepted_at,
            self.message,
            first,
            stream,
            verdict,
            known,
            confirmed,
            flights,
            project,
        )

    def _project(self, picture: Picture) -> Mapping[str, object]:
        return self._adapter.project(picture, self._party.profile)

    def _standing(self, stream: bytes) -> Standing:
        found = self._standings.get(stream)
        return found if found is not None else self._desk.dossiers.standing(stream, self._party.id)

    def _confirm(self, stream: bytes, decision: Decision) -> None:
        """What the sender proves it holds needs no sending: a delivery under way, or rows from elsewhere."""
        before = self._standing(stream)
        new = tuple(row for row in decision.rows if row not in before.rows)
        through = max(before.through, decision.confirms)
        if through != before.through or new:
            rows = tuple(sorted((*before.rows, *new)))
            self._standings[stream] = Standing(
                stream=stream, target=self._party.id, through=through, rows=rows, parked=before.parked
            )
            self._echoed.append((stream, new))

    def _refuse(self, index: int, code: str, errors: tuple[FieldError, ...]) -> None:
        self._refused.append(RefusedItem(index=index, errors=errors))
        self._outcomes.append((index, code, "refused", 0, errors, ()))

    def _waits(self, stream: bytes) -> bool:
        """Whether a record of this party was ever parked for the dossier."""
        if stream in self._waiting:
            return True
        return stream not in self._new and said_lane_of(self._party.id) in self._desk.dossiers.seen(stream)

    def _said(self, stream: bytes, index: int) -> None:
        """Note the place of a record: it may have to be judged again when an earlier one can be read."""
        mark = place_mark(self.message, index)
        self._seen.append(Seen(stream=stream, lane=said_lane_of(self._party.id), fingerprint=mark))

    def _park(self, parked: ParkedRecord, place: _Place) -> None:
        """Keep a record that waits for a mapping of ours, once; in its place among the others of its lane."""
        stream = place.stream
        lane = parked_lane_of(self._party.id, parked.service)
        fingerprint = place.fingerprint or self._desk.ledger.fingerprint(
            stream, parked_material(parked, self._party.id)
        )
        self._streams[parked.index] = stream
        before: Sequence[bytes] = () if stream in self._new else self._desk.dossiers.seen(stream).get(lane, ())
        known = fingerprint in before if parked.row else place.verdict == "duplicate"
        if known or any(one.stream == stream and one.fingerprint == fingerprint for one in self._seen):
            state = self._state(stream)
            self._item(parked.index, parked.dossier, stream, "duplicate", 0 if state is None else state.head, ())
            return
        position = self.position + 1 + len(self.events)
        event = RecordParked(
            party=self._party.id,
            message=self.message,
            code=parked.code,
            dossier=parked.dossier,
            path=parked.path,
            word=parked.word,
            item=parked.index,
            at_us=self._accepted_at,
        )
        self.events.append((stream, event, parked.index))
        self._seen.append(Seen(stream=stream, lane=lane, fingerprint=fingerprint))
        if not parked.row:
            self._seen.append(Seen(stream, lane_of(self._party.id, parked.service), fingerprint))
        self._waiting.add(stream)
        self._said(stream, parked.index)
        after = self._fork(stream)
        after.apply(position, event)
        self._states[stream] = after
        note = Note(parked.code, parked.path)
        self._item(parked.index, parked.dossier, stream, "parked", position, (note,))

    def _item(self, index: int, code: str, stream: bytes, word: str, position: int, notes: tuple[Note, ...]) -> None:
        codes = tuple(dict.fromkeys(note.code for note in notes)) if notes else ()
        self._items.append(AcceptedItem(index=index, stream=stream.hex(), state=word, codes=codes, position=position))
        self._outcomes.append((index, code, word, position, (), notes))

    # ── whose dossier ────────────────────────────────────────────────────────────────────────────

    def _state(self, stream: bytes) -> DossierState | None:
        """The dossier as committed, queued, and changed by this packet so far; None when it is new."""
        found = self._states.get(stream)
        if found is not None or stream in self._new:
            return found
        state = self._desk.dossiers.state(stream)
        return state if state.head else None

    def _fork(self, stream: bytes) -> DossierState:
        state = self._state(stream)
        return DossierState(stream) if state is None else state.fork()

    def _stream_of(self, code: str, scope: str, aliases: Sequence[str]) -> bytes:
        party = self._party.id
        key = code_key(code, scope, party)
        stream = self._find(key)
        others = [(alias, alias_key(alias, party)) for alias in aliases if alias]
        if stream is None:
            stream = self._delivered_under(code, scope)
            if stream is None:
                stream = next((found for _, other in others if (found := self._find(other)) is not None), None)
            if stream is None:
                stream = self._desk.ledger.new_stream()
                self._new.add(stream)
            self._codes[key] = stream
        for alias, other in others:
            found = self._find(other)
            if found is None:
                self._codes[other] = stream
            elif found != stream:
                stream = self._join(stream, found, alias, code)
        return stream

    def _find(self, key: str) -> bytes | None:
        return self._codes.get(key) or self._desk.dossiers.find(key)

    def _delivered_under(self, code: str, scope: str) -> bytes | None:
        """A code that is no national form means, to a party we delivered it to, the dossier we delivered."""
        if scope == "national" or not self._is_told:
            return None
        desk = self._desk
        for other in desk.authority.names:
            stream = None if other == self._party.id else desk.dossiers.find(code_key(code, scope, other))
            if stream is not None and (
                desk.dossiers.standing(stream, self._party.id).through or desk.under_way(self._party.id, stream)
            ):
                return stream
        return None

    def _join(self, one: bytes, other: bytes, alias: str, code: str) -> bytes:
        """Two dossiers turn out to be one: the older stream leads, both get the event, nothing is moved."""
        lead, led = min(one, other), max(one, other)
        names = (alias, code) if lead == other else (code, alias)
        heads = {stream: self._fork(stream) for stream in (lead, led)}
        for stream, facing, names_now in ((lead, led, names), (led, lead, names[::-1])):
            facing_state = heads[facing]
            fact = AliasLinked(
                dossier=names_now[0],
                alias=names_now[1],
                other_stream=facing.hex(),
                other_head=facing_state.leaf_of(facing_state.head).hex(),
            )
            event = FactRecorded(
                party=self._party.id, message=self.message, fact=fact, at_us=self._accepted_at, at_assumed=True
            )
            heads[stream].apply(self.position + 1 + len(self.events), event)
            self.events.append((stream, event, -1))
        self._states[led] = heads[led]
        self._states[lead] = heads[lead].joined(heads[led])
        return lead

    # ── the unit ─────────────────────────────────────────────────────────────────────────────────

    @property
    def taken(self) -> bool:
        """Whether anything of the message is ours now; else all of it was refused."""
        return bool(self._items)

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Every error of every refused record, in order."""
        return tuple(error for item in self._refused for error in item.errors)

    def unit(self, source_id: str, content: bytes) -> Unit:
        """Everything as one atomic append."""
        envelope, reading = self._envelope, self._reading
        parts, of_record = parts_of(envelope.body, reading, self._streams)
        accepted = MessageAccepted(
            message_id=self._message_id,
            party=self._party.id,
            adapter=envelope.adapter,
            standard=reading.standard,
            edition=reading.edition,
            service=reading.service,
            accepted_at=self._accepted_at,
            body_bytes=len(envelope.body),
            transport=envelope.transport,
            has_source_id=bool(source_id),
            items=tuple(self._items),
            refused=tuple(self._refused),
            warnings=reading.warnings,
            traceparent=envelope.traceparent,
        )
        stream = self._desk.ledger.named_stream("party", self._party.id)
        events = [NewEvent(stream=stream, event=accepted)]
        events += [
            NewEvent(stream=owner, event=event, part=of_record.get(index)) for owner, event, index in self.events
        ]
        return Unit(
            events=tuple(events),
            parts=parts,
            source_id=(self._party.id, source_id) if source_id else None,
            content=content,
            codes=tuple(self._codes.items()),
            seen=tuple(self._seen),
            standings=tuple(self._standings.values()),
        )

    def adopt(self, placed: Placed) -> None:
        """Take over what was decided, now that it has its place."""
        dossiers = self._desk.dossiers
        self._leaves = placed.leaf_hashes
        for (stream, _, _), position, leaf in zip(
            self.events, placed.positions[1:], placed.leaf_hashes[1:], strict=True
        ):
            self._states[stream].seal(position, leaf)
        for stream, state in self._states.items():
            dossiers.adopt(stream, state, new=stream in self._new)
        for seen in self._seen:
            dossiers.remember(seen.stream, seen.lane, seen.fingerprint)
        for stream, rows in self._echoed:
            dossiers.echoed(stream, self._party.id, rows)

    def outcomes(self) -> tuple[RecordOutcome, ...]:
        """What became of every record, in the order of the packet, with the leaf hashes once it was adopted."""
        return tuple([self._outcome(*row) for row in self._outcomes])

    def _outcome(
        self, index: int, code: str, word: str, position: int, errors: tuple[FieldError, ...], notes: tuple[Note, ...]
    ) -> RecordOutcome:
        leaf = b""
        if position > self.position:
            leaf = self._leaves[position - self.position] if self._leaves else b""
        elif position:
            leaf = self._desk.dossiers.state(self._streams[index]).leaf_of(position)
        return RecordOutcome(
            index=index,
            code=code,
            state=word,
            position=position or None,
            leaf_hash=leaf.hex() or None,
            errors=errors,
            warnings=notes,
        )


def _index(one: Record | ParkedRecord | RefusedRecord) -> int:
    return one.index
