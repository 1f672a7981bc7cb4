"""Judges a completeness proof from its JSON form alone, written after the format page and not after our trie."""

import json
from base64 import b64decode
from hashlib import sha256
from typing import Any

from contracts.errors import HubError
from ledger import checkpoint, merkle, note

EMPTY = sha256(b"hub/heads/empty/v1\0").digest()


def leaf_hash(key: bytes, value: dict[str, Any]) -> bytes:
    """The hash of one stream's leaf."""
    numbers = int(value["count"]).to_bytes(8, "big"), int(value["idx"]).to_bytes(8, "big")
    return sha256(b"hub/heads/leaf/v1\0" + key + numbers[0] + bytes.fromhex(value["head"]) + numbers[1]).digest()


def bit(key: bytes, at: int) -> int:
    """One bit of a key, 0 = the most significant."""
    return int.from_bytes(key, "big") >> (255 - at) & 1


def map_root(stream: bytes, proof: dict[str, Any]) -> bytes | None:
    """The map's root that a proof leads to, None where it proves nothing about this stream."""
    key = sha256(stream).digest()
    member, other, path = proof["member"], proof["other"], proof["path"]
    if member is None and other is None:
        return EMPTY if not path else None
    reached = key if member is not None else bytes.fromhex(other["key"])
    if (member is not None and other is not None) or (member is None and reached == key):
        return None
    bits = [step["bit"] for step in path]
    if bits != sorted(set(bits)) or any(not 0 <= at < 256 for at in bits):
        return None
    if any(step["side"] != bit(key, step["bit"]) or step["side"] != bit(reached, step["bit"]) for step in path):
        return None
    digest = leaf_hash(reached, member or other)
    for step in reversed(path):
        sibling = bytes.fromhex(step["sibling"])
        pair = sibling + digest if step["side"] else digest + sibling
        digest = sha256(b"hub/heads/node/v1\0" + int(step["bit"]).to_bytes(2, "big") + pair).digest()
    return digest


def judge(stream: bytes, proof: dict[str, Any], vkey: str) -> dict[str, Any] | None:
    """The entry under which a proof holds, None where it does not hold."""
    try:
        head = checkpoint.open_checkpoint(proof["checkpoint"], [note.parse_vkey(vkey)])
    except (HubError, ValueError):
        return None
    entry = b64decode(proof["entry"])
    path = [bytes.fromhex(node) for node in proof["inclusion"]]
    if merkle.root_from_inclusion(proof["index"], head.size, merkle.leaf_hash(entry), path) != head.root:
        return None
    said: dict[str, Any] = json.loads(entry)
    if said["k"] != "heads" or said["v"] != 1:
        return None
    found = map_root(stream, proof)
    return said if found is not None and found.hex() == said["map_root"] else None
