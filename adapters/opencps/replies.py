"""What a reply means: a table of (HTTP status, MResult.Status, phrase) → verdict, the first row that fits.

The rows that deny stand above those that affirm, because "không thành công" contains "thành công". ``MResult`` is
``{Status, Message}``; the sender in use sees the HTTP status alone, so gateways of every kind stand in between: their
plain texts and empty bodies are understood too, and what no row knows is *unknown*, never done.
"""

import unicodedata
from typing import Any, Final, cast

import msgspec

from adapters.opencps import tables
from contracts.delivery import Outcome, Reply, Verdict

DEFAULT_WAIT_S: Final = 5.0
_MAX_WAIT_S: Final = 3_600.0
_MAX_TEXT: Final = 2_000
_GOOD: Final = frozenset(("1", "200", "true"))
_MEMBERS: Final = ("status", "message", "fault", "error", "error_description")


class Row(msgspec.Struct, frozen=True):
    """One row. ``http`` is a status, its first digit and ``*``, or ``*``; ``said`` is ok · no · text · none · ``*``."""

    id: str
    http: str
    said: str
    phrase: str
    verdict: Verdict
    renew: bool


ROWS: Final = tuple(
    Row(
        id=row["id"],
        http=row["http"],
        said=row["status"] or "*",
        phrase=row["phrase"],
        verdict=cast("Verdict", row["verdict"]),
        renew=row["renew"] == "yes",
    )
    for row in tables.rows("replies.csv")
)


def understand(reply: Reply) -> tuple[Row, Outcome]:
    """The row that fits a reply, and the outcome in the hub's vocabulary. Never raises."""
    said, text = _said(reply.body)
    row = classify(reply.status, said, text)
    wait = _retry_after(reply) if row.verdict == "retry" else 0.0
    return row, Outcome(verdict=row.verdict, phrase=row.id, retry_after_s=wait)


def classify(http: int, said: str, text: str, rows: tuple[Row, ...] = ROWS) -> Row:
    """The first row that fits; the last row fits everything."""
    folded = fold(text)
    status = str(http)
    for row in rows:
        if row.http not in {status, f"{status[:1]}*", "*"}:
            continue
        if row.said in {said, "*"} and row.phrase in folded:
            return row
    return rows[-1]


def fold(text: str) -> str:
    """Text as the table writes phrases: no diacritics, đ as d, lower case, single spaces."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(plain.replace("đ", "d").replace("Đ", "d").casefold().split())


def _said(body: bytes) -> tuple[str, str]:
    """What a body says: ok or no (it has a status), text, none, or unreadable; and its words."""
    stripped = body.strip()
    if not stripped:
        return "none", ""
    try:
        value: Any = msgspec.json.decode(stripped)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ("unreadable" if stripped[:1] == b"<" else "text"), stripped[:_MAX_TEXT].decode(errors="replace")
    if isinstance(value, str):
        return "text", value[:_MAX_TEXT]
    if not isinstance(value, dict):
        return "unreadable", ""
    members = {str(name).casefold(): member for name, member in value.items()}
    words = " ".join(_words(members.get(name)) for name in _MEMBERS if name != "status")[:_MAX_TEXT]
    status = members.get("status")
    if status is None:
        return ("text" if words.strip() else "none"), words
    return ("ok" if str(status).strip().casefold() in _GOOD else "no"), words


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return " ".join(one for one in value.values() if isinstance(one, str))
    return ""


def _retry_after(reply: Reply) -> float:
    for name, value in reply.headers:
        if name == "retry-after" and value.isascii() and value.isdigit():
            return min(float(value), _MAX_WAIT_S)
    return DEFAULT_WAIT_S
