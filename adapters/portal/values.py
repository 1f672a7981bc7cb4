"""Single values of a record: texts, flags, whole numbers and dates, with every doubt noted and every fault listed.

"" and null say nothing, here and everywhere (never "erase"). A number where the standard says string is taken and
noted; sentinel dates count as not stated; a date in another form than ``yyyyMMddHHmmss`` is taken and noted.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from contracts import dates
from contracts.errors import FieldError, field_error
from contracts.facts import State
from contracts.moment import Moment
from contracts.reading import Note

_COMPACT: Final = 14
_AFTER_SENTINELS: Final = "1971"
_TRUE: Final = frozenset(("1", "True", "true"))
_FALSE: Final = frozenset(("0", "False", "false"))
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
    statuses: Mapping[str, State]
    code_lists: tuple[tuple[str, str, Mapping[str, str]], ...]
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


def text(value: Any, at: str, scene: Scene) -> str:
    """A value as text; "" where it says nothing. A number or a nested value is written as JSON would write it."""
    if value.__class__ is str:
        return value  # type: ignore[no-any-return]  # the class was just asked
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        scene.warn("warn.number_for_string", at)
    return msgspec.json.encode(value).decode()


def flag(value: Any, at: str, scene: Scene) -> str:
    """A 0/1 in any spelling as "0" or "1"; "" where it says nothing or is no flag (the contract refuses that)."""
    if value.__class__ is str:
        if value in _TRUE:
            return "1"
        return "0" if value in _FALSE else ""
    if value is None:
        return ""
    if value.__class__ is int:
        scene.warn("warn.number_for_string", at)
    return "1" if value else "0"


def whole(value: Any, at: str, scene: Scene) -> int:
    """A whole number; 0 where it says nothing. A string is taken and noted, unless the form has only strings."""
    if value.__class__ is int:
        return value  # type: ignore[no-any-return]  # the class was just asked
    if not isinstance(value, str):
        return int(value) if isinstance(value, float) else 0
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit()):
        return 0
    if not scene.xml:
        scene.warn("warn.string_for_number", at)
    return int(digits[:18])


def moment(value: Any, at: str, scene: Scene) -> Moment | None:
    """A business time; None where none is stated. An impossible one is ``read.date``."""
    if value is None or value == "":
        return None
    if value.__class__ is not str:
        value = text(value, at, scene)
    try:
        if len(value) == _COMPACT and value[:4] >= _AFTER_SENTINELS:
            return dates.read_compact(value, scene.zone)
        if not dates.is_stated(value):
            return None
        read = dates.read_moment(value, zone=scene.zone)
    except ValueError:
        scene.refuse("read.date", at)
        return None
    if len(value) != _COMPACT:
        scene.warn("warn.date_form", at)
    return read


def stable_url(url: str) -> str:
    """A file's address without the part that changes by itself."""
    return _VOLATILE.sub("", url) if "t=" in url else url
