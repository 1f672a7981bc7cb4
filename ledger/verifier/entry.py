"""Reading one leaf: hashed as stored, then parsed, then required to be canonical (RFC 8785, restricted profile)."""

import json
import re
import unicodedata
from typing import Any

_MAX_BYTES = 65_535
_MOST = 2**53 - 1
_KINDS = frozenset({"event", "key", "cfg", "conflict", "anchor", "erase"})
_REQUIRED = {
    "idx": int,
    "k": str,
    "pc": list,
    "prev": str,
    "rev": int,
    "sid": str,
    "sv": int,
    "tr": str,
    "typ": str,
    "v": int,
}
_OPTIONAL = {"cfg": str, "eid": str, "msg": int, "src": str}
_SHAPES = {
    "eid": re.compile(r"[0-9a-f]{64}"),
    "prev": re.compile(r"[0-9a-f]{64}"),
    "sid": re.compile(r"[0-9a-f]{32}"),
    "tr": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII),
}
_PLAIN = rb'[^"\\\x00-\x1f\x7f-\xff]++'
"""Printable ASCII without what JSON escapes. Possessive, as all below: nothing here ever needs to be tried again."""
_NUMBER = rb"0|[1-9][0-9]{0,14}"
_ITEM = rb'\{"c":"[0-9a-f]{64}+"(?:,"n":(?:' + _NUMBER + rb'))?,"r":"(?:body|raw|parts)"\}'
_PLACE = re.compile(
    rb'\{(?:"cfg":"' + _PLAIN + rb'",)?(?:"eid":"[0-9a-f]{64}+",)?"idx":(' + _NUMBER + rb"),"
    rb'"k":"(?:event|key|cfg|conflict|anchor|erase)",(?:"msg":(?:' + _NUMBER + rb"),)?"
    rb'"pc":\[(?:' + _ITEM + rb"(?:," + _ITEM + rb")*+)?\],"
    rb'"prev":"([0-9a-f]{64}+)","rev":(' + _NUMBER + rb'),"sid":"([0-9a-f]{32}+)",'
    rb'(?:"src":"' + _PLAIN + rb'",)?"sv":(?:' + _NUMBER + rb"),"
    rb'"tr":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)","typ":"(?:' + _PLAIN + rb')","v":1\}'
)


class NotCanonical(Exception):
    """The bytes are not a leaf in its one form; the text says why, ``code`` by which rule."""

    def __init__(self, detail: str, code: str = "CANONICAL") -> None:
        super().__init__(detail)
        self.code = code


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("a name occurs twice")
    return found


def place_of(entry: bytes) -> tuple[int, bytes, int, bytes, bytes] | None:
    """(idx, prev, rev, sid, tr) of a leaf in the common canonical form; None where ``read_entry`` has to judge it."""
    match = _PLACE.fullmatch(entry)
    if match is None:
        return None
    idx, prev, rev, sid, tr = match.groups()
    return int(idx), prev, int(rev), sid, tr


def read_entry(entry: bytes) -> dict[str, Any]:
    """The members of a leaf.

    Raises:
        NotCanonical: LEAF_FORMAT, NOT_UNDERSTOOD (a version or kind that this verifier does not know) or CANONICAL.
    """
    if not 0 < len(entry) <= _MAX_BYTES:
        raise NotCanonical(f"a leaf of {len(entry)} bytes", "LEAF_FORMAT")
    try:
        leaf = json.loads(entry.decode(), object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
        again = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"not JSON: {error}") from error
    if not isinstance(leaf, dict) or again != entry:
        raise NotCanonical("writing it again gives other bytes")
    if not entry.isascii() and not unicodedata.is_normalized("NFC", entry.decode()):
        raise NotCanonical("a text is not in normalisation form C")
    _judge_version(leaf)
    for name, kind in _REQUIRED.items():
        if type(leaf.get(name)) is not kind:
            raise NotCanonical(f"{name} is missing or of another type", "LEAF_FORMAT")
    for name, value in leaf.items():
        _judge_member(name, value)
    return leaf


def _no_float(text: str) -> Any:
    raise NotCanonical(f"{text[:20]} is not a whole number")


def _judge_version(leaf: dict[str, Any]) -> None:
    if type(leaf.get("v")) is int and leaf["v"] != 1:
        raise NotCanonical(f"version {leaf['v']} of the format", "NOT_UNDERSTOOD")
    if isinstance(leaf.get("k"), str) and leaf["k"] not in _KINDS:
        raise NotCanonical(f"a leaf of kind {leaf['k'][:40]!r}", "NOT_UNDERSTOOD")


def _judge_member(name: str, value: Any) -> None:
    if name not in _REQUIRED and type(value) is not _OPTIONAL.get(name):
        raise NotCanonical(f"{name[:40]} does not belong here", "LEAF_FORMAT")
    if type(value) is int and not 0 <= value <= _MOST:
        raise NotCanonical(f"{name} is out of range", "LEAF_FORMAT")
    if name in _SHAPES and not _SHAPES[name].fullmatch(value):
        raise NotCanonical(f"{name} has another form", "LEAF_FORMAT")
    if name == "pc":
        for one in value:
            known = isinstance(one, dict) and one.get("r") in {"body", "raw", "parts"} and one.keys() <= {"c", "n", "r"}
            if not known or not re.fullmatch(r"[0-9a-f]{64}", str(one.get("c"))) or type(one.get("n", 0)) is not int:
                raise NotCanonical("a commitment of another form", "LEAF_FORMAT")
