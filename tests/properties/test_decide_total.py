"""Deciding is total and pure: any record of any party after any history gives an answer and changes nothing else."""

from typing import Literal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.facts import FactCorrected
from contracts.reading import Record
from hub.decide import Decision
from hub.picture import DossierState
from ledger.events import FactRecorded, TransitionQuestioned
from ledger.port import Entry
from tests.hub.little_hub import EVERYONE, STREAM, LittleHub
from tests.properties.decision_strategies import records

WORDS = {"applied", "unchanged", "echo", "duplicate", "questioned"}
Deed = Literal["say", "send", "confirm"]


def run(hub: LittleHub, script: list[tuple[Deed, int, Record]]) -> None:
    for deed, number, record in script:
        party = EVERYONE[number]
        if deed == "say":
            before = hub.state
            seen = None if before is None else frozen(before)
            check(hub, hub.take(party, record), hub.state is before)
            assert before is None or frozen(before) == seen
        elif hub.state is not None and deed == "send" and party.id not in hub.flights:
            hub.send(party)
        elif deed == "confirm" and party.id in hub.flights:
            hub.confirm(party)


def frozen(state: DossierState) -> tuple[object, ...]:
    return (
        state.head,
        len(state.told),
        dict(state.values),
        state.state,
        len(state.rows),
        len(state.open),
        state.holder,
    )


def check(hub: LittleHub, decision: Decision, untouched: bool) -> None:  # noqa: FBT001  # one call, right above
    assert decision.state in WORDS
    assert untouched or decision.events
    if decision.events:
        assert decision.after.head == hub.position == decision.position
        assert decision.state in {"applied", "questioned"}
    else:
        assert decision.position <= hub.position
    recorded = [event for event in decision.events if isinstance(event, FactRecorded) and not event.settles]
    assert decision.state != "applied" or recorded
    assert all(isinstance(event, FactRecorded | TransitionQuestioned) for event in decision.events)


scripts = st.lists(
    st.tuples(st.sampled_from(["say", "say", "say", "send", "confirm"]), st.integers(0, len(EVERYONE) - 1), records()),
    max_size=8,
)


@given(script=scripts)
@settings(max_examples=80, deadline=None)
def test_any_record_gets_an_answer_and_leaves_its_input_alone(script: list[tuple[Deed, int, Record]]) -> None:
    run(LittleHub(), script)


@given(script=scripts)
@settings(max_examples=80, deadline=None)
def test_folding_the_log_again_gives_the_state_that_was_decided_on(script: list[tuple[Deed, int, Record]]) -> None:
    hub = LittleHub()
    run(hub, script)
    if hub.state is None:
        return
    entries = [
        Entry(position=told.position, stream=STREAM, rev=0, topic="", recorded_at=0, leaf_hash=b"", event=told.event)
        for told in sorted(hub.state.told, key=lambda told: told.position)
    ]

    again = DossierState(STREAM)
    for entry in entries:
        assert entry.event is not None
        again.apply(entry.position, entry.event)

    assert again.picture() == hub.state.picture()
    assert (again.rows, again.open, again.lead) == (hub.state.rows, hub.state.open, hub.state.lead)


@given(script=scripts, record=records(), number=st.integers(0, len(EVERYONE) - 1))
@settings(max_examples=80, deadline=None)
def test_the_same_record_twice_at_once_adds_nothing(
    script: list[tuple[Deed, int, Record]], record: Record, number: int
) -> None:
    if record.row:
        assume(all(fact.at is not None and not isinstance(fact, FactCorrected) for fact in record.facts))
    hub = LittleHub()
    run(hub, script)
    hub.take(EVERYONE[number], record)

    again = hub.take(EVERYONE[number], record)

    assert again.events == ()
    assert again.state in {"duplicate", "echo", "unchanged"}
