"""JSON in JSON: how DVCLT nests a message, taken apart without losing where each part stood.

The message is the object itself, an object in ``data``, or, in practice, a JSON string in ``data`` of either. The
wrappers are glue; the innermost object is the message.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from contracts import strict_json
from contracts.errors import FieldError, MessageRefused
from contracts.reading import Note, Span

MAX_NESTING: Final = 4
"""The real service nests twice; more than this is somebody's loop."""

MOST_UNKNOWN: Final = 50
LONGEST_NAME: Final = 80

_as_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_ATTACHED: Final = re.compile(
    rb'(?:duLieuTepDinhKem|giayKhai(?:Sinh|Tu))\\*"[ \t\r\n]*:[ \t\r\n]*(\\*)"([A-Za-z0-9+/=\\]+)"'
)
"""A member that holds Base64: the backslashes of its quotes (none outside strings), the text with those of its last."""


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


def refusal_of(errors: Sequence[FieldError]) -> MessageRefused:
    """The refusal of one record, under the code of its first fault, with all of them."""
    return MessageRefused(errors[0].code, errors=tuple(errors))


def unknown_members(value: Mapping[str, Any], known: frozenset[str], path: str) -> list[Note]:
    """A warning for each member outside the standard; so many and so long at most that no sender can bloat them."""
    if value.keys() <= known:
        return []
    unknown = (name for name in value if name not in known)
    return [unknown_field(path, name) for name in islice(unknown, MOST_UNKNOWN)]


def unknown_field(path: str, name: str) -> Note:
    """The warning for one unknown field; its name as a token of a JSON Pointer (RFC 6901), cut off where it is long."""
    token = name[:LONGEST_NAME].replace("~", "~0").replace("/", "~1")
    return Note("warn.unknown_field", f"{path}/{token}")


def numbers_as_text(value: dict[str, Any], texts: frozenset[str], path: str) -> list[Note]:
    """Take numbers where the format says text (the members ``texts``) as their digits, each with a warning."""
    notes: list[Note] = []
    for name, member in value.items():
        if type(member) is int and name in texts:
            value[name] = str(member)
            notes.append(Note("warn.number_for_string", f"{path}/{name}"))
    return notes


def attachment_spans(body: bytes) -> tuple[Span, ...]:
    """Where the Base64 texts of attachments stand in the body, in order, at any depth of JSON in JSON.

    The range is that of the text as it is written, escapes included, without its quotes.
    """
    return tuple((match.start(2), match.end(2) - len(match[1])) for match in _ATTACHED.finditer(body))
