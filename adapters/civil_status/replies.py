"""How DVCLT's replies are understood: rows of ``tables/replies.csv``, the first that matches as a whole.

A phrase is compared after NFC, case folding and white-space folding, and must be the *whole* text: ``{code}`` stands
for an optional dossier code, ``{any}`` for any tail. So "không thành công" is never taken for "thành công". In the
column ``status`` a leading ``!`` means "anything but" and ``-`` means that the reply states none.
"""

import re
from typing import Any, Final, NamedTuple, cast

import msgspec

from adapters.civil_status.tables import folded, rows
from contracts import strict_xml
from contracts.delivery import Outcome, Reply, Verdict
from contracts.errors import MessageRefused

DEFAULT_RETRY_S: Final = 60.0
"""DVCLT is polled every few minutes in practice; a retry sooner than a minute only meets the same fault."""
_MAX_RETRY_S: Final = 3_600.0
_ABSENT: Final = "-"
_TEXT_MEMBERS: Final = ("errorDescription", "statusDescription", "message", "title", "detail", "value")
_CODE: Final = r"(?:[0-9a-z][0-9a-z./_\-]* ?)?"


class _Row(NamedTuple):
    verdict: Verdict
    http: int
    status: str
    code: str
    phrase: re.Pattern[str] | None
    name: str


class _Said(NamedTuple):
    """What a reply says, whatever shape it came in."""

    http: int
    status: str
    code: str
    texts: tuple[str, ...]


def classify(reply: Reply) -> Outcome:
    """Understand the reply to one push.

    What no row knows is *unknown*, never done: the hub then asks or sends once more with doubt.
    """
    said = _said(reply)
    for row in _ROWS:
        if _matches(row, said):
            wait = _retry_after(reply) if row.verdict == "retry" else 0.0
            return Outcome(verdict=row.verdict, phrase=row.name, retry_after_s=wait)
    return Outcome(verdict="unknown", phrase="")


def _matches(row: _Row, said: _Said) -> bool:
    if row.http and row.http != said.http:
        return False
    if row.status and (row.status.removeprefix("!") == (said.status or _ABSENT)) == row.status.startswith("!"):
        return False
    if row.code and row.code != said.code:
        return False
    pattern = row.phrase
    return pattern is None or any(pattern.fullmatch(text) for text in said.texts)


def _said(reply: Reply) -> _Said:
    """Take a reply apart: a JSON object, a JSON string, a SOAP fault, or plain text."""
    body = reply.body.strip()
    if body[:1] == b"<":
        return _Said(reply.status, "", "", ("soap fault",) if _is_fault(body) else ())
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Said(reply.status, "", "", (folded(body[:2_000].decode(errors="replace")),))
    if isinstance(value, dict):
        texts = tuple(folded(text) for name in _TEXT_MEMBERS if isinstance(text := value.get(name), str))
        return _Said(reply.status, _word(value.get("status")), _word(value.get("errorCode")), texts)
    return _Said(reply.status, "", "", (folded(value),) if isinstance(value, str) else ())


def _word(value: object) -> str:
    """A code that is sent as a number by some and as text by others."""
    return str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _is_fault(body: bytes) -> bool:
    try:
        root = strict_xml.parse(body)
    except MessageRefused:
        return False
    return any(node.tag.rpartition("}")[2] == "Fault" for node in root.iter())


def _retry_after(reply: Reply) -> float:
    for name, value in reply.headers:
        if name == "retry-after" and value.isascii() and value.isdigit():
            return min(float(value), _MAX_RETRY_S)
    return DEFAULT_RETRY_S


def _compile(phrase: str) -> re.Pattern[str] | None:
    if not phrase:
        return None
    parts = re.split(r"(\{code\} ?|\{any\})", phrase)
    pattern = "".join(
        _CODE if part.startswith("{code}") else ".*" if part == "{any}" else re.escape(part.casefold())
        for part in parts
    )
    return re.compile(pattern, re.DOTALL)


def _row(row: dict[str, str]) -> _Row:
    said = [f"{name}={row[name]}" for name in ("http", "status", "code", "phrase") if row[name]]
    return _Row(
        verdict=cast("Verdict", row["verdict"]),
        http=int(row["http"] or 0),
        status=row["status"],
        code=row["code"],
        phrase=_compile(row["phrase"]),
        name=" ".join(said),
    )


_ROWS: Final = tuple(_row(row) for row in rows("replies.csv"))
