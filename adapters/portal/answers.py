"""Answers in mapi's own shape: a closed table of codes, a message that is never null, HTTP 200.

0 accepted (also when parked: it is ours then) · -3 already exists · 1 invalid · 2 session missing or expired ·
4 agency outside the credential · 6 busy. Codes go out as strings, because one sender takes nothing but ``"0"`` for
success. An acceptance says "thành công" and no refusal does, because other senders look for that phrase alone.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.portal.xmlform import encode
from contracts.errors import FieldError, HubError, MessageRefused, Overloaded, field_error
from contracts.ports import Admitted, RecordOutcome

ACCEPTED: Final = "0"
EXISTS: Final = "-3"
INVALID: Final = "1"
NO_SESSION: Final = "2"
FORBIDDEN: Final = "4"
BUSY: Final = "6"

CODE_OF: Final = {
    "intake.exists": EXISTS,
    "intake.agency_forbidden": FORBIDDEN,
    "intake.party_disabled": FORBIDDEN,
    "transport.forbidden": FORBIDDEN,
    "transport.unauthenticated": NO_SESSION,
    "transport.session_expired": NO_SESSION,
    "hub.quota": BUSY,
    "hub.overloaded": BUSY,
    "hub.draining": BUSY,
    "testimony.stale": BUSY,
}
"""mapi's code for a code of ours; every other refusal is *invalid*."""

_SUCCESS: Final = "thành công"
_json: Final = msgspec.json.Encoder().encode


def code_of(code: str) -> str:
    """The mapi code of one of our codes."""
    return CODE_OF.get(code, INVALID)


def admitted(outcome: Admitted) -> dict[str, Any]:
    """The answer to a packet: 0 only when every record was accepted, else the one code all refused share, else 1."""
    refused = [record for record in outcome.records if record.state == "refused"]
    accepted = len(outcome.records) - len(refused)
    base = {"message_id": outcome.message_id, "accepted": accepted}
    if not refused:
        return {"error_code": ACCEPTED, "message": f"Tiếp nhận thành công {accepted} bản ghi.", **base, "errors": []}
    codes = {code_of(_first(record).code) for record in refused}
    first = _first(refused[0])
    return {
        "error_code": codes.pop() if len(codes) == 1 else INVALID,
        "message": silenced(f"{len(refused)}/{len(outcome.records)} bản ghi không được tiếp nhận. {first.vi}"),
        **base,
        "errors": [_entry(record, error) for record in refused for error in record.errors or (_first(record),)],
    }


def refused(error: HubError, *, message_id: str = "") -> dict[str, Any]:
    """The answer to a message that was not taken at all."""
    faults = error.errors if isinstance(error, MessageRefused) else (field_error(error.code),)
    return {
        "error_code": code_of(error.code),
        "message": silenced(error.vi),
        "message_id": message_id,
        "accepted": 0,
        "errors": [_fault(fault) for fault in faults],
    }


def result(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer to a read."""
    return {"error_code": ACCEPTED, "message": "Tra cứu thành công.", "result": list(rows)}


def respond(answer: Mapping[str, Any], *, root: str = "", status: int = 200, wait_s: int = 0) -> web.Response:
    """An answer on the wire: JSON, or XML under ``root`` for callers that spoke XML. ``wait_s`` > 0: Retry-After."""
    headers = {"Cache-Control": "no-store"}
    if wait_s:
        headers["Retry-After"] = str(wait_s)
    if root:
        return web.Response(
            status=status, body=encode(root, answer), headers=headers, content_type="application/xml", charset="utf-8"
        )
    return web.Response(
        status=status, body=_json(answer), headers=headers, content_type="application/json", charset="utf-8"
    )


def wait_of(error: HubError) -> int:
    """Whole seconds to wait before the same message may be sent again, 0 where waiting would not help."""
    return max(1, round(error.retry_after_s)) if isinstance(error, Overloaded) else 0


def silenced(text: str) -> str:
    """A text of a refusal without the phrase that senders take for success, in whatever spelling it came in."""
    plain = unicodedata.normalize("NFC", text)
    at = plain.casefold().find(_SUCCESS)
    while at >= 0:
        plain = plain[:at] + "…" + plain[at + len(_SUCCESS) :]
        at = plain.casefold().find(_SUCCESS)
        text = plain
    return text


def _first(record: RecordOutcome) -> FieldError:
    return record.errors[0] if record.errors else field_error("read.structure", name="")


def _entry(record: RecordOutcome, error: FieldError) -> dict[str, Any]:
    return {"index": record.index, "MaHoSo": silenced(record.code), **_fault(error)}


def _fault(error: FieldError) -> dict[str, Any]:
    entry = {
        "error_code": code_of(error.code),
        "code": error.code,
        "path": silenced(error.path),
        "vi": silenced(error.vi),
        "en": silenced(error.en),
    }
    return {**entry, "line": error.line} if error.line else entry
