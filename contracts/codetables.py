"""Code tables as data: each a CSV with a TOML beside it that names its owner, edition, source and hash.

A code that a table does not hold is answered by ``Unknown``, never by a blank, so that nobody can pass it on by
mistake. Tables are read on first use and then kept: they are part of the installed package and do not change under a
process.
"""

import csv
import hashlib
import io
import tomllib
from datetime import date
from functools import cache
from importlib import resources
from typing import Final, Literal, TypeAlias

import msgspec

from contracts.errors import Misconfigured
from contracts.moment import MICROS_PER_SECOND

Policy: TypeAlias = Literal["park", "keep", "refuse", "rule"]
"""What is done with a code the table lacks: park the record, keep the value as it is, refuse it, derive it by rule."""

Row: TypeAlias = dict[str, str]

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MIDNIGHT_S: Final = -7 * 3_600  # a day of the tables begins at 00:00 in Việt Nam, +07:00


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """The answer for a code that ``table`` does not hold."""

    table: str
    code: str


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the TOML beside a table says. ``sha256`` (hex) is over the exact bytes of the CSV."""

    title: str
    owner: str
    edition: str
    sha256: str
    key: list[str]
    unknown: Policy
    source: str


class Table(msgspec.Struct, frozen=True):
    """One table. Rows of one key may follow each other in time: ``valid_from`` inclusive, ``valid_until`` exclusive."""

    name: str
    header: Header
    rows: tuple[Row, ...]
    index: dict[tuple[str, ...], tuple[Row, ...]]

    def find(self, *key: str, on_us: int | None = None) -> Row | Unknown:
        """The row of ``key`` that is valid on ``on_us`` (microseconds UTC; None: the last row), or ``Unknown``."""
        rows = self.index.get(key, ())
        for row in reversed(rows):
            if on_us is None or _valid(row, on_us):
                return row
        return Unknown(self.name, "/".join(key))


class Agency(msgspec.Struct, frozen=True, gc=False):
    """A ministry (G…) or province (H…). Times are microseconds UTC; None means no bound is known.

    ``successor`` took its work over, ``predecessors`` are those whose work it took over. ``renamed`` is true where the
    successor is the same body under another code, false where it was merged with others.
    """

    code: str
    name: str
    level: str
    predecessors: tuple[str, ...]
    successor: str
    renamed: bool
    valid_from_us: int | None
    valid_until_us: int | None
    invented: bool

    def valid_at(self, us: int) -> bool:
        """Whether the code is in force at this instant."""
        return (self.valid_from_us is None or us >= self.valid_from_us) and (
            self.valid_until_us is None or us < self.valid_until_us
        )


@cache
def load(name: str, package: str = "contracts", folder: str = "tables") -> Table:
    """Load a table shipped with a package and check its hash.

    Raises ``Misconfigured``: ``config.missing`` where there is no such table, ``config.invalid`` where the TOML is
    wrong or the CSV is not the one whose hash it names.
    """
    place = resources.files(package).joinpath(folder)
    where = f"{package}/{folder}/{name}"
    try:
        content = place.joinpath(f"{name}.csv").read_bytes()
        heading = place.joinpath(f"{name}.toml").read_text(encoding="utf-8")
    except OSError:
        raise Misconfigured("config.missing", name=where) from None
    return read(name, content, heading, where)


def read(name: str, content: bytes, heading: str, where: str = "") -> Table:
    """Build a table from the bytes of its CSV and the text of its TOML; raises ``config.invalid`` as ``load`` does."""
    try:
        header = msgspec.convert(tomllib.loads(heading), Header)
        rows = tuple(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
    except (ValueError, csv.Error) as fault:
        raise Misconfigured("config.invalid", str(fault), name=where or name) from None
    actual = hashlib.sha256(content).hexdigest()
    if actual != header.sha256:
        raise Misconfigured("config.invalid", f"the CSV's sha256 is {actual}", name=where or name)
    index: dict[tuple[str, ...], tuple[Row, ...]] = {}
    for row in rows:
        if None in row or None in row.values() or not all(row.get(column) is not None for column in header.key):
            raise Misconfigured("config.invalid", f"a row does not fit the columns: {row}", name=where or name)
        key = tuple(row[column] for column in header.key)
        index[key] = (*index.get(key, ()), row)
    return Table(name=name, header=header, rows=rows, index=index)


def agency(code: str, on_us: int | None = None) -> Agency | Unknown:
    """The ministry or province of a top code (``H22``) as of ``on_us``; one retired by then is still answered."""
    rows = _agencies().get(code, ())
    for row in reversed(rows):
        if on_us is None or row.valid_at(on_us):
            return row
    return rows[-1] if rows else Unknown("agencies", code)


def current_agency(code: str, on_us: int) -> Agency | Unknown:
    """Who does the work of ``code`` at ``on_us``: the agency itself, or its successor once it is retired."""
    found = agency(code, on_us)
    seen = {code}
    while isinstance(found, Agency) and found.successor not in seen and found.successor and not found.valid_at(on_us):
        seen.add(found.successor)
        found = agency(found.successor, on_us)
    return found


@cache
def _agencies() -> dict[str, tuple[Agency, ...]]:
    return {key[0]: tuple(_agency(row) for row in rows) for key, rows in load("agencies").index.items()}


def _agency(row: Row) -> Agency:
    return Agency(
        code=row["code"],
        name=row["name_vi"],
        level=row["level"],
        predecessors=tuple(row["predecessors"].split()),
        successor=row["successor"],
        renamed=row["succession"] == "renamed",
        valid_from_us=_day_us(row["valid_from"]),
        valid_until_us=_day_us(row["valid_until"]),
        invented=row["invented"] == "yes",
    )


def _valid(row: Row, us: int) -> bool:
    first, last = _day_us(row.get("valid_from", "")), _day_us(row.get("valid_until", ""))
    return (first is None or us >= first) and (last is None or us < last)


def _day_us(text: str) -> int | None:
    if not text:
        return None
    return ((date.fromisoformat(text).toordinal() - _EPOCH_DAY) * 86_400 + _MIDNIGHT_S) * MICROS_PER_SECOND
