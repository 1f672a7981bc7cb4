"""Parse and print round trips of identifiers and dates."""

from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.codetables import Unknown, load
from contracts.dates import print_compact, print_iso, print_slashed, read_compact, read_moment
from contracts.identifiers import AgencyCode, DossierCode, ProcedureCode
from contracts.moment import MICROS_PER_SECOND, Moment, from_datetime, rfc3339, to_datetime

TOPS = st.sampled_from(sorted(row["code"] for row in load("agencies").rows))
DIGITS = "0123456789"
THREE = st.text(DIGITS, min_size=3, max_size=3)
TWO = st.text(DIGITS, min_size=2, max_size=2)
OLD = st.builds(".".join, st.tuples(THREE, TWO, TWO, TOPS))
NEW = st.builds(
    lambda top, below: ".".join([top, *below]),
    TOPS,
    st.lists(st.text(DIGITS + "ABC", min_size=1, max_size=3), max_size=4),
)
SECONDS = st.integers(0, 4_102_444_799)  # to the end of 2099


@given(OLD)
def test_an_old_form_read_and_printed_is_itself(text: str) -> None:
    code = AgencyCode.parse(text)

    if code.normalised not in {row["new"] for row in load("agency_notations").rows}:
        assert code.old == text
    assert AgencyCode.parse(code.new) == code == AgencyCode.parse(code.old)


@given(NEW)
def test_a_new_form_is_normal_and_survives_the_old_one_where_it_fits(text: str) -> None:
    code = AgencyCode.parse(text)

    assert AgencyCode.parse(code.normalised) == code
    try:
        old = code.old
    except ValueError:
        return
    assert AgencyCode.parse(old) == code


@given(st.text(max_size=40))
def test_any_text_is_an_agency_code_or_a_value_error(text: str) -> None:
    try:
        code = AgencyCode.parse(text)
    except ValueError:
        return
    assert code.top == code.normalised[:3]
    assert isinstance(code.table_row(), Unknown) or len(code.top) == 3


@given(OLD | NEW, st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.integers(0, 9_999_999), st.booleans())
def test_national_dossier_codes_keep_agency_day_and_number(agency: str, day: date, number: int, long: bool) -> None:  # noqa: FBT001  # drawn
    text = f"{agency}-{day:%Y%m%d}-{number:07}" if long else f"{agency}-{day:%y%m%d}-{number:04}"

    code = DossierCode.parse(text)

    assert code.scope == "national"
    assert (code.agency, code.day, code.text) == (AgencyCode.parse(agency), day, text)
    assert DossierCode.parse(code.key).key == code.key
    assert code.key.endswith(text[len(agency) :])


@given(st.text(max_size=120))
@settings(max_examples=300)
def test_any_text_is_a_dossier_code_or_a_value_error(text: str) -> None:
    try:
        code = DossierCode.parse(text)
    except ValueError:
        return
    assert code.text == text
    assert code.key


@given(st.from_regex(r"[0-9]\.[0-9]{6}", fullmatch=True).filter(str.isascii), st.none() | OLD | NEW)
def test_procedure_codes_come_back_as_written(bare: str, suffix: str | None) -> None:
    text = bare if suffix is None else f"{bare}.{suffix}"

    assert (ProcedureCode.parse(text).text, ProcedureCode.parse(text).bare) == (text, bare)


@given(SECONDS)
def test_a_moment_survives_every_printed_form(second: int) -> None:
    moment = Moment(us=second * MICROS_PER_SECOND)

    assert read_compact(print_compact(moment)).us == moment.us
    assert read_moment(print_slashed(moment)).us == moment.us
    assert read_moment(print_iso(moment)).us == read_moment(print_iso(moment, tail="+0700")).us == moment.us
    assert read_moment(print_iso(moment, tail="Z"), literal_z_is_local=True).us == moment.us


@given(SECONDS)
def test_compact_times_agree_with_the_standard_library(second: int) -> None:
    us = second * MICROS_PER_SECOND

    assert print_compact(Moment(us=us), "UTC") == datetime.fromtimestamp(second, UTC).strftime("%Y%m%d%H%M%S")
    assert from_datetime(to_datetime(us)) == us
    assert datetime.fromisoformat(rfc3339(us)) == to_datetime(us)


@given(
    st.text(alphabet="0123456789/.-:TZ+ ", max_size=30)
    | st.text(max_size=20)
    | st.text("0123456789", min_size=14, max_size=14)
)
@settings(max_examples=500)
def test_any_text_is_a_moment_or_a_value_error(text: str) -> None:
    try:
        moment = read_moment(text)
    except ValueError:
        return
    assert moment.text == text.strip()
