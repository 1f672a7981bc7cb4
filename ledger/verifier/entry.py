"""Reading one leaf: hashed as stored, then parsed, then required to be canonical (RFC 8785, restricted profile)."""

import json
from typing import Any

_MAX_BYTES = 65_535
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


class NotCanonical(Exception):
    """The bytes are not a leaf in its one form; the text says why."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("a name occurs twice")
    return found


def read_entry(entry: bytes) -> dict[str, Any]:
    """The members of a leaf."""
    try:
        leaf = json.loads(entry.decode(), object_pairs_hook=_unique)
        again = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"not JSON: {error}") from error
    if not isinstance(leaf, dict) or again != entry or len(entry) > _MAX_BYTES:
        raise NotCanonical("writing it again gives other bytes")
    for name, kind in _REQUIRED.items():
        if type(leaf.get(name)) is not kind:
            raise NotCanonical(f"{name} is missing or of another type")
    for name in leaf:
        if name not in _REQUIRED and type(leaf[name]) is not _OPTIONAL.get(name):
            raise NotCanonical(f"{name} does not belong here")
    return leaf
