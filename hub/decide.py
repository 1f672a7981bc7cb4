"""What a record changes: facts against the dossier as it stands, to events. Pure and total.

Only what differs from what the sender is known to hold becomes an event, so a repetition, an echo of our own delivery
and a snapshot that restates everything are silent. What differs is judged (``hub.judgement``): a party that does not
own it, or a step the table forbids, is recorded and questioned, never lost and never applied.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from contracts.facts import AliasLinked, Fact, FactCorrected
from contracts.picture import Picture
from contracts.reading import Note, Record
from hub.judgement import Context, DecidedEvent, Judge
from hub.picture import DossierState
from hub.route import known_at
from hub.sameness import claim_of, news_in, replaces_a_file, row_digest, same_value, told_values
from hub.transitions import passes_through
from ledger.events import FactRecorded, TransitionQuestioned


class Decision(NamedTuple):
    """What a record caused.

    ``events`` in order; ``state`` is the receipt's word; ``position`` is the event that says it (the last new one, else
    the one that said it already, 0 = none). ``after`` is the dossier with the events applied. ``confirms`` is the
    position of the delivery that the record proves arrived (0 = none), ``rows`` the progress rows it proves known.
    """

    events: tuple[DecidedEvent, ...]
    state: str
    position: int
    after: DossierState
    warnings: tuple[Note, ...] = ()
    confirms: int = 0
    rows: tuple[int, ...] = ()


def decide(state: DossierState | None, record: Record, context: Context) -> Decision:
    """Turn one record into events of its dossier; never raises.

    ``state`` is the dossier as committed plus what is queued, None when nothing is known; it is not changed.
    """
    if context.verdict == "duplicate":
        now = state or DossierState(context.stream)
        return Decision((), "duplicate", _said_at(now, context.party.id), now, record.warnings)
    news = _News(state, record, context)
    if record.row:
        for fact in record.facts:
            news.take_row(fact)
    else:
        news.take_snapshot()
    news.take_aliases()
    news.judge.settle()
    return news.decision()


class _News:
    """Finds what is news in one record and has it judged."""

    __slots__ = ("confirms", "context", "echoes", "judge", "known_state", "projected", "record", "rows")

    def __init__(self, state: DossierState | None, record: Record, context: Context) -> None:
        self.record = record
        self.context = context
        self.judge = Judge(state, record, context)
        self.known_state = "" if context.known is None else context.known.state
        self.projected: Mapping[str, Any] | None = None
        self.rows: tuple[int, ...] = ()
        self.confirms = 0
        self.echoes = 0

    # ── rows ─────────────────────────────────────────────────────────────────────────────────────

    def take_row(self, fact: Fact) -> None:
        """A row of progress: its own time, known for ever by content."""
        if fact.step is None:
            self._take_rowless(fact)
            return
        position = self._row_position(fact)
        if not position:
            self.judge.judge(fact, told_values(fact), moves=claim_of(fact) != "", row=True, whole=True)
        elif self._told_by_another(position):
            self.echoes += 1
            self.rows += (position,)

    def _take_rowless(self, fact: Fact) -> None:
        """A fact among rows that brings none: known by its time and what it states."""
        if isinstance(fact, FactCorrected):
            self.judge.correct(fact)
        elif isinstance(fact, AliasLinked):
            self.judge.link(fact)
        elif fact.at is None:
            self._take_stated(fact, moves=claim_of(fact) != "" and self._state_is_news(claim_of(fact)))
        elif not self._told_at(fact):
            self.judge.judge(fact, told_values(fact), moves=claim_of(fact) != "", row=False, whole=True)

    def _told_at(self, fact: Fact) -> bool:
        """Whether the sender told just this of the same moment already, in one event or several."""
        party, at_us = self.context.party.id, fact.at.us if fact.at is not None else 0
        before: dict[str, Any] = {}
        known = False
        for told in self.judge.now.told:
            if told.at_us == at_us and told.event.party == party and type(told.event.fact) is type(fact):
                known = True
                before.update(told_values(told.event.fact))
        return known and all(same_value(before.get(name), value) for name, value in told_values(fact).items())

    def _told_by_another(self, position: int) -> bool:
        party = self.context.party.id
        return any(told.position == position and told.event.party != party for told in self.judge.now.told)

    def _row_position(self, fact: Fact) -> int:
        """Where this row stands already; a row that somebody else was questioned for is not said yet."""
        now = self.judge.now
        digest = row_digest(fact)
        position = now.rows.get(digest, 0)
        if position and now.open:
            party = self.context.party.id
            if any(told.position == position and told.event.party != party for told in now.open):
                return self._own_row(digest)
        return position or (self._own_row(digest) if now.mute else 0)

    def _own_row(self, digest: bytes) -> int:
        """Where the sender itself said this row, 0 where it did not."""
        party = self.context.party.id
        return next(
            (
                told.position
                for told in self.judge.now.told
                if told.event.party == party and told.event.fact.step and row_digest(told.event.fact) == digest
            ),
            0,
        )

    # ── snapshots ────────────────────────────────────────────────────────────────────────────────

    def take_snapshot(self) -> None:
        """A snapshot: its last state is the current one, earlier ones are what it passed through."""
        facts = self.record.facts
        final = next((index for index in range(len(facts) - 1, -1, -1) if claim_of(facts[index])), -1)
        final_state = claim_of(facts[final]) if final >= 0 else ""
        if self.context.flights and self._repeats_a_flight(facts, final_state):
            self.echoes += 1
            return
        for index, fact in enumerate(facts):
            if type(fact) is FactCorrected:
                self.judge.correct(fact)
            elif type(fact) is AliasLinked:
                self.judge.link(fact)
            elif index == final:
                self._take_stated(fact, moves=self._state_is_news(final_state))
            else:
                self._take_stated(fact, moves=self._passes(claim_of(fact), final_state))

    def _take_stated(self, fact: Fact, *, moves: bool) -> None:
        told = told_values(fact)
        changed = self._changed(told)
        row = fact.step is not None and not self._row_position(fact)
        if moves or row or changed or self._speaks_by_kind(fact, told):
            whole = len(changed) == len(told) and (row or fact.step is None)
            self.judge.judge(fact, changed, moves=moves, row=row, whole=whole)

    def _speaks_by_kind(self, fact: Fact, told: Mapping[str, Any]) -> bool:
        """A fact without values, state or row is news only by being told the first time."""
        if told or claim_of(fact) or fact.step is not None:
            return False
        party = self.context.party.id
        return not any(one.event.party == party and type(one.event.fact) is type(fact) for one in self.judge.now.told)

    def _state_is_news(self, claim: str) -> bool:
        if self.context.known is not None and claim == self.known_state:
            return False
        return all(claim != flight.picture.state for flight in self.context.flights if not flight.outrun)

    def _passes(self, claim: str, final: str) -> bool:
        return (
            claim != ""
            and passes_through(self.known_state, claim, final)
            and passes_through(self.judge.now.state, claim, final)
        )

    def _changed(self, told: dict[str, Any]) -> dict[str, Any]:
        """The values that neither the sender's known picture nor a delivery under way to it already holds."""
        known = self.context.known
        if known is None:
            return told
        changed = news_in(told, known.fields)
        for flight in self.context.flights:
            if not flight.outrun:
                changed = news_in(changed, flight.picture.fields)
        if changed and self.context.project is not None:
            return self._tellable(known, changed)
        return changed

    def _tellable(self, known: Picture, changed: dict[str, Any]) -> dict[str, Any]:
        """Drop values that the sender's own format cannot tell from the known ones."""
        project = self.context.project
        if project is None or not any(name in known.fields for name in changed):
            return changed
        if self.projected is None:
            self.projected = project(known)
        before = self.projected
        after = project(_with_values(known, changed))
        return {
            name: value
            for name, value in changed.items()
            if name not in known.fields
            or name not in before
            or name not in after
            or not same_value(before[name], after[name])
            or replaces_a_file(known.fields[name], value)
        }

    def _repeats_a_flight(self, facts: Sequence[Fact], final_state: str) -> bool:
        """Whether the whole record is what a delivery under way says; that delivery thereby arrived."""
        if any(type(fact) in {FactCorrected, AliasLinked} for fact in facts):
            return False
        for flight in self.context.flights:
            picture = flight.picture
            if final_state in {"", picture.state} and not any(
                news_in(told_values(fact), picture.fields) for fact in facts
            ):
                self.confirms = flight.through
                return True
        return False

    def take_aliases(self) -> None:
        """Every other code the record names for its dossier becomes known for it."""
        for alias in self.record.aliases:
            self.judge.link(AliasLinked(dossier=self.record.dossier, alias=alias))

    # ── the answer ───────────────────────────────────────────────────────────────────────────────

    def decision(self) -> Decision:
        """The events with the receipt's word for them."""
        events = tuple(self.judge.events)
        state, position = self._word(events)
        return Decision(
            events=events,
            state=state,
            position=position,
            after=self.judge.now,
            warnings=self.judge.notes
            + tuple(_reason(event) for event in events if isinstance(event, TransitionQuestioned)),
            confirms=self.confirms,
            rows=self.rows,
        )

    def _word(self, events: Sequence[DecidedEvent]) -> tuple[str, int]:
        now = self.judge.now
        if events:
            recorded = any(isinstance(event, FactRecorded) and not event.settles for event in events)
            word = "questioned" if self.judge.questioned or not recorded else "applied"
            return word, self.context.first_position + len(events) - 1
        if self.record.row:
            word = "echo" if self.echoes else "duplicate"
            return word, self.rows[-1] if self.rows else _said_at(now, self.context.party.id)
        if self.echoes or not self._said_itself():
            return "echo", now.head
        return "unchanged", _said_at(now, self.context.party.id)

    def _said_itself(self) -> bool:
        """Whether the sender's own earlier words cover this record; else it repeats what it was told."""
        context = self.context
        own = known_at(self.judge.now, context.party.id, None) if context.confirmed else context.known
        if own is None:
            return context.known is None
        return self.known_state == own.state and not any(
            news_in(told_values(fact), own.fields) for fact in self.record.facts
        )


def _reason(event: TransitionQuestioned) -> Note:
    return Note("intake.possible_replay" if event.reason == "possible_replay" else f"decide.{event.reason}")


def _said_at(state: DossierState, party: str) -> int:
    last = state.last_by(party)
    return state.head if last is None else last.position


def _with_values(picture: Picture, values: Mapping[str, Any]) -> Picture:
    return Picture(
        code=picture.code,
        fields={**picture.fields, **values},
        state=picture.state,
        state_at=picture.state_at,
        aliases=picture.aliases,
        steps=picture.steps,
        origin=picture.origin,
        holder=picture.holder,
        position=picture.position,
    )
