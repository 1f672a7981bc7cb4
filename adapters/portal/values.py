"""Single values of a record: texts, flags, whole numbers and dates, with every doubt noted and every fault listed.

"" and null say nothing, here and everywhere (never "erase"). A number where the standard says string is taken and
noted; sentinel dates count as not stated; a date in another form than ``yyyyMMddHHmmss`` is taken and noted.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from contracts import dates
from contracts.errors import FieldError, field_error
from contracts.moment import MICROS_PER_SECOND, Moment
from contracts.reading import Note

_COMPACT: Final = 14
_EXACT: Final = 2**53
_MINUTES: Final = {f"{n // 60:02}{n % 60:02}": n * 60 * MICROS_PER_SECOND for n in range(24 * 60)}
_SECONDS: Final = {f"{n:02}": n * MICROS_PER_SECOND for n in range(60)}
_VOLATILE: Final = re.compile(r"[?&]t=\d{10,17}$")
"""OpenCPS ends file addresses in ``?t=<milliseconds now>``; it says nothing about the file."""


class Parked(Exception):  # not an error of the sender: a word of ours is missing
    """A code that no table knows: ``code`` is the reason, ``word`` the value as written."""

    def __init__(self, code: str, wire: str, word: str) -> None:
        super().__init__(code, wire)
        self.code = code
        self.wire = wire
        self.word = word


class Scene(msgspec.Struct):
    """What reading one record needs and what it finds: ``notes`` and ``errors`` grow; paths start at the record."""

    zone: str
    xml: bool
    code_lists: tuple[tuple[str, str, Mapping[str, str]], ...]
    ordinary: bool = False
    """Whether the record is known to hold texts and lists only where they belong (``adapters.portal.ordinary``)."""
    days: dict[str, int] = {}
    """Starts of days already computed for this message, microseconds by ``yyyyMMdd``."""
    notes: list[Note] = []
    errors: list[FieldError] = []
    unknown: tuple[str, ...] = ()

    def begin(self) -> None:
        """Forget the findings of the record before."""
        self.notes = []
        self.errors = []
        self.unknown = ()

    def warn(self, code: str, at: str) -> None:
        """Note a doubt at a field, once."""
        note = Note(code, "/" + at)
        if note not in self.notes:
            self.notes.append(note)

    def refuse(self, code: str, at: str) -> None:
        """List a fault the sender must mend."""
        self.errors.append(field_error(code, "/" + at, name=at.rpartition("/")[2]))


FLAGS: Final[dict[Any, str]] = {
    **dict.fromkeys(("1", "True", "true"), "1"),
    **dict.fromkeys(("0", "False", "false"), "0"),
    **dict.fromkeys(("", None), ""),
}
"""0/1 in every spelling of the senders; "" = not stated."""

_AS_EXPECTED: Final = frozenset((str, list, type(None)))


def plain(members: Mapping[str, Any], at: str, known: frozenset[str], scene: Scene) -> Mapping[str, Any]:
    """Members as texts and lists only: the same mapping where it is so already, which one look at the types tells.

    A number where the standard says string is taken and noted; true and false are "1" and "0".
    """
    if scene.ordinary or _AS_EXPECTED.issuperset(map(type, members.values())):
        return members
    made: dict[str, Any] = {}
    for name, value in members.items():
        if isinstance(value, bool):
            made[name] = "1" if value else "0"
        elif isinstance(value, int | float):
            if name in known:
                scene.warn("warn.number_for_string", at + name)
            made[name] = as_text(value)
        else:
            made[name] = value
    return made


def as_text(value: Any) -> str:
    """Any value as text; what is no text is written as JSON writes it (4.0 as 4), nothing as ""."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    return "" if value is None else msgspec.json.encode(value).decode()


def whole(value: Any, at: str, scene: Scene) -> int:
    """A whole number; 0 where it says nothing. A string is taken and noted, unless the form has only strings."""
    if value.__class__ is int:
        return int(value)
    if not isinstance(value, str):
        return int(value) if isinstance(value, float) else 0
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit()):
        return 0
    if not scene.xml:
        scene.warn("warn.string_for_number", at)
    return int(digits[:18])


def moment(value: str | None, at: str, scene: Scene) -> Moment | None:
    """A business time; None where none is stated. An impossible one is ``read.date``."""
    if not value:
        return None
    zone = scene.zone
    try:
        if len(value) == _COMPACT:
            # yyyyMMddHHmmss, which nearly every date is: the day once per message, the time of day from two tables.
            day = value[:8]
            midnight = scene.days.get(day)
            if midnight is None:
                midnight = scene.days[day] = _midnight(day, zone)
            return Moment(midnight + _MINUTES[value[8:12]] + _SECONDS[value[12:]], value, zone)
    except (KeyError, ValueError):
        pass  # a sentinel, or a fault to be named below
    if not dates.is_stated(value):
        return None
    try:
        read = dates.read_moment(value, zone=zone)
    except ValueError:
        scene.refuse("read.date", at)
        return None
    scene.warn("warn.date_form", at)
    return read


@lru_cache(maxsize=4_096)
def _midnight(day: str, zone: str) -> int:
    """The start of ``yyyyMMdd`` in ``zone``, microseconds; sentinel days and impossible ones are a ``ValueError``."""
    if not dates.is_stated(day):
        raise ValueError("a sentinel states no day")
    return dates.read_compact(day + "000000", zone).us


def stable_url(url: str) -> str:
    """A file's address without the part that changes by itself."""
    return _VOLATILE.sub("", url) if "t=" in url else url
