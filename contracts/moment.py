"""A point in time as a party wrote it: the instant, the original text, and what had to be assumed.

Instants are integers: microseconds since 1970-01-01T00:00:00Z. Integers compare, sort and serialise
exactly, on every platform, without a clock or a time-zone database.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

MICROS_PER_SECOND: Final = 1_000_000
VIETNAM: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One business time.

    ``us`` is the instant in microseconds UTC; ``text`` what the party wrote ("" when nothing was
    written); ``zone`` the zone that was assumed ("" when the text itself stated an offset);
    ``assumed`` is true when the party stated no time and the hub's own acceptance time stands in
    (decisions.md §1, *Time*).
    """

    us: int
    text: str = ""
    zone: str = ""
    assumed: bool = False


def rfc3339(us: int) -> str:
    """Print an instant as RFC 3339 UTC with exactly six fraction digits and ``Z``."""
    seconds, micros = divmod(us, MICROS_PER_SECOND)
    # isoformat is many times faster than strftime and pads the year
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]}.{micros:06d}Z"


def from_datetime(value: datetime) -> int:
    """Convert an aware ``datetime`` to microseconds UTC; a naive one is a mistake of ours (ValueError)."""
    if value.tzinfo is None:
        raise ValueError("a naive datetime has no instant")
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * MICROS_PER_SECOND + delta.microseconds


def to_datetime(us: int) -> datetime:
    """Convert microseconds UTC to an aware ``datetime`` in UTC."""
    return _EPOCH + timedelta(microseconds=us)
