"""Single values."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.portal.values import Scene, moment, stable_url
from contracts import dates

AFTER_SENTINELS = datetime(1971, 1, 1)  # noqa: DTZ001  # the wire's times have no zone


def scene() -> Scene:
    return Scene(zone="Asia/Ho_Chi_Minh", xml=False, code_lists=())


@given(st.one_of(st.text(alphabet="0123456789", min_size=14, max_size=14), st.text(max_size=20)))
def test_the_quick_way_to_read_a_time_is_the_shared_way(text: str) -> None:
    """What ``contracts.dates`` says of a text is what the hot path says."""
    found = moment(text, "NgayTiepNhan", mine := scene())

    if not dates.is_stated(text):
        assert (found, mine.errors) == (None, [])
        return
    try:
        expected = dates.read_moment(text, zone=mine.zone)
    except ValueError:
        assert found is None
        assert [error.code for error in mine.errors] == ["read.date"]
    else:
        assert found == expected


@given(st.datetimes(min_value=AFTER_SENTINELS))
def test_every_time_of_day_is_read_exactly(at: datetime) -> None:
    text = f"{at.year:04}{at:%m%d%H%M%S}"

    assert moment(text, "x", scene()) == dates.read_compact(text)


@pytest.mark.parametrize(
    ("url", "stable"),
    [
        ("https://mc.example.vn/f?t=1789433712000", "https://mc.example.vn/f"),
        ("https://mc.example.vn/f?id=3&t=1789433712000", "https://mc.example.vn/f?id=3"),
        ("https://mc.example.vn/f?t=12", "https://mc.example.vn/f?t=12"),
        ("", ""),
    ],
)
def test_the_volatile_end_of_an_address_is_cut(url: str, stable: str) -> None:
    assert stable_url(url) == stable
