"""What a dossier becomes as LGSP messages, what is declared as lost, and what waits for data."""

from typing import Any

import msgspec
import pytest

from adapters.kit.specimen import full_fields, full_picture, picture_of
from adapters.opencps import ADAPTER
from adapters.opencps.invented import life_of
from contracts import catalog
from contracts.delivery import Rendering, Unrenderable
from contracts.envelope import Envelope
from contracts.facts import Document, Fee, State, Step, Supplement
from contracts.moment import Moment
from contracts.picture import Due, Picture, StepTaken, step_digest
from contracts.ports import Profile
from contracts.reading import Reading

FINE = Profile(options={"fine_states": "true"})
STATES: tuple[State, ...] = (
    "submitted",
    "received",
    "refused",
    "processing",
    "supplement_requested",
    "payment_requested",
    "withdrawn",
    "stopped",
    "finished",
    "handed_over",
)


def written(
    picture: Picture, profile: Profile | None = None, *, steps: tuple[StepTaken, ...] = ()
) -> tuple[Rendering, ...]:
    due = Due(picture=picture, code=picture.code, record=True, steps=steps, known=False)
    found = ADAPTER.write(due, profile or Profile())
    assert not isinstance(found, Unrenderable)
    return found


def record_of(picture: Picture, profile: Profile | None = None) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(written(picture, profile)[0].body)
    return found


def read(rendering: Rendering, profile: Profile | None = None) -> Reading:
    envelope = Envelope(
        party="t", adapter="opencps", body=rendering.body, received_at=0, type=f"opencps/{rendering.service}"
    )
    return ADAPTER.read(envelope, profile or Profile())


def losses(picture: Picture, profile: Profile | None = None) -> set[tuple[str, str]]:
    return {(note.code, note.path) for note in written(picture, profile)[0].losses}


def a_step(state: State, us: int = 1_767_600_000_123_000, **changed: Any) -> StepTaken:
    step = Step(officer="Vừ Mẫu Thảo", department="Một cửa", content="Thụ lý", **changed)
    return StepTaken(position=9, at=Moment(us), state=state, step=step, party="p", digest=step_digest(us, state, step))


@pytest.mark.parametrize("profile", [Profile(), FINE, Profile(options={"date_tail": "Z"})])
@pytest.mark.parametrize("state", STATES)
def test_every_state_is_written_within_the_contract(state: State, profile: Profile) -> None:
    contract = catalog.get("opencps", "SyncDocument", "lgsp-2020")

    assert contract.json_errors(record_of(full_picture(state=state), profile)) == ()


@pytest.mark.parametrize("state", STATES)
def test_with_the_sender_s_words_every_state_comes_back(state: State) -> None:
    reading = read(written(full_picture(state=state), FINE)[0], FINE)

    assert picture_of(reading).state == state


@pytest.mark.parametrize(
    ("state", "back"),
    [
        ("submitted", "submitted"),
        ("received", "received"),
        ("supplement_requested", "supplement_requested"),
        ("finished", "finished"),
        ("handed_over", "handed_over"),
    ],
)
def test_states_that_the_format_can_tell_come_back_without_words(state: State, back: State) -> None:
    fields = full_fields(supplements=())
    if state == "supplement_requested":
        fields = full_fields(supplements=(Supplement(id="1", request="Bổ sung", requested_at=Moment(0)),))
    picture = full_picture(state=state, fields=fields)

    assert picture_of(read(written(picture)[0])).state == back


@pytest.mark.parametrize("state", ["submitted", "processing", "payment_requested", "refused", "withdrawn", "stopped"])
def test_folded_states_are_declared(state: State) -> None:
    assert ("loss.state_folded", "state") in losses(full_picture(state=state))
    assert ("loss.state_folded", "state") not in losses(full_picture(state=state), FINE)


def test_status_members_are_those_that_opencps_writes() -> None:
    finished, over = record_of(full_picture(state="finished")), record_of(full_picture(state="handed_over"))

    assert (finished["Status"], finished["IsSuccess"], finished["IsReturned"]) == (2, True, False)
    assert (over["Status"], over["IsSuccess"], over["IsReturned"]) == (1, False, True)
    assert over["FinishedDate"] == over["ReturnedDate"] == "2025-03-26T11:00:00.000+0700"
    assert finished["ReturnedDate"] == "0000-00-00T00:00:00.000+0700"
    assert finished["SuccessDate"] == "2025-03-25T11:00:00.000+0700"


def test_times_are_printed_as_the_receiver_wants_them() -> None:
    picture = full_picture(state="received")

    assert record_of(picture)["DateReceived"] == "2025-03-11T11:00:00.000+0700"
    literal = Profile(options={"date_tail": "Z"})
    assert record_of(picture, literal)["DateReceived"] == "2025-03-11T11:00:00.000Z"
    assert picture_of(read(written(picture, literal)[0])).fields["received_at"].us == picture.fields["received_at"].us


def test_nothing_is_invented_for_what_is_not_known() -> None:
    fields = {
        name: full_fields()[name] for name in ("procedure_code", "applicant_name", "applicant_type", "received_at")
    }
    record = record_of(full_picture(state="received", fields=fields))

    assert {"ReturnedType", "FinishedDate", "DossierStatus"}.isdisjoint(record)
    assert (record["Phone"], record["DateAppointed"]) == ("", "0000-00-00T00:00:00.000+0700")
    assert record["Attachments"] == record["DocFees"] == record["Supplementaries"] == []


@pytest.mark.parametrize("name", ["procedure_code", "applicant_name", "applicant_type", "received_at"])
def test_what_the_receiver_must_have_is_waited_for(name: str) -> None:
    fields = {key: value for key, value in full_fields().items() if key != name}
    due = Due(picture=full_picture(state="received", fields=fields), code="c", record=True, steps=(), known=False)

    assert ADAPTER.write(due, Profile()) == Unrenderable(code="park.missing_for_target", missing=(name,))


def test_a_dossier_without_a_state_waits() -> None:
    due = Due(picture=full_picture(state=""), code="c", record=True, steps=(), known=False)

    assert ADAPTER.write(due, Profile()) == Unrenderable(code="park.missing_for_target", missing=("state",))


def test_before_reception_no_reception_date_is_needed() -> None:
    fields = {key: value for key, value in full_fields().items() if key != "received_at"}

    assert written(full_picture(state="submitted", fields=fields))


def test_types_and_members_without_a_place_are_declared() -> None:
    fields = full_fields(
        applicant_type="state_body",
        documents=(Document(name="t", id="không-số", url="https://tep.example.vn/1"),),
        fees=(Fee(name="Phí", amount="75.000 đồng", kind="2"),),
    )
    picture = full_picture(state="received", fields=fields)

    found = losses(picture)
    assert {
        ("loss.not_carried", name) for name in ("applicant_type", "documents", "fees", "channel", "results")
    } <= found
    record = record_of(picture)
    assert record["ApplicantsType"] == 3
    assert record["DocFees"] == [{"FeeName": "Phí", "FeeType": 2}]
    assert "AttachmentId" not in record["Attachments"][0]


@pytest.mark.parametrize(("amount", "price"), [("15000", 15_000), ("12500.5", 12_500.5), ("0", 0)])
def test_amounts_are_exact(amount: str, price: float) -> None:
    fields = full_fields(fees=(Fee(name="Phí", amount=amount),))
    picture = full_picture(state="received", fields=fields)

    assert record_of(picture)["DocFees"][0]["Price"] == price
    assert picture_of(read(written(picture)[0])).fields["fees"][0].amount == amount


def test_the_projection_ignores_the_content_of_files_that_it_cannot_send() -> None:
    one, other = (
        ADAPTER.project(
            full_picture(fields=full_fields(documents=(Document(name="t", content_sha256=digest),))), Profile()
        )
        for digest in ("00", "11")
    )
    assert one == other


def test_the_projection_folds_what_the_format_folds() -> None:
    pictures = [full_picture(state=state) for state in ("received", "processing", "payment_requested")]

    assert len({str(ADAPTER.project(picture, Profile())) for picture in pictures}) == 1
    assert len({str(ADAPTER.project(picture, FINE)) for picture in pictures}) == 3


def test_rows_follow_the_record_and_come_back_the_same() -> None:
    taken = a_step("processing", title="Chuyên viên")
    record, row = written(full_picture(), steps=(taken,))

    assert (record.lane, row.lane, row.rows, row.losses) == ("SyncDocument", "UpdateDocumentTraces", (9,), ())
    fact = read(row).records[0].facts[0]
    assert fact.step is not None
    assert fact.at is not None
    assert step_digest(fact.at.us, "processing", fact.step) == taken.digest
    assert fact.step.title == "Chuyên viên"
    assert msgspec.json.decode(row.body)["Status"] == 0


def test_the_state_of_a_row_is_told_in_words_or_declared_as_folded() -> None:
    taken = a_step("supplement_requested", due_at=Moment(0))
    plain, fine = (written(full_picture(), profile, steps=(taken,))[1] for profile in (Profile(), FINE))

    assert {note.path for note in plain.losses} == {"state", "step/due_at"}
    assert {note.path for note in fine.losses} == {"step/due_at"}
    assert read(fine).records[0].facts[0].STATE == "supplement_requested"


def test_only_rows_are_sent_where_the_record_is_known() -> None:
    due = Due(picture=full_picture(), code="khác", record=False, steps=(a_step("processing"),), known=True)
    found = ADAPTER.write(due, Profile())

    assert not isinstance(found, Unrenderable)
    assert [rendering.service for rendering in found] == ["UpdateDocumentTraces"]
    assert msgspec.json.decode(found[0].body)["DocCode"] == "khác"


def test_what_a_province_sent_is_written_back_as_it_was_understood() -> None:
    for life in life_of(7, 30):
        for path, body in life.messages:
            if path.endswith("UpdateDocumentTraces"):
                continue
            reading = read(Rendering(lane="", service="SyncDocument", updating=False, code="", body=body))
            picture = picture_of(reading)
            again = picture_of(read(written(picture, FINE)[0], FINE))
            assert again.state == picture.state
            before, after = (dict(ADAPTER.project(one, FINE)) for one in (picture, again))
            documents = [before.pop("documents"), after.pop("documents")]
            assert after == before
            assert [item[:3] for item in documents[0]] == [item[:3] for item in documents[1]]


def test_the_mapping_hash_covers_code_tables_and_contracts() -> None:
    assert len(bytes.fromhex(ADAPTER.mapping_hash())) == 32


def test_arrays_raise_the_batch_limit_only_where_they_are_agreed() -> None:
    assert ADAPTER.batch_limit == 1
    assert ADAPTER.for_profile(Profile()).batch_limit == 1
    for option in ("sync_arrays", "trace_arrays"):
        assert ADAPTER.for_profile(Profile(options={option: "true"})).batch_limit == 100
