"""JSON in JSON: how DVCLT nests a message, taken apart without losing where each part stood.

The message is the object itself, an object in ``data``, or, in practice, a JSON string in ``data`` of either. The
wrappers are glue; the innermost object is the message.
"""

import re
from typing import Any, Final

import msgspec

from contracts import strict_json
from contracts.errors import FieldError, MessageRefused
from contracts.reading import Note, Span

MAX_NESTING: Final = 4
"""The real service nests twice; more than this is somebody's loop."""

_as_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_KEY: Final = re.compile(rb"duLieuTepDinhKem|giayKhai(?:Sinh|Tu)")
"""The members that hold Base64."""

_KEY_TO_VALUE: Final = 24
"""At most so many bytes (quotes, colon, blanks, backslashes) stand between the key and the Base64 text."""


class Opened(msgspec.Struct, frozen=True):
    """The innermost object, its own JSON text, and the JSON Pointer at which it was reached ("" = not nested)."""

    value: dict[str, Any]
    raw: bytes
    path: str


def open_carrier(raw: bytes) -> Opened:
    """Decode strictly, wrapper by wrapper.

    Refuses as ``strict_json.decode`` does, and ``read.too_deep`` beyond ``MAX_NESTING`` wrappers, ``read.structure``
    where something other than an object stands.
    """
    value = strict_json.decode(raw)
    path = ""
    for _ in range(MAX_NESTING + 1):
        if not isinstance(value, dict):
            raise MessageRefused("read.structure", path or "/", name=path or "/")
        data = value.get("data")
        if isinstance(data, dict):
            raw = bytes(_as_members(raw)["data"])
            value = data
        elif isinstance(data, str) and data.lstrip(" \t\r\n")[:1] in {"{", "["}:
            raw = data.encode()
            value = strict_json.decode(raw)
        else:
            return Opened(value, raw, path)
        path += "/data"
    raise MessageRefused("read.too_deep", path, limit=MAX_NESTING)


def placed(errors: tuple[FieldError, ...] | list[FieldError], path: str) -> tuple[FieldError, ...]:
    """Errors of a nested part, with the path of the whole message."""
    if not path:
        return tuple(errors)
    return tuple(msgspec.structs.replace(error, path=path + error.path) for error in errors)


def numbers_as_text(value: dict[str, Any], numbers: frozenset[str], path: str) -> list[Note]:
    """Take numbers where the format says text as their digits, each with a warning; ``numbers`` may be numbers."""
    notes: list[Note] = []
    for name, member in value.items():
        if type(member) is int and name not in numbers:
            value[name] = str(member)
            notes.append(Note("warn.number_for_string", f"{path}/{name}"))
    return notes


def attachment_spans(body: bytes, contents: list[str]) -> tuple[Span, ...]:
    """Where the Base64 texts of the attachments stand in the body, in order.

    A text that was written with escapes has no contiguous range under its own bytes; it stays with its dossier.
    """
    spans: list[Span] = []
    at = 0
    for content in contents:
        wanted = content.encode()
        while (key := _KEY.search(body, at)) is not None:
            at = key.end()
            start = body.find(wanted, at, at + _KEY_TO_VALUE + len(wanted))
            if start >= 0:
                at = start + len(wanted)
                spans.append((start, at))
                break
    return tuple(spans)
