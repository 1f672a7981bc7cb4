"""Single values of a message: texts, flags, whole numbers and dates, every doubt noted and every fault listed.

"" and null say nothing, here and everywhere (never "erase"). A number where the format says string, and the reverse, is
taken and noted. Sentinel dates (year 0, year 1, 1970) count as not stated.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from contracts import dates
from contracts.errors import FieldError, field_error
from contracts.facts import State
from contracts.moment import Moment
from contracts.reading import Note

_TRUE: Final = frozenset(("1", "true", "True", "TRUE"))
_FALSE: Final = frozenset(("0", "false", "False", "FALSE"))
_YEARS_BEFORE: Final = "00"
"""A year below 100: what 0000-00-00 becomes on its way through a calendar (0002-11-30)."""


MOST_NOTES: Final = 50
"""Notes and faults of one record are listed up to here: a record made to have a million stays cheap."""


class Parked(Exception):  # not an error of the sender: a word of ours is missing
    """A code that no table knows: ``code`` is the reason, ``word`` the value as written."""

    def __init__(self, code: str, wire: str, word: str) -> None:
        super().__init__(code, wire)
        self.code = code
        self.wire = wire
        self.word = word


class Scene(msgspec.Struct):
    """What reading one record needs to know and what it finds; paths start at the record.

    ``z_is_local``: the literal letter Z after a time means nothing and ``zone`` counts. ``closed`` is the state that a
    closing date without a hand-over stands for, "" where nobody said.
    """

    zone: str
    z_is_local: bool
    statuses: Mapping[str, State]
    closed: State = ""
    unknown: tuple[str, ...] = ()
    notes: list[Note] = []
    losses: list[Note] = []
    errors: list[FieldError] = []

    def begin(self) -> None:
        """Forget the findings of the record before."""
        self.notes = []
        self.losses = []
        self.errors = []
        self.unknown = ()

    def warn(self, code: str, at: str) -> None:
        """Note a doubt at a member, once; of very many only the first."""
        if len(self.notes) < MOST_NOTES:
            note = Note(code, "/" + at)
            if note not in self.notes:
                self.notes.append(note)

    def lose(self, code: str, at: str) -> None:
        """Declare what is not carried on, once."""
        note = Note(code, "/" + at)
        if note not in self.losses:
            self.losses.append(note)

    def refuse(self, code: str, at: str) -> None:
        """List a fault the sender must mend; of very many only the first."""
        if len(self.errors) < MOST_NOTES:
            self.errors.append(field_error(code, "/" + at, name=at.rpartition("/")[2]))


def text(value: Any, at: str, scene: Scene) -> str:
    """A value as text; "" where it says nothing. A number is written as JSON would write it."""
    if value.__class__ is str:
        return "" if value and value[0] <= " " and not value.strip() else value
    if value is None:
        return ""
    scene.warn("warn.number_for_string", at)
    return msgspec.json.encode(value).decode()


def written(value: Any) -> str:
    """A single value as it stands on the wire, for keeping; "" where it says nothing or is not single."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float):
        return msgspec.json.encode(value).decode()
    return ""


def flag(value: Any, at: str, scene: Scene) -> bool | None:
    """A truth value in any spelling; None where it says nothing."""
    if value.__class__ is bool:
        return value
    if value is None:
        return None
    if value.__class__ is str:
        word = value.strip()
        return True if word in _TRUE else False if word in _FALSE else None
    scene.warn("warn.number_for_string", at)
    return bool(value)


def whole(value: Any, at: str, scene: Scene) -> int | None:
    """A whole number; None where it says nothing. Digits in a string are taken and noted."""
    if value.__class__ is int:
        return value
    if value is None:
        return None
    if isinstance(value, float):
        return int(value)
    word = value.strip()
    if not word:
        return None
    scene.warn("warn.string_for_number", at)
    return int(word)


def money(value: Any, at: str, scene: Scene) -> str:
    """An amount as decimal text without needless zeros; "" where it says nothing."""
    if value is None:
        return ""
    if value.__class__ is str:
        word: str = value.strip()
        if word:
            scene.warn("warn.string_for_number", at)
        return word
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value).decode()


def moment(value: Any, at: str, scene: Scene) -> Moment | None:
    """A business time; None where none is stated. An impossible one is ``read.date``."""
    if not value:
        return None
    read, doubt = _understood(value, scene.zone, scene.z_is_local)
    if doubt:
        if read is None:
            scene.refuse(doubt, at)
        else:
            scene.warn(doubt, at)
    return read


@lru_cache(maxsize=8_192)
def _understood(value: str, zone: str, z_is_local: bool) -> tuple[Moment | None, str]:  # noqa: FBT001  # a key of the cache
    """A time and the doubt or fault about it. Remembered: a dossier repeats its dates in every snapshot."""
    if value.startswith(_YEARS_BEFORE) or not dates.is_stated(value):
        return None, ""
    try:
        read = dates.read_moment(value, ("iso",), zone, literal_z_is_local=z_is_local)
    except ValueError:
        return _other_form(value, zone, z_is_local=z_is_local)
    return read, "warn.literal_z" if z_is_local and value.rstrip()[-1:] in {"Z", "z"} else ""


def _other_form(value: str, zone: str, *, z_is_local: bool) -> tuple[Moment | None, str]:
    try:
        read = dates.read_moment(value, zone=zone, literal_z_is_local=z_is_local)
    except ValueError:
        return None, "read.date"
    return read, "warn.date_form"
