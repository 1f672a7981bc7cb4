"""Pictures as the portal's records."""

import json
from typing import Any

import pytest

from adapters.kit import full_picture
from adapters.portal import ADAPTER
from adapters.portal.fields import EDITION_2019, EXTENDED_ONLY
from contracts import catalog, strict_xml
from contracts.delivery import Rendering, Unrenderable
from contracts.facts import Document, Fee, Step, Supplement
from contracts.moment import Moment
from contracts.picture import Due, Picture, StepTaken
from contracts.ports import Profile
from contracts.status import STATE_ORDER
from tests.adapters.portal.specimens import PLAIN


def picture(**fields: Any) -> Picture:
    whole = full_picture()
    return Picture(code=whole.code, fields={**whole.fields, **fields}, state=whole.state, steps=whole.steps)


def render(given: Picture, profile: Profile = PLAIN, *, known: bool = False) -> tuple[Rendering, ...]:
    due = Due(picture=given, code=given.code, record=True, steps=given.steps, known=known)
    written = ADAPTER.write(due, profile)
    assert not isinstance(written, Unrenderable)
    return written


def record(given: Picture, profile: Profile = PLAIN) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(render(given, profile)[0].body)
    return decoded


def lost(given: Picture, profile: Profile = PLAIN) -> set[str]:
    return {note.path for note in render(given, profile)[0].losses}


def test_a_record_goes_before_its_rows_each_in_its_lane() -> None:
    written = render(picture())

    assert [(one.lane, one.updating, one.rows) for one in written] == [
        ("DongBoHoSoMC:False", False, ()),
        ("CapNhatTienDoHoSoMC:False", False, (1,)),
        ("CapNhatTienDoHoSoMC:False", False, (2,)),
    ]


def test_a_dossier_known_at_the_target_goes_as_an_update() -> None:
    assert (render(picture(), known=True)[0].lane, render(picture(), known=True)[0].updating) == (
        "DongBoHoSoMC:True",
        True,
    )


def test_rows_alone_need_no_record() -> None:
    given = picture()
    due = Due(picture=Picture(code="x", fields={}, state=""), code="x", record=False, steps=given.steps[:1], known=True)

    (only,) = ADAPTER.write(due, PLAIN)  # type: ignore[misc]  # renderings

    assert json.loads(only.body)["MaHoSo"] == "x"


def test_both_editions_carry_exactly_their_fields() -> None:
    assert tuple(record(picture())) == (*EDITION_2019, *EXTENDED_ONLY)
    assert tuple(record(picture(), Profile(options={"edition": "2019"}))) == EDITION_2019


@pytest.mark.parametrize("edition", ["2019", "extended"])
@pytest.mark.parametrize("state", STATE_ORDER)
def test_every_record_and_row_keeps_the_contract(state: Any, edition: str) -> None:
    profile = Profile(options={"edition": edition})
    for one in render(full_picture(state=state), profile):
        assert catalog.get("qcvn120", one.service, edition).json_errors(json.loads(one.body)) == ()


@pytest.mark.parametrize("state", STATE_ORDER)
def test_every_record_and_row_keeps_the_contract_in_xml(state: Any) -> None:
    for one in render(full_picture(state=state), Profile(options={"format": "xml"})):
        body = b"<%b><data>%b</data></%b>" % (one.service.encode(), one.body, one.service.encode())
        assert catalog.get("qcvn120", one.service, "extended").is_valid_xml(strict_xml.parse(body))


def test_codes_are_those_of_the_tables() -> None:
    made = record(picture())

    assert (made["KenhThucHien"], made["LoaiDoiTuong"], made["NoiNopHoSo"], made["TrangThaiHoSo"]) == (
        "2",
        "1",
        "2",
        "4",
    )


def test_the_procedure_code_goes_out_bare() -> None:
    assert record(picture(procedure_code="1.099001.000.00.00.H99"))["MaTTHC"] == "1.099001"


@pytest.mark.parametrize(
    ("kind", "dialect", "code", "is_lost"),
    [
        ("household_business", "", "2", True),
        ("other", "", "4", True),
        ("organisation", "", "4", False),
        ("state_body", "opencps_mapi", "2", True),
        ("household_business", "portal_2026", "2", False),
        ("citizen", "portal_2026", "0", False),
    ],
)
def test_a_type_without_a_code_goes_as_the_nearest_and_is_declared(
    kind: str,
    dialect: str,
    code: str,
    is_lost: bool,  # noqa: FBT001  # a column of the table
) -> None:
    profile = Profile(options={"applicant_types": dialect} if dialect else {})

    given = picture(applicant_type=kind)

    assert record(given, profile)["LoaiDoiTuong"] == code
    assert ("applicant_type" in lost(given, profile)) is is_lost


def test_what_has_no_place_is_declared() -> None:
    assert lost(picture()) >= {"address", "reason", "apology", "receipt_number", "processing_agency_code"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "x" * 1_001),
        ("documents", (Document(name="x", content_sha256="00" * 32),)),
        ("documents", (Document(name="x" * 4_001),)),
        ("documents", (Document(name="x", digitised="co"),)),
        ("results", (Document(name="x", reused="1"),)),
        ("fees", (Fee(name="x", amount="mười nghìn"),)),
        ("supplements", (Supplement(id="a-1"),)),
        ("procedure_code", "khác-99"),
    ],
)
def test_a_value_the_standard_has_no_form_for_is_left_out_and_declared(name: str, value: Any) -> None:
    given = picture(**{name: value})
    due = Due(picture=given, code=given.code, record=True, steps=(), known=False)

    written = ADAPTER.write(due, PLAIN)

    if isinstance(written, Unrenderable):
        assert written == Unrenderable(code="park.missing_for_target", missing=("procedure_code",))
    else:
        assert name in {note.path for note in written[0].losses}


def test_characters_that_xml_can_not_hold_are_declared() -> None:
    profile = Profile(options={"format": "xml"})

    assert "remark" in lost(picture(remark="a\x0bb"), profile)
    assert "remark" not in lost(picture(remark="a\nb"), profile)


@pytest.mark.parametrize(
    ("without", "missing"), [("procedure_code", ("procedure_code",)), ("received_at", ("received_at",))]
)
def test_what_the_portal_must_have_is_waited_for(without: str, missing: tuple[str, ...]) -> None:
    given = picture()
    fields = {name: value for name, value in given.fields.items() if name != without}
    due = Due(picture=Picture(code="x", fields=fields, state="processing"), code="x", record=True, steps=(), known=True)

    assert ADAPTER.write(due, PLAIN) == Unrenderable(code="park.missing_for_target", missing=missing)


def test_a_dossier_not_received_needs_no_reception_date() -> None:
    given = Picture(code="x", fields={"procedure_code": "1.099001"}, state="submitted")

    assert record(given)["NgayTiepNhan"] == ""


def test_strict_profiles_wait_for_every_mandatory_field() -> None:
    given = Picture(code="x", fields={"procedure_code": "1.099001"}, state="submitted")
    due = Due(picture=given, code="x", record=True, steps=(), known=False)

    written = ADAPTER.write(due, Profile(options={"mandatory": "strict"}))

    assert isinstance(written, Unrenderable)
    assert set(written.missing) >= {"procedure_name", "field_code", "applicant_type", "processing_agency"}


def test_without_a_state_there_is_no_record() -> None:
    given = picture()
    due = Due(picture=Picture(code="x", fields=given.fields, state=""), code="x", record=True, steps=(), known=False)

    assert ADAPTER.write(due, PLAIN) == Unrenderable(code="park.missing_for_target", missing=("state",))


def test_values_kept_aside_come_back_where_their_own_are_missing() -> None:
    extra = {"NgayTra": "22/09/2026 08:30:00", "DonViXuLy": "Sở Mẫu", "NgayTiepNhan": "khác", "truongLa": "1"}
    given = Picture(code="x", fields={"procedure_code": "1.099001", "extra": extra}, state="submitted")

    made = record(given)

    assert (made["NgayTra"], made["DonViXuLy"], made["NgayTiepNhan"]) == ("20260922083000", "Sở Mẫu", "")
    assert "truongLa" not in made


def test_times_go_out_in_vietnam_whatever_zone_the_sender_used() -> None:
    at = Moment(us=1_789_433_712_000_000, text="2026-09-15T00:55:12Z", zone="")

    assert record(picture(submitted_at=at))["NgayNopHoSo"] == "20260915075512"


def test_an_officer_longer_than_the_field_is_left_out_and_declared() -> None:
    step = StepTaken(
        position=7, at=Moment(us=0), state="processing", step=Step(officer="x" * 51), party="p", digest=b""
    )
    due = Due(picture=picture(), code="x", record=False, steps=(step,), known=True)

    (only,) = ADAPTER.write(due, PLAIN)  # type: ignore[misc]  # renderings

    assert json.loads(only.body)["NguoiXuLy"] == ""
    assert [note.path for note in only.losses] == ["step.officer"]


def test_pictures_that_the_portal_can_not_tell_apart_have_one_projection() -> None:
    one = picture(due_at=Moment(us=1_789_433_712_000_000), address="a")
    other = picture(due_at=Moment(us=1_789_433_712_900_000, text="x"), address="b")

    assert ADAPTER.project(one, PLAIN) == ADAPTER.project(other, PLAIN)
    assert ADAPTER.project(one, PLAIN) != ADAPTER.project(picture(phone="0900000999"), PLAIN)
