"""Times and dates as civil-status senders write them."""

import re
from datetime import date
from typing import Final

from contracts.dates import ALL_FORMS, Form, is_stated, read_moment
from contracts.moment import Moment
from contracts.ports import Profile

_STANDARD: Final = re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", re.ASCII)
_PARTIAL: Final = re.compile(r"(?:(?P<month>\d{1,2})[./-])?(?P<year>\d{4})", re.ASCII)
_FIRST_MONTH: Final = 1
_LAST_MONTH: Final = 12


def read_time(text: object, profile: Profile) -> Moment | None:
    """A business time, None where none is stated; ``ValueError`` for no known form or an impossible date.

    Forms: the option ``dates`` (names of ``contracts.dates.Form``, by comma), else all.
    """
    if not isinstance(text, str) or not is_stated(text):
        return None
    return read_moment(text, forms(profile), profile.date_zone)


def is_standard(text: str) -> bool:
    """Whether a time is written as the format says: dd/MM/yyyy HH:mm:ss."""
    return _STANDARD.fullmatch(text.strip()) is not None


def is_possible_date(text: str, *, partial: bool) -> bool:
    """Whether a date of the form exists; ``partial`` also allows a year, or a month and a year (dates of birth)."""
    if not is_stated(text):
        return True
    if partial and (match := _PARTIAL.fullmatch(text.strip())):
        month = match["month"]
        return int(match["year"]) >= date.min.year and (month is None or _FIRST_MONTH <= int(month) <= _LAST_MONTH)
    try:
        read_moment(text, ALL_FORMS)
    except ValueError:
        return False
    return True


def forms(profile: Profile) -> tuple[Form, ...]:
    """The forms this party writes times in."""
    named = profile.options.get("dates") if profile.options else None
    if not named:
        return ALL_FORMS
    return tuple(form for form in ALL_FORMS if form in named.split(","))
