"""Identifiers: agencies in both notations, dossiers in every form seen, procedures, parties. Parse, print, compare.

Sources: QCVN 102:2016/BTTTT (agency codes, leaf first), Decision 20/2020/QĐ-TTg (top first, at most 35 characters),
Circular 01/2018/TT-VPCP article 19 (dossier codes). Everything here is immutable; parsing is pure and cached.
"""

import re
from datetime import date
from functools import cache, lru_cache
from typing import Final, Literal

import msgspec

from contracts.codetables import Agency, Unknown, agency, current_agency, load

MAX_AGENCY_LENGTH: Final = 35
MAX_DOSSIER_LENGTH: Final = 100
_TOP: Final = re.compile(r"[A-Z][0-9]{2}")
_GROUPS: Final = re.compile(r"[0-9A-Z]+(?:\.[0-9A-Z]+)*")
_OLD_WIDTHS: Final = (2, 2, 3)  # Y1Y2, Z1Z2, V1V2V3: the groups of the old form, from the top down
_NATIONAL: Final = re.compile(r"([0-9A-Z]+(?:\.[0-9A-Z]+)*)-(?:([0-9]{6})-([0-9]{4,12})|([0-9]{8})-([0-9]{7}))")
_PROCEDURE: Final = re.compile(r"([0-9]\.[0-9]{6})(?:\.([0-9A-Z.]+))?")
_PARTY: Final = re.compile(r"[a-z0-9-]{1,40}")


class AgencyCode(msgspec.Struct, frozen=True, gc=False, order=True):
    """One agency. ``normalised`` is the new form, top first, without trailing groups of zeros: ``H99.44.21``."""

    normalised: str

    @classmethod
    def parse(cls, text: str) -> "AgencyCode":
        """Read either notation: ``000.21.44.H99`` or ``H99.44.21``; anything else is a ``ValueError``."""
        return _parse_agency(text)

    @property
    def top(self) -> str:
        """The ministry (``G…``) or province (``H…``) it belongs to."""
        return self.normalised[:3]

    @property
    def new(self) -> str:
        """The new form, top first (Decision 20/2020/QĐ-TTg)."""
        return self.normalised

    @property
    def old(self) -> str:
        """The old form, leaf first (QCVN 102:2016); ``ValueError`` for a code that the old form has no room for."""
        if listed := _old_by_new().get(self.normalised):
            return listed
        top, *below = self.normalised.split(".")
        if len(below) > len(_OLD_WIDTHS) or any(
            len(group) > width for group, width in zip(below, _OLD_WIDTHS, strict=False)
        ):
            raise ValueError(f"{self.normalised} has no old form")
        padded = [*below, *("0" * width for width in _OLD_WIDTHS[len(below) :])]
        text = ".".join([*reversed(padded), top])
        if _TOP.fullmatch(padded[-1]):
            raise ValueError(f"{self.normalised} has no old form that reads one way")
        return text

    def table_row(self, on_us: int | None = None) -> Agency | Unknown:
        """The ministry or province in the table of agencies."""
        return agency(self.top, on_us)

    def current(self, on_us: int) -> "AgencyCode":
        """The code under whose authority this agency stands at ``on_us``: a retired top gives way to its successor."""
        found = current_agency(self.top, on_us)
        return self if isinstance(found, Unknown) or found.code == self.top else _with_top(self.normalised, found.code)

    def covers(self, other: "AgencyCode", on_us: int) -> bool:
        """Whether ``other`` is this agency or stands below it at ``on_us``, successors taken into account."""
        mine, its = self.current(on_us).normalised, other.current(on_us).normalised
        return its == mine or its.startswith(mine + ".")


class DossierCode(msgspec.Struct, frozen=True):
    """One dossier code as a party wrote it.

    ``scope`` is "national" for ``<agency>-YYMMDD-<4 or more digits>`` and ``<agency>-YYYYMMDD-<7 digits>``, the agency
    in either notation; these mean one dossier in the whole country. Any other code is "party": it means something only
    within the party that asserted it (``12/2025/0001`` of two provinces are two dossiers).

    ``key`` is what a code is looked up by: two codes with one key are one dossier. The agency in it is normalised, and
    a body that only changed its code keeps its dossiers. Merged bodies keep their keys apart, because each numbered
    its own dossiers from 0001 every day: ``000.00.01.H22-250601-0001`` and ``000.00.01.H60-250601-0001`` are the
    dossiers of two people.
    """

    text: str
    scope: Literal["national", "party"]
    agency: AgencyCode | None
    day: date | None
    key: str

    @classmethod
    def parse(cls, text: str) -> "DossierCode":
        """Read any code: 1 to 100 printable characters, white space round it ignored; else a ``ValueError``."""
        return _parse_dossier(text)


class ProcedureCode(msgspec.Struct, frozen=True, gc=False):
    """A national procedure code: ``bare`` is ``1.003560``, ``suffix`` what a sender hung on to it, "" if nothing."""

    bare: str
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> "ProcedureCode":
        """Read ``1.003560``, ``1.003560.000.00.00.H56`` or ``2.002622.H56``; anything else is a ``ValueError``."""
        match = _PROCEDURE.fullmatch(text.strip())
        if match is None:
            raise ValueError("not a national procedure code")
        if match[2] is not None:
            _parse_agency(match[2])
        return cls(match[1], match[2] or "")

    @property
    def text(self) -> str:
        """The code as it was written."""
        return f"{self.bare}.{self.suffix}" if self.suffix else self.bare


class PartyId(msgspec.Struct, frozen=True, gc=False, order=True):
    """The name of a connected system in configuration, metrics and paths: ``[a-z0-9-]``, 1 to 40 characters."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "PartyId":
        """Check a name; a ``ValueError`` says what a name may be."""
        if not _PARTY.fullmatch(text):
            raise ValueError("a party id is 1 to 40 of a-z, 0-9 and -")
        return cls(text)


@lru_cache(maxsize=16_384)
def _parse_agency(text: str) -> AgencyCode:
    if len(text) > MAX_AGENCY_LENGTH or not _GROUPS.fullmatch(text):
        raise ValueError("an agency code is 1 to 35 of 0-9, A-Z in groups separated by dots")
    if listed := _new_by_old().get(text):
        return AgencyCode(listed)
    groups = text.split(".")
    if not _TOP.fullmatch(groups[0]):
        groups.reverse()
        if not _TOP.fullmatch(groups[0]):
            raise ValueError("an agency code begins or ends with its ministry or province")
    while len(groups) > 1 and not groups[-1].strip("0"):
        groups.pop()
    return AgencyCode(".".join(groups))


@lru_cache(maxsize=16_384)
def _parse_dossier(text: str) -> DossierCode:
    code = text.strip()
    if not 1 <= len(code) <= MAX_DOSSIER_LENGTH or not code.isprintable():
        raise ValueError("a dossier code is 1 to 100 printable characters")
    match = _NATIONAL.fullmatch(code)
    if match is not None:
        day, number = match[2] or match[4], match[3] or match[5]
        try:
            issuer = _parse_agency(match[1])
            issued = date(int(day[:-4]) + (2000 if match[2] else 0), int(day[-4:-2]), int(day[-2:]))
        except ValueError:
            pass  # looks like a national form and is none: an agency or a day that does not exist
        else:
            key = f"{_with_top(issuer.normalised, _same_body(issuer.top)).normalised}-{day}-{number}"
            return DossierCode(text, "national", issuer, issued, key)
    return DossierCode(text, "party", None, None, code)


def _with_top(normalised: str, top: str) -> AgencyCode:
    return AgencyCode(top + normalised[3:])


@cache
def _same_body(top: str) -> str:
    """The newest code of the same body: successions by renaming are followed, mergers are not."""
    seen: set[str] = set()
    while top not in seen:
        seen.add(top)
        found = agency(top)
        if isinstance(found, Unknown) or not found.renamed:
            break
        top = found.successor
    return top


@cache
def _new_by_old() -> dict[str, str]:
    return {row["old"]: row["new"] for row in load("agency_notations").rows}


@cache
def _old_by_new() -> dict[str, str]:
    return {new: old for old, new in _new_by_old().items()}
