"""Routes and differences: who must hear, what exactly, and when it is enough."""

from contracts.facts import DossierReceived, DossierSubmitted, ProcessingFinished, ProcessingStepRecorded, Step
from contracts.moment import Moment
from hub.route import Route, concerns, disputed, holds_record, known_at, raced, rows_known_at, targets_of
from ledger.events import FactRecorded
from ledger.unit import Standing
from tests.hub.little_hub import CODE, NOON, PORTAL, PROVINCE, STREAM, LittleHub, SnapshotFormat

ROUTES = (
    Route(source="tinh-mau", to=("cong", "bo-mau")),
    Route(source="*", to=("kho",), agencies=("H99.1",)),
    Route(source="cong", to=("tinh-mau",), procedures=("1.000001",), kinds=("submitted",)),
)


def submitted(**values: object) -> DossierSubmitted:
    return DossierSubmitted(dossier=CODE, **({"phone": "0900000001"} | values))  # type: ignore[arg-type]


def row(minute: int) -> ProcessingStepRecorded:
    return ProcessingStepRecorded(
        dossier=CODE, at=Moment(NOON + minute * 60_000_000), step=Step(officer="Lò Thị Mẫu", content=str(minute))
    )


def event(hub: LittleHub) -> FactRecorded:
    last = hub.decisions[-1].events[-1]
    assert isinstance(last, FactRecorded)
    return last


def test_a_route_carries_what_its_source_says() -> None:
    hub = LittleHub()
    after = hub.say(PROVINCE, DossierReceived(dossier=CODE)).after

    assert targets_of(ROUTES, after, event(hub), "tinh-mau") == ("cong", "bo-mau")
    assert targets_of(ROUTES, after, event(hub), "cong") == ()


def test_agencies_below_the_named_one_are_included() -> None:
    hub = LittleHub()
    after = hub.say(PROVINCE, DossierReceived(dossier=CODE, processing_agency_code="H99.1.7")).after

    assert "kho" in targets_of(ROUTES, after, event(hub), "tinh-mau")
    assert "kho" not in targets_of(
        ROUTES, LittleHub().say(PROVINCE, submitted()).after, event(hub), "tinh-mau", "H99.10"
    )
    assert "kho" in targets_of(ROUTES, LittleHub().say(PROVINCE, submitted()).after, event(hub), "tinh-mau", "H99.1")


def test_procedures_and_kinds_narrow_a_route() -> None:
    hub = LittleHub()
    right = hub.say(PORTAL, submitted(procedure_code="1.000001.000.00.00.H99")).after

    assert targets_of(ROUTES, right, event(hub), "cong") == ("tinh-mau",)
    assert concerns(ROUTES, right, "tinh-mau")
    other = LittleHub()
    assert not concerns(ROUTES, other.say(PORTAL, submitted(procedure_code="1.000002")).after, "tinh-mau")
    assert not concerns(ROUTES, right, "cong")
    assert not concerns(ROUTES, right, "nobody")


def test_nothing_is_known_at_a_party_that_neither_spoke_nor_was_told() -> None:
    hub = LittleHub()
    after = hub.say(PORTAL, submitted()).after

    assert known_at(after, "tinh-mau", None) is None
    assert not holds_record(after, "tinh-mau", None)
    assert holds_record(after, "cong", None)


def test_what_a_party_said_after_a_confirmation_lies_over_it() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, DossierReceived(dossier=CODE))
    hub.tell(PORTAL)
    after = hub.say(PORTAL, submitted(phone="0900000002")).after

    known = known_at(after, "cong", hub.standing("cong"))

    assert known is not None
    assert known.fields["phone"] == "0900000002"
    assert known.state == "submitted"
    assert hub.due(PORTAL) is not None


def test_an_own_assertion_is_no_reason_to_send_and_a_difference_is() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    assert hub.due(PORTAL) is None

    created = hub.tell(PROVINCE)
    assert created is not None
    assert (created.record, created.known, created.code) == (True, False, CODE)
    assert hub.due(PROVINCE) is None

    hub.say(PROVINCE, submitted(), DossierReceived(dossier=CODE), ProcessingFinished(dossier=CODE))
    assert hub.due(PROVINCE) is None
    told = hub.tell(PORTAL)
    assert told is not None
    assert (told.picture.state, told.known) == ("finished", True)
    assert hub.due(PORTAL) is None


def test_rows_a_target_lacks_are_due_in_business_order_and_once() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, submitted())
    hub.say(PROVINCE, row(20), row=True)
    hub.say(PROVINCE, row(10), row=True)

    due = hub.tell(PORTAL)
    assert due is not None
    assert [step.step.content for step in due.steps] == ["10", "20"]

    hub.say(PROVINCE, row(30), row=True)
    more = hub.due(PORTAL)
    assert more is not None
    assert [step.step.content for step in more.steps] == ["30"]
    assert not more.record
    assert hub.state is not None
    assert rows_known_at(hub.state, "tinh-mau", None) == {step.position for step in hub.picture.steps}


def test_a_format_without_rows_is_owed_none() -> None:
    hub = LittleHub(adapter=SnapshotFormat(rows=False))
    hub.say(PROVINCE, submitted())
    hub.tell(PORTAL)
    hub.say(PROVINCE, row(20), row=True)

    due = hub.due(PORTAL)

    assert due is not None
    assert due.steps == ()
    hub.tell(PORTAL)
    hub.say(PROVINCE, row(21), row=True)
    assert hub.due(PORTAL) is None


def test_what_a_target_said_during_a_delivery_goes_once_more() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, DossierReceived(dossier=CODE))
    hub.send(PORTAL)
    hub.say(PORTAL, submitted(phone="0900000002"))
    hub.confirm(PORTAL)
    assert hub.state is not None
    assert raced(hub.state, "cong", hub.standing("cong"))

    again = hub.tell(PORTAL)

    assert again is not None
    assert again.picture.fields["phone"] == "0900000002"
    assert hub.due(PORTAL) is None


def test_a_target_that_insists_is_corrected_three_times_and_then_disputed() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, DossierReceived(dossier=CODE), ProcessingStepRecorded(dossier=CODE))
    hub.tell(PORTAL)
    corrections = 0
    for number in range(5):
        hub.say(PORTAL, submitted(other_info=str(number)), ProcessingFinished(dossier=CODE))
        assert hub.state is not None
        if disputed(hub.state, "cong"):
            break
        corrections += hub.tell(PORTAL) is not None

    assert corrections == 3


def test_a_change_by_somebody_else_ends_a_dispute() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, DossierReceived(dossier=CODE))
    for number in range(5):
        hub.say(PORTAL, submitted(other_info=str(number)), ProcessingFinished(dossier=CODE))
        hub.tell(PORTAL)
    assert hub.state is not None
    assert disputed(hub.state, "cong")

    after = hub.say(PROVINCE, ProcessingFinished(dossier=CODE)).after

    assert not disputed(after, "cong")


def test_only_durable_events_are_told() -> None:
    hub = LittleHub()
    hub.say(PROVINCE, submitted())
    durable = hub.position
    hub.say(PROVINCE, submitted(phone="0900000002"))
    assert hub.state is not None

    known = known_at(hub.state, "tinh-mau", None, through=durable)

    assert known is not None
    assert known.fields["phone"] == "0900000001"
    assert known_at(hub.state, "cong", Standing(stream=STREAM, target="cong", through=durable)) == hub.state.picture(
        through=durable
    )


def test_a_system_that_was_overtaken_says_the_older_value_again_and_is_told_once_more() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, submitted(), DossierReceived(dossier=CODE))
    hub.send(PORTAL)
    hub.say(PORTAL, submitted(phone="0900000002"))
    hub.confirm(PORTAL)

    overtaken = hub.say(PORTAL, submitted(), DossierReceived(dossier=CODE))

    assert (overtaken.state, overtaken.events) == ("echo", ())
    again = hub.tell(PORTAL)
    assert again is not None
    assert again.picture.fields["phone"] == "0900000002"


def test_a_return_to_an_older_value_during_a_delivery_is_news() -> None:
    hub = LittleHub()
    hub.say(PORTAL, submitted())
    hub.say(PROVINCE, submitted(), DossierReceived(dossier=CODE))
    hub.send(PORTAL)
    hub.say(PORTAL, submitted(phone="0900000002"))

    hub.say(PORTAL, submitted(subject="Khai sinh"))

    assert hub.picture.fields["phone"] == "0900000001"
