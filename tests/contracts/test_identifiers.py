from datetime import UTC, date, datetime

import pytest

from contracts.codetables import Agency, Unknown
from contracts.identifiers import AgencyCode, DossierCode, PartyId, ProcedureCode
from contracts.moment import from_datetime

NOW = from_datetime(datetime(2026, 9, 15, tzinfo=UTC))
IN_2024 = from_datetime(datetime(2024, 9, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "new", "old"),
    [
        ("000.21.44.H99", "H99.44.21", "000.21.44.H99"),
        ("H99.44.21", "H99.44.21", "000.21.44.H99"),
        ("000.00.00.H38", "H38", "000.00.00.H38"),
        ("H38", "H38", "000.00.00.H38"),
        ("H37.02.02", "H37.02.02", "000.02.02.H37"),
        ("G09.20", "G09.20", "000.00.20.G09"),
        ("28.22.H17", "H17.22.28", "000.28.22.H17"),
        ("002.00.20.H13", "H13.20.00.002", "002.00.20.H13"),
        ("H99.44.00", "H99.44", "000.00.44.H99"),
        ("000.77.00.H99", "H99.07", "000.77.00.H99"),  # by table: the rule would say H99.00.77
        ("H99.07", "H99.07", "000.77.00.H99"),
    ],
)
def test_both_notations_of_an_agency_are_one_agency(text: str, new: str, old: str) -> None:
    code = AgencyCode.parse(text)

    assert (code.normalised, code.new, code.old) == (new, new, old)
    assert code == AgencyCode.parse(new) == AgencyCode.parse(old)


@pytest.mark.parametrize(
    "text", ["", "h99", "H99.", ".H99", "H99..1", "000.00", "99", "H9", "H99 ", "H99." + "1" * 40, "H99.đ", "null"]
)
def test_what_is_no_agency_code_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="agency code"):
        AgencyCode.parse(text)


@pytest.mark.parametrize("text", ["H26.183", "H26.01.02.003.04", "H26.01.02.H03"])
def test_a_code_without_room_in_the_old_form_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="no old form"):
        _ = AgencyCode.parse(text).old


def test_an_agency_names_its_ministry_or_province() -> None:
    row = AgencyCode.parse("000.21.44.H99").table_row()

    assert isinstance(row, Agency)
    assert (row.code, row.name) == ("H99", "Tỉnh Mẫu")
    assert AgencyCode.parse("X01.2").table_row() == Unknown("agencies", "X01")


def test_a_successor_speaks_for_what_it_took_over_from_the_day_on() -> None:
    tuyen_quang, ha_giang = AgencyCode.parse("H60"), AgencyCode.parse("000.00.01.H22")

    assert tuyen_quang.covers(ha_giang, NOW)
    assert not tuyen_quang.covers(ha_giang, IN_2024)
    assert ha_giang.current(NOW).normalised == "H60.01"
    assert ha_giang.current(IN_2024) == ha_giang


def test_a_department_does_not_speak_for_its_neighbour_or_its_province() -> None:
    department = AgencyCode.parse("H99.44")

    assert department.covers(AgencyCode.parse("000.21.44.H99"), NOW)
    assert not department.covers(AgencyCode.parse("H99.441"), NOW)
    assert not department.covers(AgencyCode.parse("H99"), NOW)


@pytest.mark.parametrize(
    ("text", "agency", "day"),
    [
        ("000.21.44.H99-260915-0042", "H99.44.21", date(2026, 9, 15)),
        ("000.00.53.H48-220921-0099", "H48.53", date(2022, 9, 21)),
        ("000.00.01.H22-250630-12345", "H22.01", date(2025, 6, 30)),
        ("H99.44.21-20260915-0000042", "H99.44.21", date(2026, 9, 15)),
        ("H99.44.21-260915-0042", "H99.44.21", date(2026, 9, 15)),
        ("G01.899-20260101-0000001", "G01.899", date(2026, 1, 1)),
    ],
)
def test_national_forms_name_agency_and_day(text: str, agency: str, day: date) -> None:
    code = DossierCode.parse(text)

    assert code.scope == "national"
    assert code.agency is not None
    assert (code.agency.normalised, code.day, code.text) == (agency, day, text)


@pytest.mark.parametrize(
    "text",
    [
        "12/2025/0001",
        "03706/2026/07906",
        "KS-2026-000123",
        "000.21.44.H99-260230-0042",  # no 30 February
        "000.21.44.H99-260915-042",
        "H99.44.21-20260915-042",
        "000.21.44-260915-0042",
        "6f1c9a52-0000-4000-8000-00000000abcd",
        "hồ sơ số 5",
    ],
)
def test_any_other_code_means_something_only_within_its_party(text: str) -> None:
    code = DossierCode.parse(text)

    assert (code.scope, code.agency, code.day, code.key) == ("party", None, None, text)


@pytest.mark.parametrize("text", ["", "   ", "x" * 101, "a\x00b", "a\nb", "\u202e1"])
def test_what_no_system_could_print_is_no_dossier_code(text: str) -> None:
    with pytest.raises(ValueError, match="dossier code"):
        DossierCode.parse(text)


def test_both_notations_of_the_agency_lead_to_one_dossier() -> None:
    assert DossierCode.parse("000.21.44.H99-260915-0042").key == DossierCode.parse("H99.44.21-260915-0042").key
    assert DossierCode.parse(" 000.21.44.H99-260915-0042 ").key == DossierCode.parse("000.21.44.H99-260915-0042").key


def test_a_body_that_only_changed_its_code_keeps_its_dossiers() -> None:
    assert DossierCode.parse("000.00.01.H95-250601-0001").key == DossierCode.parse("000.00.01.H99-250601-0001").key


def test_dossiers_of_merged_provinces_stay_apart() -> None:
    numbers = {DossierCode.parse(f"000.00.01.{top}-250601-0001").key for top in ("H22", "H60", "H96", "H99")}

    assert len(numbers) == 4


@pytest.mark.parametrize(
    ("text", "suffix"),
    [("1.003560", ""), ("1.003560.000.00.00.H56", "000.00.00.H56"), ("2.002622.H56", "H56")],
)
def test_a_procedure_code_is_known_without_what_hangs_on_it(text: str, suffix: str) -> None:
    code = ProcedureCode.parse(text)

    assert (code.bare, code.suffix, code.text) == (text[:8], suffix, text)


@pytest.mark.parametrize("text", ["", "1.00356", "1003560", "1.003560.", "1.003560.56", "12.003560", "x"])
def test_what_is_no_procedure_code_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="code"):
        ProcedureCode.parse(text)


def test_a_party_id_is_short_and_plain() -> None:
    assert PartyId.parse("mot-cua-h99").text == "mot-cua-h99"
    for text in ("", "Một cửa", "A", "a" * 41, "a_b", "a\n"):
        with pytest.raises(ValueError, match="party id"):
            PartyId.parse(text)
