"""The canonical bytes of one leaf; nothing else decides what is hashed.

A leaf is a small JSON object in the restricted profile of RFC 8785 (JCS): UTF-8, sorted keys, no white space, no
floats, integers within ±(2^53−1), no null, times RFC 3339 UTC with six fraction digits and ``Z``, hashes in lower-case
hex. It holds salted commitments and random ids, never personal data and never an unsalted hash of content.

A verifier hashes the stored bytes, then parses them, then requires that encoding again gives the same bytes.

========  ====================================================================================================
``v``     format version, 1
``k``     kind: ``event``, ``key``, ``cfg``, ``conflict``, ``anchor``, ``erase``
``idx``   dense index of the leaf, position − 1
``sid``   stream id, 16 random bytes (UUIDv7)
``rev``   revision inside the stream, from 0, no gaps
``prev``  leaf hash of revision rev − 1; zeros at revision 0
``typ``   stable name of the event, never a code path; ``sv`` its schema version
``eid``   HMAC of (party, message id) under the hub's secret, where the message had an id
``tr``    time of recording, never decreasing along ``idx``
``src``   party that brought it
``msg``   position of the message that caused it
``pc``    commitments: ``body`` (the event), ``raw`` (the dossier's own part), ``parts`` (root over ``n`` parts)
``cfg``   hash of the configuration in force
========  ====================================================================================================
"""

import json
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec

from contracts.errors import IntegrityViolation
from contracts.moment import from_datetime

VERSION: Final = 1
MAX_BYTES: Final = 65_535
"""A C2SP tlog-tiles entry has a 16-bit length."""
NO_PREV: Final = "0" * 64
BODY_PREFIX: Final = b"hub/pc/v1\x00body\x00"
RAW_PREFIX: Final = b"hub/pc/v1\x00raw\x00"


class Commitment(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One salted commitment: ``c`` its value in hex, ``r`` its role, ``n`` the number of parts under a root."""

    c: str
    r: Literal["body", "raw", "parts"]
    n: int = 0


class Leaf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One leaf, its fields as they are written."""

    v: int
    k: Literal["event", "key", "cfg", "conflict", "anchor", "erase"]
    idx: int
    sid: str
    rev: int
    prev: str
    typ: str
    sv: int
    tr: str
    pc: tuple[Commitment, ...]
    eid: str = ""
    src: str = ""
    msg: int = 0
    cfg: str = ""


def commit_to(prefix: bytes, salt: bytes, content: bytes) -> bytes:
    """The salted commitment SHA-256(prefix ‖ salt ‖ SHA-256(content)), 32 bytes; ``prefix`` names format and role."""
    return sha256(prefix + salt + sha256(content).digest()).digest()


def compose(  # noqa: PLR0913  # the fields of one leaf, given one by one because building an object first doubles the cost
    *,
    cfg: str,
    eid: str,
    idx: int,
    kind: str,
    msg: int,
    pc: str,
    prev: str,
    rev: int,
    sid: str,
    src: str,
    sv: int,
    tr: str,
    typ: str,
) -> bytes:
    """The canonical bytes from ready pieces. ``cfg``, ``eid`` and ``src`` are whole members with their comma, or "".

    ``pc`` is the inside of the array, made by ``commitment_json``. Equal to ``encode`` for every leaf (property test).
    """
    message = f'"msg":{msg},' if msg else ""
    return (
        f'{{{cfg}{eid}"idx":{idx},"k":"{kind}",{message}"pc":[{pc}],"prev":"{prev}","rev":{rev},"sid":"{sid}",'
        f'{src}"sv":{sv},"tr":"{tr}","typ":"{typ}","v":1}}'
    ).encode()


def member(name: str, value: str) -> str:
    """``"name":"value",`` for ``compose``; "" when there is no value."""
    return f'"{name}":{json.dumps(value, ensure_ascii=False)},' if value else ""


def encode(leaf: Leaf) -> bytes:
    """The canonical bytes of a leaf by plain sorted JSON."""
    return json.dumps(msgspec.to_builtins(leaf), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


_DECODER: Final = msgspec.json.Decoder(Leaf)


def parse(entry: bytes) -> Leaf:
    """Read stored bytes; ``ledger.corrupt`` unless they are exactly the canonical form of what they say."""
    try:
        leaf = _DECODER.decode(entry)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise IntegrityViolation("ledger.corrupt", f"a leaf can not be read: {error}") from error
    if len(entry) > MAX_BYTES or encode(leaf) != entry:
        raise IntegrityViolation("ledger.corrupt", f"leaf {leaf.idx} is not in canonical form")
    return leaf


def recorded_us(entry: bytes) -> int:
    """The ``tr`` of stored leaf bytes in microseconds since 1970 UTC, without reading the rest."""
    return version_and_time(entry)[1]


def version_and_time(entry: bytes) -> tuple[int, int]:
    """``sv`` and ``tr`` (microseconds since 1970 UTC) of stored leaf bytes, without reading the rest."""
    at = entry.rindex(b'"sv":') + 5
    end = entry.index(b",", at)
    # ,"tr":"2026-01-05T00:00:00.000000Z": the second begins 7 bytes on, its fraction 27
    return int(entry[at:end]), _second_us(entry[end + 7 : end + 26]) + int(entry[end + 27 : end + 33])


@lru_cache(maxsize=1_024)
def _second_us(text: bytes) -> int:
    return from_datetime(datetime.fromisoformat(text.decode() + "Z"))


def describe(entry: bytes) -> dict[str, Any]:
    """The members of a leaf as plain values, for people."""
    plain: dict[str, Any] = msgspec.to_builtins(parse(entry))
    return plain
