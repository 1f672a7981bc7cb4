from datetime import UTC, datetime, timedelta

import pytest

from contracts.moment import VIETNAM, from_datetime, rfc3339, to_datetime


def test_an_instant_is_printed_with_six_digits_and_a_z() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"
    assert rfc3339(1_789_434_600_000_001) == "2026-09-15T01:10:00.000001Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999Z"


def test_an_aware_time_is_an_instant_in_any_zone() -> None:
    local = datetime(2026, 9, 15, 8, 10, tzinfo=VIETNAM)

    assert from_datetime(local) == 1_789_434_600_000_000
    assert to_datetime(from_datetime(local)) == local.astimezone(UTC)
    assert local.utcoffset() == timedelta(hours=7)


def test_a_naive_time_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="naive"):
        from_datetime(datetime(2026, 9, 15))  # noqa: DTZ001  # that is the mistake
