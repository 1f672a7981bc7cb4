"""The code lists of the packets, from the shared tables; a code they lack is parked by the reader, never defaulted."""

import hashlib
from functools import cache
from typing import Final

from contracts import codetables
from contracts.errors import Misconfigured
from contracts.facts import FACT_TYPES, VALUE_FIELDS
from contracts.reading import Note

DEFAULT_DIALECT: Final = "qcvn120"
PACKAGE: Final = "adapters.portal"
_SHARED: Final = ("channels", "applicant_types", "document_flags", "statuses", "agencies", "agency_notations")
_OWN: Final = ("replies",)
_NEAREST: Final = {
    "household_business": "business",
    "state_body": "organisation",
    "other": "organisation",
    "organisation": "business",
}
"""What an applicant type is written as where a dialect has no code for it; declared as a loss."""

CHANNELS: Final = {row["code"]: row["channel"] for row in codetables.load("channels").rows}
CHANNEL_CODES: Final = {channel: code for code, channel in CHANNELS.items()}
PLACES: Final = {
    row["code"]: row["value"] for row in codetables.load("document_flags").rows if row["field"] == "NoiNopHoSo"
}
PLACE_CODES: Final = {place: code for code, place in PLACES.items()}


@cache
def applicant_types(dialect: str) -> dict[str, str]:
    """Code → applicant type of one dialect ("" = the default); an unknown dialect is ``config.invalid``."""
    name = dialect or DEFAULT_DIALECT
    rows = [row for row in codetables.load("applicant_types").rows if row["dialect"] == name]
    if not rows:
        raise Misconfigured("config.invalid", f"no dialect {name}", name="applicant_types")
    return {row["code"]: row["type"] for row in rows}


@cache
def _applicant_codes(dialect: str) -> dict[str, str]:
    return {kind: code for code, kind in applicant_types(dialect).items()}


def applicant_code(kind: str, dialect: str) -> str:
    """The dialect's code for an applicant type; one it has no code for goes as the nearest that it has."""
    codes = _applicant_codes(dialect)
    while kind not in codes and kind in _NEAREST:
        kind = _NEAREST[kind]
    return codes.get(kind, "")


def is_folded(kind: str, dialect: str) -> bool:
    """Whether a dialect has no code of its own for an applicant type."""
    return kind not in _applicant_codes(dialect)


LOSSES: Final = {name: Note(code="loss.not_carried", path=name) for kind in FACT_TYPES for name in VALUE_FIELDS[kind]}
"""One loss per canonical name."""


def digest() -> str:
    """SHA-256 (hex) over the hashes of every table this adapter translates with."""
    whole = hashlib.sha256()
    for name in _SHARED:
        whole.update(f"{name} {codetables.load(name).header.sha256}\n".encode())
    for name in _OWN:
        whole.update(f"{name} {codetables.load(name, PACKAGE).header.sha256}\n".encode())
    return whole.hexdigest()


def hash_of(*parts: str) -> str:
    """SHA-256 (hex) over texts, each with its length, so that no two lists of parts meet."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(f"{len(part)}:{part}".encode())
    return whole.hexdigest()
