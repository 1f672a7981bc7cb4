"""The adapter's tables as data: the status words of OpenCPS, what a state is told as, known fakes, known replies.

An unknown word is never defaulted: its record is parked. The bytes of every table are part of ``mapping_hash``.
"""

import csv
import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, get_args

from contracts import codetables
from contracts.facts import ApplicantType, State

HERE: Final = Path(__file__).parent
DIALECT: Final = "opencps_lgsp"
"""The dialect of the contract table ``applicant_types``."""

_NEAREST: Final[dict[str, ApplicantType]] = {"household_business": "business", "state_body": "organisation"}
"""What an applicant type is told as where the format has no code for it; declared as a loss."""


class Told(NamedTuple):
    """How a business state is told: OpenCPS's word, the ``Status`` of LGSP, whether ``Status`` hides it."""

    word: str
    status: int
    folded: bool


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one table by column name."""
    with (HERE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@cache
def digest() -> str:
    """SHA-256 (hex) over all tables of this folder, by name."""
    whole = hashlib.sha256()
    for path in sorted(HERE.glob("*.csv")):
        content = path.read_bytes()
        whole.update(f"{path.name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


_STATES: Final[dict[str, State]] = {str(state): state for state in get_args(State)}
STATE_OF_WORD: Final[dict[tuple[str, str], State]] = {
    (row["word"], row["sub_status"]): _STATES[row["state"]] for row in rows("statuses.csv")
}
"""(status word, sub-status) → state; sub-status "" stands for every one not listed."""

TOLD: Final[dict[str, Told]] = {
    row["state"]: Told(row["word"], int(row["status"]), row["folded"] == "yes") for row in rows("states.csv")
}
SUSPECTS: Final = {(row["member"], row["value"]): row["warning"] for row in rows("suspects.csv")}
SUSPECT_MEMBERS: Final = tuple(sorted({row["member"] for row in rows("suspects.csv")}))
LONGEST_SUSPECT: Final = max(len(row["value"]) for row in rows("suspects.csv"))


@cache
def applicant_types() -> dict[str, ApplicantType]:
    """Code of LGSP → applicant type."""
    known: dict[str, ApplicantType] = {str(kind): kind for kind in get_args(ApplicantType)}
    return {
        row["code"]: known[row["type"]] for row in codetables.load("applicant_types").rows if row["dialect"] == DIALECT
    }


@cache
def applicant_code(kind: str) -> int:
    """The code of LGSP for an applicant type, or of the nearest type it has a code for."""
    codes = {told: int(code) for code, told in applicant_types().items()}
    return codes[kind] if kind in codes else codes[_NEAREST[kind]]


@cache
def is_folded(kind: str) -> bool:
    """Whether LGSP has no code of its own for an applicant type."""
    return kind not in applicant_types().values()
