"""A dossier as the log tells it: a fold over the events of its stream, and the picture that results.

Facts sort by (business time, position of the message that brought them, place in it), so a late fact finds its place:
the fold walks in that order and a step that is not legal where it stands moves nothing. Whatever the order of arrival,
the same facts therefore give the same picture, and a closed dossier is never opened again by an old message.

The fold reads nothing but events and the transition table. Who may say what was decided when the event was made
(``hub.decide``); here only the order of things is applied, so a change of configuration never changes the past.
"""

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from contracts.facts import (
    AliasLinked,
    DossierSubmitted,
    DossierTransferred,
    Fact,
    FactCorrected,
    Step,
)
from contracts.moment import Moment
from contracts.picture import Picture, StepTaken, step_digest
from contracts.reading import Record
from hub.authority import DOMAINS
from hub.sameness import row_digest, row_time, state_told, told_values
from hub.transitions import CLOSED, RANK, legal
from ledger.events import AnyEvent, FactRecorded, TransitionQuestioned

_PAST_KEPT: Final = 2
"""Earlier pictures kept: what two targets are known to hold while the dossier moves on."""


class Entry(Protocol):
    """One stored event, as ``ledger.port.Entry`` has it."""

    @property
    def position(self) -> int:
        """Where it stands on the log."""
        ...

    @property
    def leaf_hash(self) -> bytes:
        """The hash of its leaf."""
        ...

    @property
    def event(self) -> AnyEvent | None:
        """The event; None where its content was erased."""
        ...


class Told(NamedTuple):
    """One event in its place: the first four members are the order of the fold.

    ``item`` comes before ``position``, because a record that was read again later still stands where it came.
    """

    at_us: int
    message: int
    item: int
    position: int
    event: FactRecorded | TransitionQuestioned


class Value(NamedTuple):
    """A known value and who set it: the position of the event, the party, the business time."""

    value: Any
    position: int
    party: str
    at_us: int


class StateChange(NamedTuple):
    """One claimed state. ``outcome``: applied · passed_over (not legal in its place) · the question's reason."""

    at_us: int
    message: int
    position: int
    party: str
    state: str
    outcome: str


class Flight(NamedTuple):
    """A delivery to the sender that is under way or whose outcome was never learned: what it may by now repeat.

    ``outrun``: the sender said something else since it was rendered. Then only a record that repeats it as a whole is
    an echo; a single equal value may be the sender's own return to it.
    """

    through: int
    picture: Picture
    outrun: bool = False


class DossierState:
    """The fold of one dossier: mutable, lean, copied by ``fork`` before anything speculative is applied.

    ``stream`` is the dossier's stream id; ``lead`` the older stream that leads since an alias joined the two, b"" while
    this one leads. ``head`` is the newest event's position, ``leaves`` the leaf hashes by position. ``told`` holds the
    events in the order of the fold; ``open`` the questioned ones not settled yet; ``mute`` whether a row was said that
    counts for nothing in its place, so that ``rows`` does not know it. The other public attributes are those
    of ``contracts.picture.Picture`` and ``hub.authority.Tenure``.
    """

    __slots__ = (
        "_past",
        "_picture",
        "_shared",
        "_steps",
        "aliases",
        "code",
        "head",
        "held_by_agency",
        "holder",
        "lead",
        "leaves",
        "left",
        "marks",
        "mute",
        "open",
        "origin",
        "rows",
        "state",
        "state_at",
        "steps",
        "stream",
        "submitted",
        "told",
        "values",
    )

    def __init__(self, stream: bytes = b"") -> None:
        self.stream = stream
        self.lead = b""
        self.head = 0
        self.leaves: dict[int, bytes] = {}
        self.told: list[Told] = []
        self._past: tuple[Picture, ...] = ()
        self.marks: dict[str, tuple[int, str, int]] | None = None
        self._reset()

    def _reset(self) -> None:
        self.code = ""
        self.aliases: tuple[str, ...] = ()
        self.values: dict[str, Any] = {}
        self._shared = False
        self.state: Any = ""
        self.state_at: Moment | None = None
        self.origin = ""
        self.submitted = False
        self.holder = ""
        self.left = ""
        self.held_by_agency = ""
        self.steps: list[StepTaken] = []
        self._steps: tuple[StepTaken, ...] | None = ()
        self.rows: dict[bytes, int] = {}
        self.mute = False
        self.open: list[Told] = []
        self._picture: Picture | None = None

    # ── folding ──────────────────────────────────────────────────────────────────────────────────

    def apply(
        self, position: int, event: AnyEvent, leaf: bytes = b"", *, values: Mapping[str, Any] | None = None
    ) -> None:
        """Take one event of the dossier's stream in; events that say nothing about the dossier only move ``head``.

        ``values`` are those its fact states, where the caller has them at hand.
        """
        if leaf:
            self.leaves[position] = leaf
        if position > self.head:
            self.head = position
            self._retire()
        if type(event) is not FactRecorded and type(event) is not TransitionQuestioned:
            return
        told = Told(event.at_us, event.message, event.item, position, event)
        # Positions are unique, so the comparison never reaches the event.
        if not self.told or told > self.told[-1]:
            self.told.append(told)
            self._walk(told, values)
            return
        bisect.insort(self.told, told, key=_order)
        self._replay()

    def _replay(self) -> None:
        """Walk again from the start: a fact landed in the past, or the first party's word changed who leads."""
        self._reset()
        for told in self.told:
            self._walk(told)

    def _retire(self) -> None:
        picture = self._picture
        if picture is not None:
            self._past = (picture, *self._past[: _PAST_KEPT - 1])
            self._picture = None

    def _walk(self, told: Told, values: Mapping[str, Any] | None = None) -> None:
        event = told.event
        fact = event.fact
        if not self.origin:
            self.origin = event.party
            self.code = fact.dossier
        elif fact.dossier != self.code:
            self._alias(fact.dossier)
        if isinstance(event, TransitionQuestioned):
            self.open.append(told)
            if fact.step is not None:
                self._remember_row(told)
            return
        if event.settles:
            self.open = [question for question in self.open if question.position != event.settles]
        state = state_told(event)
        if not self._takes_effect(told, event, fact, state, values):
            self.mute = self.mute or fact.step is not None
            return
        self._take_values(told, event, fact, values)
        if fact.step is not None:
            self._take_step(told, event, fact.step)
        if state and state != self.state:
            self._move(state, fact.at, event)

    def _takes_effect(
        self, told: Told, event: FactRecorded, fact: Fact, state: str, values: Mapping[str, Any] | None
    ) -> bool:
        if event.authority == "agreed":
            return False
        if state and not legal(self.state, state):
            # In this order it would have been questioned whole; a submission keeps its values.
            if type(fact) is DossierSubmitted:
                self._counts(event, fact)
                self._take_values(told, event, fact, values)
            return False
        return self._counts(event, fact)

    def _counts(self, event: FactRecorded, fact: Fact) -> bool:
        """Whether the fact counts in its place: a party that does not hold the dossier there passes over."""
        party = event.party
        domain = DOMAINS[type(fact)]
        if domain == "submission":
            if not self.submitted and not event.authority:
                self._lead_by(party, fact.dossier)
            return True
        if domain not in {"status", "applicant"} or event.authority:
            counted = True
        elif self.holder:
            counted = self.holder == party or (domain == "applicant" and party == self.origin)
        elif domain == "applicant" and party == self.origin:
            counted = True
        else:
            counted = self.left != party
            if counted:
                self.holder = party
                self.left = self.held_by_agency = ""
        if counted and type(fact) is DossierTransferred and not event.values_only:
            self.left, self.holder = self.holder or party, ""
            self.held_by_agency = fact.processing_agency_code or ""
        if type(fact) is AliasLinked:
            self._alias(fact.alias)
            other = bytes.fromhex(fact.other_stream) if fact.other_stream else b""
            if other and self.stream and other < self.stream:
                self.lead = other
        return counted

    def _lead_by(self, party: str, code: str) -> None:
        self.submitted = True
        self.origin = party
        if code != self.code:
            former, self.code = self.code, code
            self.aliases = tuple(alias for alias in self.aliases if alias != code)
            self._alias(former)

    def _alias(self, code: str) -> None:
        if code and code != self.code and code not in self.aliases:
            self.aliases += (code,)

    def _take_values(
        self, told: Told, event: FactRecorded, fact: Fact, stated_now: Mapping[str, Any] | None = None
    ) -> None:
        if type(fact) is FactCorrected:
            self._correct(told, event, fact)
            return
        if stated_now is None:
            stated_now = told_values(fact)
        if not stated_now:
            return
        if event.authority == "gap" or (not event.authority and self._hands_in_second(event.party, fact)):
            owned = self.stated_by_origin()
            stated_now = {name: value for name, value in stated_now.items() if name not in owned}
        if not self.values and type(stated_now) is dict:
            self.values, self._shared = stated_now, False
            self._note_marks(stated_now, told, event)
            return
        values = self._own_values()
        extra = values.get("extra")
        values.update(stated_now)
        if extra and "extra" in stated_now:
            values["extra"] = {**extra, **stated_now["extra"]}
        self._note_marks(stated_now, told, event)

    def _hands_in_second(self, party: str, fact: Fact) -> bool:
        """Whether, in this order, somebody else already leads the submission: then only open values count."""
        return type(fact) is DossierSubmitted and party != self.origin

    def _correct(self, told: Told, event: FactRecorded, fact: FactCorrected) -> None:
        values = self._own_values()
        for name, text in fact.values.items():
            if name == "state":
                if text in RANK:
                    self._move(text, fact.at, event)
            elif isinstance(values.get(name, ""), str):
                values[name] = text
        for name in fact.erased:
            values.pop(name, None)
        self._note_marks(fact.values, told, event)

    def _own_values(self) -> dict[str, Any]:
        if self._shared:
            self.values = self.values.copy()
            self._shared = False
        return self.values

    def _note_marks(self, names: Iterable[str], told: Told, event: FactRecorded) -> None:
        if self.marks is not None:
            mark = (told.position, event.party, told.at_us)
            self.marks.update(dict.fromkeys(names, mark))

    def _take_step(self, told: Told, event: FactRecorded, step: Step) -> None:
        fact = event.fact
        # A row that names no state of its own stands under the state the dossier is in.
        state: Any = state_told(event) or self.state or fact.STATE
        digest = self._remember_row(told)
        if state != fact.STATE:
            self.rows.setdefault(step_digest(row_time(fact), state, step), told.position)
        at = fact.at or Moment(told.at_us, assumed=True)
        self.steps.append(
            StepTaken(position=told.position, at=at, state=state, step=step, party=event.party, digest=digest)
        )
        self._steps = None

    def _remember_row(self, told: Told) -> bytes:
        digest = row_digest(told.event.fact)
        self.rows.setdefault(digest, told.position)
        return digest

    def _move(self, state: Any, at: Moment | None, event: FactRecorded) -> None:
        self.state = state
        self.state_at = at or Moment(event.at_us, assumed=True)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def picture(self, *, through: int | None = None) -> Picture:
        """The dossier as told up to position ``through`` (the head by default). Cheap at the head and just before."""
        if through is not None and through < self.head:
            for picture in self._past:
                if picture.position == through:
                    return picture
            return self._before(lambda told: told.position <= through).picture()
        if self._picture is None:
            self._shared = True
            if self._steps is None:
                self._steps = tuple(self.steps)
            self._picture = Picture(
                code=self.code,
                fields=self.values,
                state=self.state,
                state_at=self.state_at,
                aliases=self.aliases,
                steps=self._steps,
                origin=self.origin,
                holder=self.holder,
                position=self.head,
            )
        return self._picture

    def before(self, at_us: int, message: int) -> "DossierState":
        """The dossier as of (business time, message), that message included. Itself when that is all there is."""
        if not self.told:
            return self
        last = self.told[-1]
        if last.at_us < at_us or (last.at_us == at_us and last.message <= message):
            return self
        return self._before(lambda told: told[:2] <= (at_us, message))

    def at_time(self, at_us: int) -> Picture:
        """The dossier as it was at a moment, by business time."""
        return self._before(lambda told: told.at_us <= at_us).picture()

    def _before(self, keeps: Callable[[Told], bool]) -> "DossierState":
        return _replayed(self.stream, [told for told in self.told if keeps(told)])

    def fields(self) -> dict[str, Value]:
        """Every known value with the event that set it. Walks the history again: for people, not for the hot path."""
        walked = DossierState(self.stream)
        walked.marks = {}
        walked.told = self.told
        walked._replay()
        marks = walked.marks
        return {name: Value(value, *marks[name]) for name, value in walked.values.items() if name in marks}

    def history(self) -> list[StateChange]:
        """Every state anybody claimed, in the order of the fold, with what became of the claim."""
        walked = DossierState(self.stream)
        changes = []
        for told in self.told:
            event = told.event
            before = walked.state
            walked.apply(told.position, event)
            state = state_told(event)
            if isinstance(event, TransitionQuestioned):
                outcome = event.reason
            else:
                state = walked.state if walked.state != before else state
                outcome = "applied" if walked.state == state else "passed_over"
            if state:
                changes.append(StateChange(told.at_us, told.message, told.position, event.party, state, outcome))
        return changes

    def stated_by_origin(self) -> frozenset[str]:
        """Names of the submission's values that the origin itself stated."""
        return frozenset(
            name
            for told in self.told
            if told.event.party == self.origin and type(told.event.fact) is DossierSubmitted
            for name in told_values(told.event.fact)
        )

    def last_by(self, party: str) -> Told | None:
        """The newest event of one party, None if it never spoke."""
        return max((told for told in self.told if told.event.party == party), key=_position, default=None)

    def leaf_of(self, position: int) -> bytes:
        """The leaf hash of one of the dossier's events, b"" where it is not among them."""
        return self.leaves.get(position, b"")

    def code_of(self, party: str) -> str:
        """The code under which a party itself spoke of the dossier last, "" if it never did."""
        last = self.last_by(party)
        return "" if last is None else last.event.fact.dossier

    @property
    def clock(self) -> str:
        """The processing clock: not_started · running · paused_for_supplement · paused_for_payment · paused · ended."""
        if self.state in CLOSED:
            return "ended"
        if self.state in {"", "submitted"}:
            return "not_started"
        if self.state == "supplement_requested":
            return "paused_for_supplement"
        if self.state == "payment_requested":
            return "paused_for_payment"
        return "paused" if self.values.get("clock") == "paused" else "running"

    # ── speculation ──────────────────────────────────────────────────────────────────────────────

    def fork(self) -> "DossierState":
        """A copy that may take events in without touching this one; values are shared until they change."""
        self._shared = True
        twin = DossierState.__new__(DossierState)
        for name in _COPIED:
            setattr(twin, name, getattr(self, name))
        twin.told = self.told.copy()
        twin.steps = self.steps.copy()
        twin.rows = self.rows.copy()
        twin.open = self.open.copy()
        twin.leaves = self.leaves.copy()
        return twin

    def joined(self, other: "DossierState") -> "DossierState":
        """This dossier with the events of another that an alias joined to it: one fold over both."""
        both = DossierState(self.stream)
        both.told = sorted({told.position: told for told in (*self.told, *other.told)}.values(), key=_order)
        both.leaves = self.leaves | other.leaves
        both.head = max(self.head, other.head)
        both._replay()
        return both

    def seal(self, position: int, leaf: bytes) -> None:
        """Note the leaf hash of an event applied before its leaf was made."""
        self.leaves[position] = leaf


_COPIED: Final = tuple(
    name for name in DossierState.__slots__ if name not in {"told", "steps", "rows", "open", "leaves"}
)


def _order(told: Told) -> tuple[int, int, int, int]:
    return told[:4]


def _position(told: Told) -> int:
    return told.position


def _replayed(stream: bytes, told: Sequence[Told]) -> DossierState:
    state = DossierState(stream)
    for one in told:
        state.apply(one.position, one.event)
    return state


def apply(state: DossierState, position: int, event: AnyEvent, leaf: bytes = b"") -> None:
    """Take one event in; see ``DossierState.apply``."""
    state.apply(position, event, leaf)


def fold(entries: Iterable[Entry], stream: bytes = b"") -> DossierState:
    """The state of a dossier from its entries in log order; erased ones count for nothing."""
    state = DossierState(stream)
    for entry in entries:
        if entry.event is not None:
            state.apply(entry.position, entry.event, entry.leaf_hash)
    return state


def picture(state: DossierState, *, through: int | None = None) -> Picture:
    """The picture at the head or at an earlier position; see ``DossierState.picture``."""
    return state.picture(through=through)


def trial_picture(record: Record) -> Picture:
    """What one record alone would make of a dossier nobody knew: for trying an adapter without a hub."""
    state = DossierState()
    for position, fact in enumerate(record.facts, 1):
        at_us = 0 if fact.at is None else fact.at.us
        state.apply(position, FactRecorded(party="trial", message=0, fact=fact, at_us=at_us, item=record.index))
    return state.picture()
