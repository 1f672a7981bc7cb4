"""The adapter's code tables, read once from ``tables/`` when the module is imported.

A table is data: what it says can be changed without touching code, and its bytes are part of ``mapping_hash``.
"""

import csv
import io
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, cast

from contracts.facts import State

_FOLDER: Final = Path(__file__).with_name("tables")
_NAMES: Final = ("fields.csv", "replies.csv", "states.csv", "statuses.csv", "suspects.csv")
_BYTES: Final = {name: (_FOLDER / name).read_bytes() for name in _NAMES}

TABLES_SHA256: Final = sha256(b"".join(name.encode() + b"\0" + _BYTES[name] + b"\0" for name in _NAMES)).hexdigest()
"""SHA-256 (hex) over the names and bytes of all tables."""


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one table by column name."""
    return list(csv.DictReader(io.StringIO(_BYTES[name].decode())))


def folded(text: str) -> str:
    """A text as tables compare it: NFC, case folded, white space runs as one space, no closing full stop."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).rstrip(".! ")


class Field(NamedTuple):
    """One child of ``hoTich``. ``module`` is KS, KT or "" for both; ``canonical`` "" = kept in ``extra``."""

    name: str
    module: str
    kind: str
    canonical: str


class StateCode(NamedTuple):
    """How a business state is told to DVCLT. ``code`` "" = it can not be told; ``folded`` = others share the code."""

    code: str
    folded: bool


FIELDS: Final = {row["name"]: Field(**row) for row in rows("fields.csv")}
STATE_OF_CODE: Final = {row["code"]: cast("State", row["state"]) for row in rows("statuses.csv")}
CODE_OF_STATE: Final = {
    row["state"]: StateCode(code=row["code"], folded=row["folded"] == "yes") for row in rows("states.csv")
}
SUSPECTS: Final = {(row["kind"], folded(row["value"]) or row["value"]): row["warning"] for row in rows("suspects.csv")}
SUSPECT_INITIALS: Final = frozenset(letter for _, value in SUSPECTS for letter in (value[0], value[0].upper()))
"""Every text that folds to a suspect begins with one of these."""
