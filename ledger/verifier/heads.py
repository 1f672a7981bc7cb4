"""The map of stream heads: that what is shown of a stream is all there was, or that a stream does not exist.

A binary trie whose forks hash the number of the first bit in which the keys below differ. Its root is an entry of a log
of its own, together with size and root of the main log that it was computed from.
"""

import base64
import hashlib
import json
import struct
from typing import Any, NamedTuple

from ledger.verifier.note import Untrusted
from ledger.verifier.policy import Trust
from ledger.verifier.tree import climb, entry_hash

_LEAF = b"hub/heads/leaf/v1\x00"
_NODE = b"hub/heads/node/v1\x00"
_EMPTY = hashlib.sha256(b"hub/heads/empty/v1\x00").digest()
_BITS = 256
_ENTRY = {"input_root": str, "input_size": int, "k": str, "map_root": str, "streams": int, "v": int}


class Head(NamedTuple):
    """What the map says of a stream when the main log had ``size`` entries under ``root``; no events is count 0."""

    size: int
    root: bytes
    events: int
    head: str
    idx: int


def read_head(content: bytes, stream: str, origin: str, trust: Trust) -> Head:
    """What a proof shows of a stream (hex) of the log ``origin``.

    Raises:
        Untrusted: INCOMPLETE where the proof does not lead to a signed map, else as ``Trust.judge``.
    """
    try:
        given = json.loads(content)
        seen = trust.judge(given["checkpoint"], origin=f"{origin}/heads", quorum=False)
        entry = base64.b64decode(given["entry"], validate=True)
        inclusion = [bytes.fromhex(node) for node in given["inclusion"]]
        said = _read_entry(entry)
        at = climb(_whole(given["index"]), seen.checkpoint.size, entry_hash(entry), inclusion)
        if at != seen.checkpoint.root:
            raise Untrusted("the map is no entry of the signed log of heads", "INCOMPLETE")
        key = hashlib.sha256(bytes.fromhex(stream)).digest()
        root, found = _walk(key, given)
    except (ValueError, KeyError, TypeError, IndexError, struct.error, RecursionError) as error:
        raise Untrusted(f"a proof of the map of heads can not be read: {error}", "INCOMPLETE") from error
    if root.hex() != said["map_root"]:
        raise Untrusted("the way through the map does not lead to its root", "INCOMPLETE")
    return Head(said["input_size"], bytes.fromhex(said["input_root"]), *found)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a whole number")
    return value


def _read_entry(entry: bytes) -> dict[str, Any]:
    said = json.loads(entry)
    if json.dumps(said, sort_keys=True, separators=(",", ":")).encode() != entry:
        raise Untrusted("an entry of the log of heads is not canonical", "CANONICAL")
    if {name: type(value) for name, value in said.items()} != _ENTRY:
        raise Untrusted("an entry of the log of heads has other members", "LEAF_FORMAT")
    if (said["k"], said["v"]) != ("heads", 1):
        raise Untrusted("an entry of the log of heads of another version", "NOT_UNDERSTOOD")
    return dict(said)


def _digest(key: bytes, leaf: dict[str, Any]) -> bytes:
    packed = struct.pack(">32sQ32sQ", key, _whole(leaf["count"]), bytes.fromhex(leaf["head"]), _whole(leaf["idx"]))
    return hashlib.sha256(_LEAF + packed).digest()


def _walk(key: bytes, given: dict[str, Any]) -> tuple[bytes, tuple[int, str, int]]:
    """(root, (count, head, idx)) from the leaf at the end of the way up."""
    number = int.from_bytes(key, "big")
    bits = [_whole(step["bit"]) for step in given["path"]]
    if bits != sorted(set(bits)) or any(bit >= _BITS for bit in bits):
        raise Untrusted("the forks on the way do not follow each other", "INCOMPLETE")
    member, other = given["member"], given["other"]
    found = (0, "", 0)
    if member is not None:
        node = _digest(key, member)
        found = (member["count"], member["head"], member["idx"])
        if other is not None or not found[0]:
            raise Untrusted("a stream is there or it is not", "INCOMPLETE")
    elif other is not None:
        near = bytes.fromhex(other["key"])
        if near == key:
            raise Untrusted("the key at the end of the way is the stream's own", "INCOMPLETE")
        node = _digest(near, other)
    else:
        node = _EMPTY
        if bits:
            raise Untrusted("an empty map has no forks", "INCOMPLETE")
    for step in reversed(given["path"]):
        side = number >> (_BITS - 1 - step["bit"]) & 1
        if side != step["side"]:
            raise Untrusted("the way turns off at a fork", "INCOMPLETE")
        beside = bytes.fromhex(step["sibling"])
        left, right = (beside, node) if side else (node, beside)
        node = hashlib.sha256(_NODE + step["bit"].to_bytes(2, "big") + left + right).digest()
    return node, found
