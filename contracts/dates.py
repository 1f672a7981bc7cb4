"""Business times as real senders write them: six forms, one meaning, nothing guessed silently.

Seen in systems in use: ``yyyyMMddHHmmss`` (QCVN 120), the same with a 12-hour clock by mistake,
``dd/MM/yyyy HH:mm:ss``, ``dd.MM.yyyy``, ISO 8601 with an offset or a literal ``Z``, and ``yyyyMMdd``. The text is kept
beside the instant. Việt Nam has one offset (+07:00) and no summer time, so zones are offsets and no time-zone database
is asked.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from contracts.moment import MICROS_PER_SECOND, Moment

Form: TypeAlias = Literal["compact", "slashed", "dotted", "iso", "day"]
"""compact yyyyMMddHHmmss · slashed dd/MM/yyyy[ HH:mm[:ss]] · dotted dd.MM.yyyy[ HH:mm[:ss]] · iso · day yyyyMMdd."""

VIETNAM: Final = "Asia/Ho_Chi_Minh"
ALL_FORMS: Final[tuple[Form, ...]] = ("compact", "slashed", "dotted", "iso", "day")

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAY_S: Final = 86_400
_NAMED_ZONES: Final = {VIETNAM: 7 * 3_600, "Asia/Saigon": 7 * 3_600, "UTC": 0, "Z": 0}
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_COMPACT_LENGTH: Final = 14
_DAY_LENGTH: Final = 8
_WRITTEN_DAY: Final = {
    "slashed": re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T]+(\d{1,2}):(\d\d)(?::(\d\d))?)?", re.ASCII),
    "dotted": re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]+(\d{1,2}):(\d\d)(?::(\d\d))?)?", re.ASCII),
}
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_NOTHING: Final = frozenset({"", "null", "NULL", "None", "undefined"})
_SENTINEL_DAYS: Final = ("0000", "0001", "1970-01-01", "19700101")
_SENTINEL_WRITTEN: Final = re.compile(r"(?:0?1[/.]0?1[/.](?:1970|0001)|0?0[/.]0?0[/.]0000)(?:\D.*)?", re.ASCII)


def is_stated(text: str | None) -> bool:
    """Whether a wire value states a business time: empty, null, year 0, year 1 and 1970-01-01 mean that there is none.

    Not for dates of birth: somebody was born on 1970-01-01.
    """
    if text is None:
        return False
    text = text.strip()
    if text in _NOTHING:
        return False
    return not (text.startswith(_SENTINEL_DAYS) or _SENTINEL_WRITTEN.fullmatch(text))


def read_compact(text: str, zone: str = VIETNAM) -> Moment:
    """Read ``yyyyMMddHHmmss`` in ``zone``; an impossible date or time is a ``ValueError``."""
    if len(text) != _COMPACT_LENGTH or not (text.isascii() and text.isdigit()):
        raise ValueError("not yyyyMMddHHmmss")
    clock = int(text[8:])
    minute, second = clock // 100 % 100, clock % 100
    if clock > 23_59_59 or minute > 59 or second > 59:  # noqa: PLR2004  # the clock
        raise ValueError("no such time of day")
    seconds = _day_start(text[:8]) + clock // 10_000 * 3_600 + minute * 60 + second - _offset(zone)
    return Moment(seconds * MICROS_PER_SECOND, text, zone)


def read_moment(
    text: str, forms: Sequence[Form] = ALL_FORMS, zone: str = VIETNAM, *, literal_z_is_local: bool = False
) -> Moment:
    """Read the first of ``forms`` that the text has; no form, or an impossible date, is a ``ValueError``.

    ``zone`` is assumed where the text names no offset. ``literal_z_is_local``: the sender prints local time followed by
    the letter Z (one OpenCPS module does), so the Z means nothing and ``zone`` counts.
    """
    text = text.strip()
    for form in forms:
        if form == "compact":
            if len(text) == _COMPACT_LENGTH and text.isascii() and text.isdigit():
                return read_compact(text, zone)
        elif form == "day":
            if len(text) == _DAY_LENGTH and text.isascii() and text.isdigit():
                return Moment((_day_start(text) - _offset(zone)) * MICROS_PER_SECOND, text, zone)
        elif form == "iso":
            if match := _ISO.fullmatch(text):
                return _iso(text, match, zone, literal_z_is_local=literal_z_is_local)
        elif match := _WRITTEN_DAY[form].fullmatch(text):
            day, month, year, hour, minute, second = match.groups(default="0")
            return Moment(
                _instant(f"{year}{month:0>2}{day:0>2}", hour, minute, second, _offset(zone)), text=text, zone=zone
            )
    raise ValueError("no known form of date and time")


def looks_twelve_hour(texts: Sequence[str]) -> bool:
    """Whether compact times of one record look printed with a 12-hour clock (``hh`` for ``HH``).

    Such a clock never prints 00 or 13 to 23 and prints the afternoon as 01 to 06, before any office opens. One time
    alone proves nothing; the answer is a suspicion to be flagged, never a reason to change the time.
    """
    hours = [int(text[8:10]) for text in texts if len(text) == _COMPACT_LENGTH and text.isascii() and text.isdigit()]
    return bool(hours) and all(1 <= hour <= 12 for hour in hours) and any(hour <= 6 for hour in hours)  # noqa: PLR2004  # hours


def print_compact(moment: Moment, zone: str = VIETNAM) -> str:
    """Print ``yyyyMMddHHmmss`` in ``zone``; fractions of a second are cut."""
    days, second = divmod(moment.us // MICROS_PER_SECOND + _offset(zone), _DAY_S)
    return f"{_day_text(days)}{second // 3_600:02}{second // 60 % 60:02}{second % 60:02}"


def print_slashed(moment: Moment, zone: str = VIETNAM) -> str:
    """Print ``dd/MM/yyyy HH:mm:ss`` in ``zone``; fractions of a second are cut."""
    text = print_compact(moment, zone)
    return f"{text[6:8]}/{text[4:6]}/{text[:4]} {text[8:10]}:{text[10:12]}:{text[12:]}"


def print_iso(moment: Moment, zone: str = VIETNAM, *, tail: Literal["+07:00", "+0700", "Z"] = "+07:00") -> str:
    """Print ISO 8601 with milliseconds in ``zone``. ``tail`` picks how the offset is written, by example.

    ``Z`` is the literal letter after local time, for the receivers that want it so; RFC 3339 is ``+07:00``.
    """
    text = print_compact(moment, zone)
    offset = _offset(zone)
    sign, (hours, minutes) = "-" if offset < 0 else "+", divmod(abs(offset) // 60, 60)
    end = "Z" if tail == "Z" else f"{sign}{hours:02}{':' if ':' in tail else ''}{minutes:02}"
    millis = moment.us // 1_000 % 1_000
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:]}.{millis:03}{end}"


def _iso(text: str, match: re.Match[str], zone: str, *, literal_z_is_local: bool) -> Moment:
    year, month, day, hour, minute, second, fraction, tail = match.groups()
    local = tail is None or (literal_z_is_local and tail in "Zz")
    offset = _offset(zone if local else tail.upper())
    us = _instant(f"{year}{month}{day}", hour or "0", minute or "0", second or "0", offset)
    return Moment(us + int((fraction or "0").ljust(6, "0")[:6]), text, zone if local else "")


def _instant(day: str, hour: str, minute: str, second: str, offset: int) -> int:
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 59:  # noqa: PLR2004  # the clock
        raise ValueError("no such time of day")
    return (_day_start(day) + hours * 3_600 + minutes * 60 + seconds - offset) * MICROS_PER_SECOND


@lru_cache(maxsize=4_096)
def _day_start(day: str) -> int:
    """Seconds from 1970-01-01 to the start of ``yyyyMMdd``, both in the same zone."""
    return (date(int(day[:4]), int(day[4:6]), int(day[6:])).toordinal() - _EPOCH_DAY) * _DAY_S


@lru_cache(maxsize=4_096)
def _day_text(days: int) -> str:
    return date.fromordinal(days + _EPOCH_DAY).strftime("%Y%m%d").rjust(8, "0")


@lru_cache(maxsize=64)
def _offset(zone: str) -> int:
    """Seconds east of UTC: a known name or ``±hh:mm``; any other zone is a ``ValueError``."""
    if (seconds := _NAMED_ZONES.get(zone)) is not None:
        return seconds
    match = _OFFSET.fullmatch(zone)
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:  # noqa: PLR2004  # offsets in use end at +14:00
        raise ValueError(f"unknown zone {zone!r}")
    seconds = int(match[2]) * 3_600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds
