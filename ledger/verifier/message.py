"""A message against the leaf that took it in: what the holder of a receipt can show with nothing but the receipt."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from ledger.verifier.entry import NotCanonical, read_entry
from ledger.verifier.report import Report
from ledger.verifier.tree import Tree, entry_hash

_PREFIX = b"hub/pc/v1\x00raw\x00"
_GLUE = b"hub/glue/v1\x00"
_PART = re.compile(r"([gdsar])(\d+)")


def _commitments(body: bytes, opening: Mapping[str, str]) -> list[bytes]:
    found = []
    at = 0
    seed = bytes.fromhex(opening.get("glue", ""))
    for number, shape in enumerate(opening["layout"].split()):
        match = _PART.fullmatch(shape)
        if match is None:
            raise ValueError(f"no part is written {shape}")
        content = body[at : at + int(match[2])]
        at += len(content)
        if match[1] == "g":
            salt = hashlib.sha256(_GLUE + seed + number.to_bytes(4, "big")).digest()
        else:
            salt = bytes.fromhex(opening[str(number)])
        found.append(hashlib.sha256(_PREFIX + salt + hashlib.sha256(content).digest()).digest())
    if at != len(body):
        raise ValueError(f"the parts cover {at} of {len(body)} bytes")
    return found


def verify_message(entry: bytes, opening: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Judge whether the leaf ``entry`` commits to exactly ``body``, by the salts of ``opening``."""
    report = Report("leaf", "opening", "content")
    root, count = "", -1
    try:
        parts = [item for item in read_entry(entry)["pc"] if item.get("r") == "parts"]
        root, count = parts[0]["c"], parts[0]["n"]
    except (NotCanonical, IndexError, KeyError) as error:
        report.fail("leaf", getattr(error, "code", "LEAF_FORMAT"), f"the leaf commits to no message: {error}")
    try:
        commitments = _commitments(body, opening)
    except (KeyError, ValueError) as error:
        report.fail("opening", "COMMITMENT", f"the opening does not fit: {error}")
        return report.result()
    tree = Tree()
    for commitment in commitments:
        tree.add(entry_hash(commitment))
    if len(commitments) != count or tree.root().hex() != root:
        report.fail("content", "COMMITMENT", "the leaf commits to another message")
    return report.result()
