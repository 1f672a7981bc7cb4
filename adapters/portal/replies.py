"""What the portal's reply means: a table of (code, phrase) → verdict, read top to bottom, the first row that fits.

Nothing is decided by one phrase alone: a phrase counts beside a code (or beside the fact that there is none), and
the rows that deny stand above those that affirm, because "không thành công" contains "thành công".
"""

import unicodedata
from typing import Any, Final

import msgspec

from adapters.portal.codes import PACKAGE
from adapters.portal.xmlform import flat_texts
from contracts import codetables
from contracts.delivery import Outcome, Reply, Verdict
from contracts.errors import MessageRefused

_MAX_WAIT_S: Final = 3600.0
_HTTP_ROWS: Final = frozenset((401, 403, 404, 408, 413, 429, 503))
_SERVER_FAULT: Final = 500
_CODE_NAMES: Final = ("error_code", "errorCode", "ERROR_CODE")
_TEXT_NAMES: Final = ("message", "Message", "MESSAGE")


class Row(msgspec.Struct, frozen=True):
    """One row of the table. ``code`` is a number, ``*``, ``text``, ``none``, ``unreadable`` or ``http-<status>``."""

    id: str
    code: str
    phrase: str
    verdict: Verdict
    relogin: bool


class Understood(msgspec.Struct, frozen=True):
    """A reply as understood: the row that fitted, the decoded body where there was one, how long to wait."""

    row: Row
    body: dict[str, Any]
    retry_after_s: float = 0.0

    def outcome(self) -> Outcome:
        """The verdict in the hub's vocabulary."""
        return Outcome(verdict=self.row.verdict, phrase=self.row.id, retry_after_s=self.retry_after_s)


def load() -> tuple[Row, ...]:
    """The table in its order; a verdict outside the closed list is a mistake of ours (ValidationError)."""
    rows = codetables.load("replies", PACKAGE).rows
    return tuple(msgspec.convert({**row, "relogin": row["relogin"] == "yes"}, Row) for row in rows)


ROWS: Final = load()


_BY_ID: Final = {row.id: row for row in ROWS}


def by_id(row: str) -> Row:
    """A row by its name, for exchanges that end before there is a reply to classify."""
    return _BY_ID[row]


def fold(text: str) -> str:
    """Text as the table writes phrases: no diacritics, đ as d, lower case, single spaces."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(plain.replace("đ", "d").replace("Đ", "d").casefold().split())


def classify(code: str, text: str = "", rows: tuple[Row, ...] = ROWS) -> Row:
    """The first row that fits a code and a text; the last row fits everything."""
    folded = fold(text)
    numeric = code.lstrip("-").isdigit()
    for row in rows:
        if (row.code == code or (row.code == "*" and (numeric or not row.phrase))) and row.phrase in folded:
            return row
    return rows[-1]


def understand(reply: Reply) -> Understood:
    """Understand one reply. Never raises: what can not be read is ``unknown``."""
    wait_s = _retry_after(reply)
    if reply.status >= _SERVER_FAULT or reply.status in _HTTP_ROWS:
        code = f"http-{reply.status}" if reply.status in _HTTP_ROWS else "http-other"
        return Understood(classify(code), {}, wait_s)
    body, text = _decode(reply.body)
    if body is None:
        return Understood(classify("text" if text else "unreadable", text), {}, wait_s)
    code = code_of(next((body[name] for name in _CODE_NAMES if name in body), None))
    message = next((body[name] for name in _TEXT_NAMES if isinstance(body.get(name), str)), "")
    return Understood(classify(code, message), body, wait_s)


def code_of(value: object) -> str:
    """A code in one spelling: 0, "0", "00" and 0.0 are "0"; what is no number is "none"."""
    if isinstance(value, bool) or value is None:
        return "none"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else "none"
    digits = str(value).strip()
    bare = digits.removeprefix("-")
    if not (bare.isascii() and bare.isdigit()) or len(bare) > 9:  # noqa: PLR2004  # far beyond any code
        return "none"
    return str(int(digits))


def _decode(body: bytes) -> tuple[dict[str, Any] | None, str]:
    """The members of a JSON or XML reply, or (None, its text), or (None, "")."""
    start = body.lstrip()[:1]
    if start == b"<":
        try:
            return flat_texts(body)[1], ""
        except MessageRefused:
            return None, ""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        if start in {b"{", b"["}:
            return None, ""
        value = body.decode("utf-8", "replace")
    if isinstance(value, dict):
        return value, ""
    return None, value.strip() if isinstance(value, str) else ""


def _retry_after(reply: Reply) -> float:
    value = next((text for name, text in reply.headers if name == "retry-after"), "").strip()
    return min(float(value), _MAX_WAIT_S) if value.isascii() and value.isdigit() else 0.0
