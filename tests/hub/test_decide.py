"""Decisions: only news becomes an event, and news is judged by who says it and where it belongs in time."""

from collections.abc import Mapping

from contracts.facts import (
    AliasLinked,
    AnyFact,
    ClockPaused,
    ClockResumed,
    Document,
    DossierReceived,
    DossierSubmitted,
    DossierTransferred,
    DossierWithdrawn,
    DueDateChanged,
    FactCorrected,
    PaymentRecorded,
    ProcessingFinished,
    ProcessingStepRecorded,
    ResultHandedOver,
    Step,
    SupplementRequested,
)
from contracts.moment import Moment
from contracts.picture import Picture
from contracts.reading import Note
from hub.decide import Decision
from ledger.events import FactRecorded, TransitionQuestioned
from tests.hub.little_hub import (
    CODE,
    MINISTRY,
    NOON,
    OTHER_PROVINCE,
    PAYMENT,
    PORTAL,
    PROVINCE,
    LittleHub,
    SnapshotFormat,
)

DUE = Moment(NOON + 86_400_000_000, text="20260102120000")


def submitted(**values: object) -> DossierSubmitted:
    return DossierSubmitted(dossier=CODE, **({"phone": "0900000001", "subject": "Khai sinh"} | values))  # type: ignore[arg-type]


def snapshot(state: type[AnyFact], **values: object) -> tuple[AnyFact, ...]:
    """What a one-stop system sends: the whole dossier with its present state."""
    due = values.pop("due_at", DUE)
    return (
        submitted(**values),
        DossierReceived(dossier=CODE, due_at=due),  # type: ignore[arg-type]
        *(() if state is DossierReceived else (state(dossier=CODE),)),  # type: ignore[call-arg]
    )


def row(minute: int, content: str = "Thẩm định", kind: type[AnyFact] = ProcessingStepRecorded) -> AnyFact:
    at = Moment(NOON + minute * 60_000_000, text="x")
    return kind(dossier=CODE, at=at, step=Step(officer="Lò Thị Mẫu", content=content))  # type: ignore[call-arg]


def kinds(decision: Decision) -> list[str]:
    return [
        ("?" if isinstance(event, TransitionQuestioned) else "") + event.fact.TOPIC.removeprefix("dossier.")
        for event in decision.events
    ]


# ── only news ────────────────────────────────────────────────────────────────────────────────────


def test_the_first_snapshot_is_applied_with_all_it_passed_through() -> None:
    hub = LittleHub()

    decision = hub.say(PROVINCE, *snapshot(ProcessingStepRecorded))

    assert (decision.state, kinds(decision)) == ("applied", ["submitted", "received", "processing-step"])
    assert [change.state for change in decision.after.history()] == ["submitted", "received", "processing"]
    assert decision.position == 4
    assert all(event.at_assumed for event in decision.events)


def test_a_later_snapshot_says_only_what_changed() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))

    decision = hub.say(PROVINCE, *snapshot(ProcessingFinished, phone="0900000002"))

    assert kinds(decision) == ["submitted", "processing-finished"]
    changed = decision.events[0]
    assert isinstance(changed, FactRecorded)
    assert changed.fact == DossierSubmitted(dossier=CODE, phone="0900000002")
    assert changed.values_only
    assert hub.picture.state == "finished"


def test_a_changed_due_date_does_not_take_a_dossier_back_to_reception() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(SupplementRequested))

    decision = hub.say(PROVINCE, *snapshot(SupplementRequested, due_at=Moment(NOON + 10**12)))

    assert kinds(decision) == ["received"]
    assert hub.picture.state == "supplement_requested"
    assert hub.picture.fields["due_at"] == Moment(NOON + 10**12)


def test_the_same_packet_twice_is_one_event_and_a_return_to_a_state_is_another() -> None:
    hub = LittleHub()
    four, five = snapshot(ProcessingStepRecorded), snapshot(SupplementRequested)
    hub.say(PROVINCE, *four)
    assert hub.say(PROVINCE, *four).state == "duplicate"

    assert kinds(hub.say(PROVINCE, *five)) == ["supplement-requested"]
    again = hub.say(PROVINCE, *four)

    assert (again.state, kinds(again)) == ("applied", ["processing-step"])
    assert Note("intake.possible_replay") in again.warnings
    assert hub.picture.state == "processing"


def test_the_same_content_under_the_other_mode_is_unchanged() -> None:
    hub = LittleHub()
    first = hub.say(PROVINCE, *snapshot(DossierReceived), updating=False)

    again = hub.say(PROVINCE, *snapshot(DossierReceived), updating=True)

    assert (again.state, again.events, again.position) == ("unchanged", (), first.position)


def test_an_empty_value_never_erases_a_known_one() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived, documents=(Document(name="Tờ khai"),)))

    decision = hub.say(PROVINCE, *snapshot(DossierReceived, phone="", documents=()))

    assert decision.state == "unchanged"
    assert hub.picture.fields["phone"] == "0900000001"


def test_a_volatile_address_is_no_change() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, submitted(documents=(Document(name="Tờ khai", url="https://mau.example/f?t=1"),)))

    again = hub.say(PROVINCE, submitted(documents=(Document(name="Tờ khai", url="https://mau.example/f?t=2"),)))

    assert again.state == "unchanged"


def test_clock_facts_count_each_time_the_clock_turns() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))
    words = [hub.say(PROVINCE, kind(dossier=CODE)).state for kind in (ClockPaused, ClockResumed, ClockPaused)]

    assert words == ["applied", "applied", "applied"]
    assert hub.decisions[-1].after.clock == "paused"
    assert hub.say(PROVINCE, ClockPaused(dossier=CODE), updating=True).state == "unchanged"


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_is_known_for_ever_by_content() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))
    first = hub.say(PROVINCE, row(5), row=True)
    hub.say(PROVINCE, row(6, "Trình ký"), row=True)

    again = hub.say(PROVINCE, row(5), row=True)

    assert (first.state, again.state, again.events) == ("applied", "duplicate", ())
    assert [step.step.content for step in hub.picture.steps] == ["Thẩm định", "Trình ký"]


def test_a_row_for_a_dossier_never_seen_is_taken_with_a_warning() -> None:
    decision = LittleHub().say(PROVINCE, row(5), row=True)

    assert decision.state == "applied"
    assert Note("intake.unknown_dossier") in decision.warnings


def test_a_row_somebody_else_told_is_an_echo_that_proves_it_known() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    told = hub.say(PROVINCE, row(5), row=True)

    echo = hub.say(PORTAL, row(5), row=True)

    assert (echo.state, echo.events, echo.rows) == ("echo", (), (told.position,))


def test_a_late_row_fills_history_without_moving_a_finished_dossier() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))
    hub.say(PROVINCE, row(50, "Có kết quả", ProcessingFinished), row=True)

    late = hub.say(PROVINCE, row(40), row=True)

    assert late.state == "applied"
    assert hub.picture.state == "finished"
    assert [step.state for step in hub.picture.steps] == ["processing", "finished"]


# ── legality ─────────────────────────────────────────────────────────────────────────────────────


def test_a_step_back_from_a_closed_dossier_is_questioned() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(ResultHandedOver))

    decision = hub.say(PROVINCE, *snapshot(ProcessingStepRecorded, phone="0900000002"))

    assert (decision.state, kinds(decision)) == ("questioned", ["submitted", "?processing-step"])
    asked = decision.events[1]
    assert isinstance(asked, TransitionQuestioned)
    assert (asked.reason, asked.state_before) == ("illegal_transition", "handed_over")
    assert hub.picture.state == "handed_over"
    assert hub.picture.fields["phone"] == "0900000002"


def test_an_old_packet_that_the_table_forbids_is_a_possible_replay() -> None:
    hub = LittleHub()
    four = snapshot(ProcessingStepRecorded)
    hub.say(PROVINCE, *four)
    hub.say(PROVINCE, *snapshot(ProcessingFinished))

    late = hub.say(PROVINCE, *four)

    assert (late.state, kinds(late)) == ("questioned", ["?processing-step"])
    assert isinstance(late.events[0], TransitionQuestioned)
    assert late.events[0].reason == "possible_replay"


def test_an_explicit_correction_may_reopen() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(ProcessingFinished))

    decision = hub.say(PROVINCE, FactCorrected(dossier=CODE, values={"state": "processing"}))

    assert decision.state == "applied"
    assert hub.picture.state == "processing"
    assert hub.say(MINISTRY, FactCorrected(dossier=CODE, values={"phone": "0900000009"})).state == "questioned"


def test_a_party_may_correct_its_own_word_only() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, DossierReceived(dossier=CODE, processing_agency="Sở Mẫu"))

    assert hub.say(PORTAL, FactCorrected(dossier=CODE, erased=("phone",))).state == "applied"
    assert hub.say(PORTAL, FactCorrected(dossier=CODE, values={"processing_agency": "x"})).state == "questioned"
    assert "phone" not in hub.picture.fields
    assert hub.say(PORTAL, FactCorrected(dossier=CODE, erased=("phone", "email")), updating=True).state == "unchanged"


# ── authority ────────────────────────────────────────────────────────────────────────────────────


def test_the_portal_does_not_own_the_status_it_shows() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, *snapshot(ProcessingStepRecorded))

    decision = hub.say(PORTAL, *snapshot(ProcessingFinished))

    assert decision.state == "questioned"
    assert kinds(decision) == ["received", "?processing-finished"]
    assert Note("decide.not_authoritative") in decision.warnings
    assert hub.picture.state == "processing"
    assert hub.picture.holder == "tinh-mau"


def test_the_holder_fills_gaps_of_a_submission_and_questions_the_rest() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())

    decision = hub.say(PROVINCE, *snapshot(DossierReceived, phone="0900000009", receipt_number="12/2026"))

    assert kinds(decision) == ["submitted", "?submitted", "submitted", "received"]
    assert decision.state == "applied"
    assert hub.picture.fields["phone"] == "0900000001"
    assert hub.picture.fields["receipt_number"] == "12/2026"


def test_the_origin_may_change_what_the_holder_filled_in() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, *snapshot(DossierReceived, receipt_number="12/2026"))

    hub.say(PORTAL, submitted(receipt_number="13/2026"))

    assert hub.picture.fields["receipt_number"] == "13/2026"
    assert hub.say(PROVINCE, *snapshot(DossierReceived, receipt_number="14/2026")).state == "questioned"


def test_a_payment_is_its_platforms_to_say() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))

    assert hub.say(PROVINCE, PaymentRecorded(dossier=CODE, amount="50000")).state == "questioned"
    paid = hub.say(PAYMENT, PaymentRecorded(dossier=CODE, amount="50000"))

    assert paid.state == "applied"
    assert isinstance(paid.events[0], FactRecorded)
    assert paid.events[0].authority == "owner"


def test_an_applicant_withdraws_through_the_portal() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, *snapshot(ProcessingStepRecorded))

    assert hub.say(PORTAL, DossierWithdrawn(dossier=CODE)).state == "applied"
    assert (hub.picture.state, hub.picture.holder) == ("withdrawn", "tinh-mau")


def test_a_foreign_code_is_nobody_elses_to_begin() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())

    assert hub.say(OTHER_PROVINCE, DossierReceived(dossier=CODE), agency="H99.1").state == "questioned"
    assert hub.say(PROVINCE, DossierReceived(dossier=CODE), agency="H99.1").state == "applied"


# ── judged again ─────────────────────────────────────────────────────────────────────────────────


def test_a_question_is_settled_by_the_transfer_that_arrives_late() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, *snapshot(DossierReceived))
    asked = hub.say(OTHER_PROVINCE, row(30, "Tiếp nhận lại", ProcessingFinished), row=True)
    assert asked.state == "questioned"

    moved = DossierTransferred(dossier=CODE, processing_agency_code="H98", at=Moment(NOON + 20 * 60_000_000))
    late = hub.say(PROVINCE, moved)

    assert kinds(late) == ["transferred", "processing-finished"]
    settled = late.events[1]
    assert isinstance(settled, FactRecorded)
    assert (settled.settles, settled.party, settled.at_us) == (asked.position, "tinh-khac", asked.events[0].at_us)
    assert (hub.picture.state, hub.picture.holder) == ("finished", "tinh-khac")
    assert late.state == "applied"
    assert late.after.open == []


def test_a_transfer_inside_one_province_keeps_its_holder() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))
    hub.say(PROVINCE, DossierTransferred(dossier=CODE, processing_agency_code="H99.7"))

    assert hub.picture.holder == "tinh-mau"
    assert hub.say(PROVINCE, *snapshot(ProcessingFinished)).state == "applied"


def test_a_row_that_was_foreign_for_one_is_news_from_its_owner() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))
    assert hub.say(MINISTRY, row(5), row=True).state == "questioned"

    assert hub.say(PROVINCE, row(5), row=True).state == "applied"
    assert len(hub.picture.steps) == 1


# ── echoes ───────────────────────────────────────────────────────────────────────────────────────


def test_what_we_told_comes_back_as_an_echo() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, *snapshot(ProcessingStepRecorded))
    hub.tell(PORTAL)

    echo = hub.say(PORTAL, *snapshot(ProcessingStepRecorded))

    assert (echo.state, echo.events) == ("echo", ())
    assert hub.due(PORTAL) is None


def test_an_echo_before_the_confirmation_confirms_the_delivery() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, *snapshot(ProcessingStepRecorded))
    due = hub.send(PORTAL)
    assert due is not None

    echo = hub.say(PORTAL, *snapshot(ProcessingStepRecorded))

    assert (echo.state, echo.events, echo.confirms) == ("echo", (), due.picture.position)
    assert hub.due(PORTAL) is None


def test_an_echo_in_a_coarser_format_is_still_an_echo() -> None:
    def coarse(picture: Picture) -> Mapping[str, object]:
        return {name: str(value)[:4] for name, value in picture.fields.items()} | {"state": picture.state}

    hub = LittleHub(adapter=SnapshotFormat(carries=coarse))
    hub.say(PORTAL, submitted(subject="Đăng ký khai sinh"))
    hub.tell(PROVINCE)

    echo = hub.say(PROVINCE, submitted(subject="Đăng ký"))

    assert echo.state == "echo"


def test_what_was_said_during_a_delivery_is_marked_as_raced() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, *snapshot(ProcessingStepRecorded))
    due = hub.send(PORTAL)
    assert due is not None

    said = hub.say(PORTAL, submitted(phone="0900000007"))

    assert isinstance(said.events[0], FactRecorded)
    assert said.events[0].raced == due.picture.position


# ── aliases ──────────────────────────────────────────────────────────────────────────────────────


def test_every_other_code_of_a_record_is_linked_once() -> None:
    hub = LittleHub()
    first = hub.say(MINISTRY, submitted(), AliasLinked(dossier=CODE, alias="BN-7"), aliases=("LT-2026-1", CODE, ""))

    assert kinds(first) == ["submitted", "alias-linked", "alias-linked"]
    assert hub.picture.aliases == ("BN-7", "LT-2026-1")
    assert hub.say(MINISTRY, submitted(), aliases=("LT-2026-1",), updating=True).state == "unchanged"


def test_a_due_date_may_change_with_an_apology() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, *snapshot(DossierReceived))
    later = Moment(NOON + 10**12)

    assert hub.say(PROVINCE, DueDateChanged(dossier=CODE, due_at=later, apology="Xin lỗi")).state == "applied"
    assert hub.picture.fields["due_at"] == later
    assert hub.say(PROVINCE, *snapshot(DossierReceived, due_at=later)).state == "unchanged"


def test_a_replaced_file_is_news_even_where_the_format_cannot_be_told_of_it() -> None:
    def without_contents(picture: Picture) -> Mapping[str, object]:
        papers = tuple((paper.id, paper.name) for paper in picture.fields.get("documents", ()))
        return {"documents": papers, "state": picture.state}

    hub = LittleHub(adapter=SnapshotFormat(carries=without_contents))
    hub.say(PROVINCE, *snapshot(DossierReceived, documents=(Document(name="t", id="1", content_sha256="00"),)))

    unsaid = hub.say(PROVINCE, *snapshot(DossierReceived, documents=(Document(name="t", id="1"),)))
    replaced = hub.say(
        PROVINCE, *snapshot(DossierReceived, documents=(Document(name="t", id="1", content_sha256="11"),))
    )

    assert kinds(unsaid) == []
    assert kinds(replaced) == ["submitted"]
