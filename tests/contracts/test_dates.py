import pytest

from contracts.dates import (
    is_stated,
    looks_twelve_hour,
    print_compact,
    print_iso,
    print_slashed,
    read_compact,
    read_moment,
)
from contracts.moment import Moment, rfc3339

VN = "Asia/Ho_Chi_Minh"


def test_a_compact_time_is_local_and_keeps_its_text() -> None:
    moment = read_compact("20260915081000", VN)

    assert (rfc3339(moment.us), moment.text, moment.zone) == ("2026-09-15T01:10:00.000000Z", "20260915081000", VN)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20260915081000", "2026-09-15T01:10:00.000000Z"),
        ("15/09/2026 08:10:00", "2026-09-15T01:10:00.000000Z"),
        ("15/9/2026 8:10", "2026-09-15T01:10:00.000000Z"),
        ("15/09/2026", "2026-09-14T17:00:00.000000Z"),
        ("15.09.2026", "2026-09-14T17:00:00.000000Z"),
        ("15.09.2026 08:10:00", "2026-09-15T01:10:00.000000Z"),
        ("20260915", "2026-09-14T17:00:00.000000Z"),
        ("2026-09-15T08:10:00", "2026-09-15T01:10:00.000000Z"),
        ("2026-09-15T08:10:00.123+0700", "2026-09-15T01:10:00.123000Z"),
        ("2026-09-15T08:10:00.1234567+07:00", "2026-09-15T01:10:00.123456Z"),
        ("2026-09-15T01:10:00Z", "2026-09-15T01:10:00.000000Z"),
        ("2026-09-15 08:10:00", "2026-09-15T01:10:00.000000Z"),
        ("2026-09-15", "2026-09-14T17:00:00.000000Z"),
        ("20240229000000", "2024-02-28T17:00:00.000000Z"),
    ],
)
def test_every_form_seen_means_one_instant(text: str, utc: str) -> None:
    assert rfc3339(read_moment(text).us) == utc


@pytest.mark.parametrize(
    "text",
    [
        "20260230101010",
        "20250229000000",
        "20261301000000",
        "20260900000000",
        "20260915240000",
        "20260915086000",
        "20260915081060",
        "31/02/2026",
        "15/09/2026 25:00:00",
        "2026-13-01T00:00:00Z",
        "0000-00-00T00:00:00.000+0700",
        "2026-09-15T08:10:00+99:00",
        "15/09/26",
        "tomorrow",
        "",
        "2026091508100",
        "٢٠٢٦٠٩١٥٠٨١٠٠٠",
        "٢٠٢٦٠٩١٥",
    ],
)
def test_an_impossible_date_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_moment(text)


def test_only_the_forms_asked_for_are_read() -> None:
    with pytest.raises(ValueError, match="no known form"):
        read_moment("15/09/2026", ("compact", "iso"))


def test_a_stated_offset_needs_no_assumed_zone() -> None:
    assert read_moment("2026-09-15T08:10:00+07:00").zone == ""
    assert read_moment("2026-09-15T08:10:00").zone == VN


def test_a_literal_z_is_local_time_only_where_the_profile_says_so() -> None:
    text = "2026-09-15T08:10:00.000Z"

    assert rfc3339(read_moment(text).us) == "2026-09-15T08:10:00.000000Z"
    local = read_moment(text, zone=VN, literal_z_is_local=True)
    assert (rfc3339(local.us), local.zone) == ("2026-09-15T01:10:00.000000Z", VN)


def test_another_zone_may_be_assumed_and_an_unknown_one_may_not() -> None:
    assert rfc3339(read_compact("20260915081000", "+00:00").us) == "2026-09-15T08:10:00.000000Z"
    assert rfc3339(read_compact("20260915081000", "-03:30").us) == "2026-09-15T11:40:00.000000Z"
    with pytest.raises(ValueError, match="unknown zone"):
        read_compact("20260915081000", "Europe/Nowhere")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        "null",
        "0000-00-00T00:00:00.000+0700",
        "1970-01-01T07:00:00.000+0700",
        "19700101070000",
        "01/01/1970 07:00:00",
        "1/1/1970",
        "01/01/0001 00:00:00",
        "0001-01-01T00:00:00",
        "00000000000000",
    ],
)
def test_sentinels_state_nothing(text: str | None) -> None:
    assert not is_stated(text)


@pytest.mark.parametrize("text", ["20260915081000", "19700102000000", "15/09/2026", "11/01/1970", "nonsense"])
def test_other_texts_state_something(text: str) -> None:
    assert is_stated(text)


def test_a_moment_is_printed_in_the_forms_that_receivers_want() -> None:
    moment = Moment(us=1_789_434_600_123_456)

    assert print_compact(moment) == "20260915081000"
    assert print_slashed(moment) == "15/09/2026 08:10:00"
    assert print_iso(moment) == "2026-09-15T08:10:00.123+07:00"
    assert print_iso(moment, tail="+0700") == "2026-09-15T08:10:00.123+0700"
    assert print_iso(moment, tail="Z") == "2026-09-15T08:10:00.123Z"
    assert print_iso(moment, "-03:30") == "2026-09-14T21:40:00.123-03:30"


def test_an_afternoon_printed_with_a_twelve_hour_clock_is_suspected() -> None:
    assert looks_twelve_hour(["20260915081000", "20260916022500"])


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["20260915081000"],
        ["20260915081000", "20260916142500"],
        ["20260915022500", "20260916002500"],
        ["15/09/2026 02:25:00"],
    ],
)
def test_other_times_raise_no_suspicion(texts: list[str]) -> None:
    assert not looks_twelve_hour(texts)
