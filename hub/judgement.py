"""Judging what is news: who may say it, whether the step is legal where it belongs, and which events follow.

Authority and legality are judged at the fact's own business time, because two senders have no common order. Nothing is
lost: what may not be applied becomes a question, and questions that come after the place where something lands are
judged again, because their ground may have come only now.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from contracts.facts import VALUE_FIELDS, AliasLinked, DossierTransferred, Fact, FactCorrected, ProcessingStepRecorded
from contracts.picture import Picture
from contracts.reading import Note, Record
from hub.authority import DOMAINS, SUBMISSION_FIELDS, Authority, Ground
from hub.parties import Party
from hub.picture import DossierState, Flight, Told
from hub.sameness import MARKS, claim_of, same_value, state_told, told_values
from hub.transitions import legal
from ledger.events import FactRecorded, TransitionQuestioned

Verdict: TypeAlias = Literal["new", "duplicate", "possible_replay"]
DecidedEvent: TypeAlias = FactRecorded | TransitionQuestioned

_REPLAY: Final = Note("intake.possible_replay")
_UNKNOWN: Final = Note("intake.unknown_dossier")


class Context(NamedTuple):
    """Everything beside the dossier that a decision depends on.

    ``message`` is the position of the ``MessageAccepted``, ``first_position`` the one the first event decided here will
    get. ``known`` is what the sender is known to hold (None: nothing), ``confirmed`` whether deliveries to it count in
    that, so that an echo can be told from a repetition. ``project`` is the sender's adapter's view of a picture: what
    its format cannot tell apart is no change.
    """

    party: Party
    authority: Authority
    accepted_at: int
    message: int
    first_position: int
    stream: bytes = b""
    verdict: Verdict = "new"
    known: Picture | None = None
    confirmed: bool = False
    flights: tuple[Flight, ...] = ()
    project: Callable[[Picture], Mapping[str, Any]] | None = None


class Judge:
    """Judges the news of one record and gathers the events. ``now`` is the dossier with them applied."""

    __slots__ = ("_at", "_base", "_context", "_landed", "_raced", "_record", "events", "notes", "now", "questioned")

    def __init__(self, state: DossierState | None, record: Record, context: Context) -> None:
        self._base = state
        self._record = record
        self._context = context
        self._raced = max((flight.through for flight in context.flights), default=0)
        self._landed: tuple[int, int] | None = None
        self._at = (0, False)
        """Business time of the fact being judged, and whether it is assumed."""
        self.now = state or DossierState(context.stream)
        self.events: list[DecidedEvent] = []
        self.notes = record.warnings + record.losses
        if state is None and (record.row or record.updating):
            self.notes += (_UNKNOWN,)
        if context.verdict == "possible_replay":
            self.notes += (_REPLAY,)
        self.questioned = False
        """Whether the state the record claims was questioned."""

    def judge(self, fact: Fact, changed: Mapping[str, Any], *, moves: bool, row: bool, whole: bool = False) -> None:
        """Record or question one fact: ``changed`` are the values that are news, ``moves`` says its state is.

        ``row`` says that the row of progress it carries is news, ``whole`` that all it states is.
        """
        context = self._context
        domain = DOMAINS[type(fact)]
        self._at = at_us, _ = self._time(fact)
        then = self.now
        if then.told:
            then = then.before(at_us, context.message)
        ground = context.authority.ground(context.party, domain, then, self._record.agency)
        if ground is None:
            self._question_foreign(fact, changed, then, moves=moves, row=row)
        elif ground == "gap":
            self._fill_gaps(fact, changed, then, moves=moves, row=row)
        elif moves and not legal(then.state, claim_of(fact)):
            reason = "possible_replay" if context.verdict == "possible_replay" else "illegal_transition"
            if domain == "submission" and changed:
                self._record_fact(fact, changed, ground=ground, moves=False, row=row)
                changed, row = {}, False
            self._question_fact(fact, changed, reason, then.state, moves=True, row=row)
        else:
            moves = self._changes_holder(fact, context.party, then) if type(fact) is DossierTransferred else moves
            if whole:
                stateless = not claim_of(fact) and type(fact) is not DossierTransferred
                self._emit_record(fact, moves=moves or stateless, ground=ground, values=changed)
            else:
                self._record_fact(fact, changed, ground=ground, moves=moves, row=row)

    def _changes_holder(self, fact: DossierTransferred, by: Party, then: DossierState) -> bool:
        """A transfer inside one party's own agencies, or to one nobody here speaks for, leaves the holder in place."""
        to = self._context.authority.party_of(fact.processing_agency_code or "")
        return to not in {"", then.holder, by.id}

    def _question_foreign(
        self, fact: Fact, changed: Mapping[str, Any], then: DossierState, *, moves: bool, row: bool
    ) -> None:
        """The sender does not own this: where it agrees with the dossier note that it knows, else question it."""
        # Something told with a time of its own is not a restatement: it may count later, when its ground has come.
        restated = self._at[1]
        agreed = {
            name: value for name, value in changed.items() if restated and same_value(then.values.get(name), value)
        }
        disputed = {name: value for name, value in changed.items() if name not in agreed}
        row = row and fact.step is not None
        agrees = moves and restated and not row and claim_of(fact) == then.state
        silent = not changed and not moves
        if disputed or row or silent or (moves and not agrees):
            disputes = moves and not agrees
            self._question_fact(fact, disputed, "not_authoritative", then.state, moves=disputes or silent, row=row)
            row = False
        if agreed or agrees:
            self._record_fact(fact, agreed, ground="agreed", moves=agrees, row=row)

    def _fill_gaps(self, fact: Fact, changed: Mapping[str, Any], then: DossierState, *, moves: bool, row: bool) -> None:
        """The holder may complete a submission where its origin stated nothing."""
        owned = then.stated_by_origin()
        gaps = {name: value for name, value in changed.items() if name not in owned}
        if gaps:
            self._record_fact(fact, gaps, ground="gap", moves=False, row=row)
            row = False
        rest = {name: value for name, value in changed.items() if name in owned}
        if rest or moves:
            self._question_foreign(fact, rest, then, moves=moves, row=row)

    def correct(self, fact: FactCorrected) -> bool:
        """Take a correction; False when everything it says holds already.

        Every named value must be the party's own earlier word or its to say.
        """
        values = self.now.values
        wanted = {"state": self.now.state} | fact.values
        if (
            wanted.pop("state") == self.now.state
            and all(values.get(name) == text for name, text in wanted.items())
            and not any(name in values for name in fact.erased)
        ):
            return False
        if self._said_last(fact):
            return False
        self._at = self._time(fact)
        then = self.now.before(self._at[0], self._context.message)
        if all(self._may_correct(name, then) for name in (*fact.values, *fact.erased)):
            self._emit_record(fact, moves=True, ground="")
        else:
            self._emit_question(fact, "not_authoritative", then.state, moves=True)
            self.questioned = True
        return True

    def _said_last(self, fact: FactCorrected) -> bool:
        """Whether the party's last message about the dossier brought this correction, whatever else it brought."""
        party = self._context.party.id
        last = self.now.last_by(party)
        return last is not None and any(
            told.message == last.message and told.event.party == party and told.event.fact == fact
            for told in self.now.told
        )

    def _may_correct(self, name: str, then: DossierState) -> bool:
        party = self._context.party
        domain: Literal["submission", "status"] = "submission" if name in SUBMISSION_FIELDS else "status"
        if self._context.authority.ground(party, domain, then, self._record.agency) in {"", "owner"}:
            return True
        value = then.fields().get(name)
        return value is not None and value.party == party.id

    def link(self, fact: AliasLinked) -> bool:
        """Take another code of the dossier; False when it is known already."""
        if fact.alias in {"", fact.dossier} or (self.now.told and fact.alias in {self.now.code, *self.now.aliases}):
            return False
        self._at = self._time(fact)
        self._emit_record(fact, moves=True, ground="")
        return True

    def settle(self) -> None:
        """Judge again what was questioned after the place where something landed now."""
        if self._landed is None:
            return
        for question in sorted(self.now.open, key=lambda told: told[:4]):
            if question[:2] > self._landed and question.message != self._context.message:
                self._judge_again(question)

    def _judge_again(self, question: Told) -> None:
        event = question.event
        authority = self._context.authority
        party = authority.party(event.party)
        if party is None:
            return
        then = self.now.before(question.at_us, question.message)
        ground = authority.ground(party, DOMAINS[type(event.fact)], then, self._record.agency)
        claim = state_told(event)
        if ground is None or (claim and not legal(then.state, claim)):
            return
        if ground == "gap" and (claim or not then.stated_by_origin().isdisjoint(told_values(event.fact))):
            return
        fact = event.fact
        values_only = event.values_only
        if type(fact) is DossierTransferred:
            values_only = not self._changes_holder(fact, party, then)
        self._emit(
            FactRecorded(
                party=event.party,
                message=event.message,
                fact=fact,
                at_us=event.at_us,
                item=event.item,
                at_assumed=event.at_assumed,
                service=event.service,
                settles=question.position,
                values_only=values_only,
                authority=ground,
            )
        )

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    def _time(self, fact: Fact) -> tuple[int, bool]:
        """Business time in microseconds and whether it is assumed: a snapshot has none, so acceptance stands in."""
        at = fact.at
        return (self._context.accepted_at, True) if at is None else (at.us, at.assumed)

    def _record_fact(self, fact: Fact, changed: Mapping[str, Any], *, ground: Ground, moves: bool, row: bool) -> None:
        stateless = not claim_of(fact) and type(fact) is not DossierTransferred
        self._emit_record(narrowed(fact, changed, row=row), moves=moves or stateless, ground=ground, values=changed)

    def _emit_record(self, fact: Any, *, moves: bool, ground: Ground, values: Mapping[str, Any] | None = None) -> None:
        at_us, assumed = self._at
        context = self._context
        place = (at_us, context.message)
        if self._landed is None or place < self._landed:
            self._landed = place
        self._emit(
            FactRecorded(
                party=context.party.id,
                message=context.message,
                fact=fact,
                at_us=at_us,
                item=self._record.index,
                at_assumed=assumed,
                service=self._record.service,
                values_only=not moves,
                authority=ground,
                raced=self._raced,
                warnings=() if self.events else self.notes,
            ),
            values,
        )

    def _question_fact(
        self, fact: Fact, changed: Mapping[str, Any], reason: str, before: str, *, moves: bool, row: bool
    ) -> None:
        self._emit_question(narrowed(fact, changed, row=row), reason, before, moves=moves or not claim_of(fact))
        self.questioned = self.questioned or moves

    def _emit_question(self, fact: Any, reason: str, before: str, *, moves: bool) -> None:
        at_us, assumed = self._at
        self._emit(
            TransitionQuestioned(
                party=self._context.party.id,
                message=self._context.message,
                fact=fact,
                at_us=at_us,
                reason=reason,
                item=self._record.index,
                at_assumed=assumed,
                service=self._record.service,
                state_before=before,
                values_only=not moves,
                raced=self._raced,
                warnings=() if self.events else self.notes,
            )
        )

    def _emit(self, event: DecidedEvent, values: Mapping[str, Any] | None = None) -> None:
        if not self.events and self._base is not None:
            self.now = self._base.fork()
        self.now.apply(self._context.first_position + len(self.events), event, values=values)
        self.events.append(event)


def narrowed(fact: Fact, changed: Mapping[str, Any], *, row: bool) -> Any:
    """The fact with only the values that are news; the fact itself where that is all of it."""
    step = fact.step if row else None
    if step is fact.step and len(changed) == len(told_values(fact)):
        return fact
    kind = type(fact)
    mark = MARKS.get(kind, ("", ""))[0]
    values = {name: value for name, value in changed.items() if name != mark and name in VALUE_FIELDS[kind]}
    if isinstance(fact, ProcessingStepRecorded):
        return ProcessingStepRecorded(dossier=fact.dossier, at=fact.at, step=step, silent=fact.silent)
    return kind(dossier=fact.dossier, at=fact.at, step=step, **values)
