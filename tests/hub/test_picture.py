"""The fold: facts find their place by business time, and the same facts give the same picture in any order."""

from itertools import permutations

import pytest

from contracts.facts import (
    AliasLinked,
    AnyFact,
    Document,
    DossierReceived,
    DossierSubmitted,
    DossierTransferred,
    DossierWithdrawn,
    FactCorrected,
    ProcessingFinished,
    ProcessingStepRecorded,
    Step,
    SupplementRequested,
)
from contracts.moment import Moment
from contracts.picture import step_digest
from contracts.reading import Record
from hub.picture import apply, fold, picture, trial_picture
from hub.sameness import same_value
from ledger.events import Event, FactRecorded, RecordParked, TransitionQuestioned
from ledger.port import Entry
from tests.hub.little_hub import CODE, NOON, STREAM


def told(position: int, party: str, fact: AnyFact, *, at: int = 0, settles: int = 0, **more: object) -> Entry:
    at_us = at or (fact.at.us if fact.at else NOON + position)
    event = FactRecorded(party=party, message=position - 1, fact=fact, at_us=at_us, settles=settles, **more)  # type: ignore[arg-type]
    return entry(position, event)


def questioned(position: int, party: str, fact: AnyFact, *, at: int = 0) -> Entry:
    event = TransitionQuestioned(
        party=party, message=position - 1, fact=fact, at_us=at or NOON + position, reason="illegal_transition"
    )
    return entry(position, event)


def entry(position: int, event: Event) -> Entry:
    leaf = position.to_bytes(32, "big")
    return Entry(
        position=position,
        stream=STREAM,
        rev=0,
        topic="",
        recorded_at=NOON,
        leaf_hash=leaf,
        event=event,  # type: ignore[arg-type]
    )


def submitted(**values: object) -> DossierSubmitted:
    return DossierSubmitted(dossier=CODE, **values)  # type: ignore[arg-type]


def row(minute: int, content: str = "Thẩm định hồ sơ") -> ProcessingStepRecorded:
    at = Moment(NOON + minute * 60_000_000, text="20260101")
    return ProcessingStepRecorded(dossier=CODE, at=at, step=Step(officer="Lò Thị Mẫu", content=content))


def test_the_newest_value_of_each_field_is_known_with_the_event_that_set_it() -> None:
    state = fold(
        [
            told(2, "cong", submitted(phone="0900000001", subject="Khai sinh")),
            told(5, "cong", submitted(phone="0900000002")),
        ]
    )

    assert picture(state).fields == {"phone": "0900000002", "subject": "Khai sinh"}
    assert state.fields()["phone"][1:] == (5, "cong", NOON + 5)
    assert state.fields()["subject"].position == 2
    assert state.leaf_of(5) == (5).to_bytes(32, "big")


def test_a_late_fact_fills_history_and_never_reopens_a_closed_dossier() -> None:
    state = fold(
        [told(2, "tinh-mau", submitted()), told(4, "tinh-mau", ProcessingFinished(dossier=CODE), at=NOON + 900)]
    )

    apply(state, 6, told(6, "tinh-mau", ProcessingStepRecorded(dossier=CODE), at=NOON + 500).event)  # type: ignore[arg-type]

    assert state.state == "finished"
    assert [change.state for change in state.history()] == ["submitted", "processing", "finished"]
    assert picture(state).state_at == Moment(NOON + 900, assumed=True)


def test_a_step_that_is_not_legal_in_its_place_passes_over() -> None:
    state = fold(
        [
            told(2, "tinh-mau", submitted()),
            told(4, "tinh-mau", ProcessingStepRecorded(dossier=CODE), at=NOON + 500),
            told(6, "tinh-mau", DossierWithdrawn(dossier=CODE), at=NOON + 300),
        ]
    )

    assert state.state == "withdrawn"
    assert [change.outcome for change in state.history()] == ["applied", "applied", "passed_over"]


def test_any_order_of_arrival_gives_one_picture() -> None:
    facts: list[AnyFact] = [
        DossierReceived(dossier=CODE, at=Moment(NOON + 10), due_at=Moment(NOON + 10**9)),
        SupplementRequested(dossier=CODE, at=Moment(NOON + 20)),
        row(1),
        ProcessingFinished(dossier=CODE, at=Moment(NOON + 10**8), finished_at=Moment(NOON + 10**8)),
    ]
    first = told(2, "cong", submitted(phone="0900000001"), at=NOON)
    pictures = []
    for order in permutations(range(4)):
        state = fold([first, *(told(4 + 2 * at, "tinh-mau", facts[at]) for at in order)])
        pictures.append((state.state, state.holder, dict(state.values), [step.digest for step in state.steps]))

    assert all(one == pictures[0] for one in pictures)
    assert pictures[0][:2] == ("finished", "tinh-mau")


def test_the_submission_leads_whoever_told_of_the_dossier_first() -> None:
    state = fold([told(2, "tinh-mau", row(1)), told(4, "cong", submitted(phone="0900000001"), at=NOON)])

    assert (state.origin, state.holder) == ("cong", "tinh-mau")


def test_the_origin_beats_what_the_holder_filled_in_whatever_the_order() -> None:
    filled = told(4, "tinh-mau", submitted(phone="0900000009"), authority="gap", values_only=True)
    state = fold([told(2, "cong", submitted(subject="Khai sinh")), filled])
    assert state.values["phone"] == "0900000009"

    apply(state, 6, told(6, "cong", submitted(phone="0900000001"), at=NOON + 1).event)  # type: ignore[arg-type]

    assert state.values["phone"] == "0900000001"


def test_a_party_that_gave_the_dossier_away_no_longer_counts_after_it() -> None:
    moved = DossierTransferred(dossier=CODE, processing_agency_code="H98")
    entries = [
        told(2, "cong", submitted()),
        told(4, "tinh-mau", DossierReceived(dossier=CODE), at=NOON + 100),
        told(6, "tinh-mau", ProcessingFinished(dossier=CODE), at=NOON + 900),
        told(8, "tinh-mau", moved, at=NOON + 500),
    ]

    state = fold(entries)

    assert (state.state, state.holder, state.held_by_agency) == ("received", "", "H98")
    assert picture(state).fields["processing_agency_code"] == "H98"


def test_a_transfer_inside_one_party_moves_nobody() -> None:
    moved = DossierTransferred(dossier=CODE, processing_agency_code="H99.2")
    state = fold([told(2, "tinh-mau", DossierReceived(dossier=CODE)), told(4, "tinh-mau", moved, values_only=True)])

    assert (state.holder, state.values["processing_agency_code"]) == ("tinh-mau", "H99.2")


def test_values_only_leave_the_state_alone() -> None:
    received = DossierReceived(dossier=CODE, due_at=Moment(NOON))
    state = fold(
        [
            told(2, "tinh-mau", DossierReceived(dossier=CODE)),
            told(4, "tinh-mau", SupplementRequested(dossier=CODE)),
            told(6, "tinh-mau", received, values_only=True),
        ]
    )

    assert (state.state, state.values["due_at"]) == ("supplement_requested", Moment(NOON))
    assert state.clock == "paused_for_supplement"


def test_questions_stay_open_until_an_event_settles_them() -> None:
    asked = questioned(4, "tinh-mau", DossierReceived(dossier=CODE))
    state = fold([told(2, "cong", submitted()), asked])
    assert [one.position for one in state.open] == [4]
    assert state.state == "submitted"

    apply(state, 6, told(6, "tinh-mau", DossierReceived(dossier=CODE), at=NOON + 4, settles=4).event)  # type: ignore[arg-type]

    assert state.open == []
    assert state.state == "received"


def test_a_correction_changes_and_erases_what_was_said() -> None:
    state = fold(
        [
            told(2, "tinh-mau", submitted(phone="0900000001", email="mau@example.vn")),
            told(4, "tinh-mau", ProcessingFinished(dossier=CODE)),
            told(
                6,
                "tinh-mau",
                FactCorrected(dossier=CODE, values={"phone": "0900000002", "state": "processing"}, erased=("email",)),
            ),
        ]
    )

    assert state.values == {"phone": "0900000002"}
    assert state.state == "processing"


def test_earlier_pictures_stay_as_they_were() -> None:
    state = fold([told(2, "cong", submitted(phone="0900000001"))])
    before = state.picture()
    apply(state, 4, told(4, "cong", submitted(phone="0900000002")).event)  # type: ignore[arg-type]
    apply(state, 6, told(6, "cong", submitted(phone="0900000003")).event)  # type: ignore[arg-type]

    assert before.fields["phone"] == "0900000001"
    assert state.picture(through=2) == before
    assert state.picture(through=4).fields["phone"] == "0900000002"
    assert state.at_time(NOON + 4).fields["phone"] == "0900000002"
    assert state.picture() is state.picture()


def test_a_fork_does_not_touch_its_original() -> None:
    state = fold([told(2, "cong", submitted(phone="0900000001")), told(3, "cong", row(1))])
    twin = state.fork()
    apply(twin, 5, told(5, "cong", submitted(phone="0900000002")).event)  # type: ignore[arg-type]
    apply(twin, 6, told(6, "cong", row(2, "Trình ký")).event)  # type: ignore[arg-type]

    assert (state.values["phone"], state.head, len(state.steps), len(state.rows)) == ("0900000001", 3, 1, 1)
    assert (twin.values["phone"], twin.head, len(twin.steps), len(twin.rows)) == ("0900000002", 6, 2, 2)


def test_other_codes_become_aliases_and_an_older_stream_leads() -> None:
    older = b"\x00" * 16
    link = AliasLinked(dossier=CODE, alias="LT-2026-1", other_stream=older.hex(), other_head="00" * 32)
    state = fold([told(2, "bo-mau", submitted()), told(4, "bo-mau", link)], STREAM)

    assert state.aliases == ("LT-2026-1",)
    assert state.lead == older


def test_two_joined_dossiers_fold_into_one() -> None:
    one = fold([told(2, "bo-mau", submitted(phone="0900000001"))], STREAM)
    other = fold([told(4, "tinh-mau", DossierReceived(dossier="12/2026/0001"))], b"\x02" * 16)

    both = one.joined(other)

    assert (both.state, both.origin, both.holder, both.aliases) == ("received", "bo-mau", "tinh-mau", ("12/2026/0001",))
    assert (one.head, both.head, len(both.told)) == (2, 4, 2)


def test_a_parked_record_moves_only_the_head() -> None:
    state = fold([told(2, "cong", submitted())])
    before = state.picture()
    apply(state, 4, RecordParked(party="cong", message=3, code="park.status_unmapped", dossier=CODE), b"leaf")

    assert (state.head, state.leaf_of(4)) == (4, b"leaf")
    assert state.picture().fields == before.fields


def test_rows_are_the_same_by_content_to_the_second() -> None:
    step = Step(officer="Lò Thị Mẫu", content="Thẩm  định")

    assert step_digest(NOON + 1, "processing", step) == step_digest(
        NOON + 999, "processing", Step(officer="Lò Thị Mẫu", content="Thẩm định")
    )
    assert step_digest(NOON, "processing", step) != step_digest(NOON + 1_000_000, "processing", step)
    assert step_digest(NOON, "processing", step) != step_digest(NOON, "finished", step)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Moment(NOON, text="20260101120000"), Moment(NOON, text="01/01/2026 12:00:00"), True),
        (Moment(NOON + 250), Moment(NOON), True),
        (Moment(NOON + 250), Moment(NOON + 300), False),
        ((Document(name="a", url="https://h/x?t=1"),), (Document(name="a", url="https://h/x?t=2"),), True),
        ((Document(name="a", url="https://h/x"),), (Document(name="a", url="https://h/y"),), False),
        ((Document(name="a"),), (Document(name="a"), Document(name="b")), False),
        ({"a": "1"}, {"a": "1"}, True),
        ("1", "2", False),
    ],
)
def test_values_are_compared_by_what_they_say(one: object, other: object, *, same: bool) -> None:
    assert same_value(one, other) is same


def test_a_record_on_trial_makes_a_picture_without_a_hub() -> None:
    record = Record(
        index=0,
        span=(0, 1),
        dossier=CODE,
        facts=(submitted(phone="0900000001"), DossierReceived(dossier=CODE)),
        material=b"",
        service="records",
    )

    assert (trial_picture(record).state, trial_picture(record).fields) == ("received", {"phone": "0900000001"})
