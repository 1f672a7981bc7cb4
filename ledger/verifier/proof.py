"""One leaf under a signed checkpoint: C2SP tlog-proof."""

import base64
import re
from collections.abc import Sequence
from typing import Any

from ledger.verifier.entry import NotCanonical, read_entry
from ledger.verifier.note import Untrusted, read_checkpoint
from ledger.verifier.report import Report
from ledger.verifier.tree import climb, entry_hash

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})", re.ASCII)
_HASH_BYTES = 32


def read_proof(text: str) -> tuple[int, list[bytes], str]:
    """(index, hashes from the leaf up, checkpoint) of a proof; Untrusted by INCLUSION where it is none."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != _HEADER:
        raise Untrusted("this is not a log proof", "INCLUSION")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    match = _INDEX.fullmatch(lines[0]) if lines else None
    if match is None:
        raise Untrusted("the proof names no index", "INCLUSION")
    try:
        path = [base64.b64decode(line, validate=True) for line in lines[1:]]
    except ValueError as error:
        raise Untrusted("a hash of the proof is not base64", "INCLUSION") from error
    written = [base64.b64encode(node).decode() for node in path]
    if written != lines[1:] or any(len(node) != _HASH_BYTES for node in path):
        raise Untrusted("a hash of the proof is not a SHA-256 hash in base64", "INCLUSION")
    return int(match[1]), path, checkpoint


def verify_proof(text: str, entry: bytes, vkeys: Sequence[str]) -> dict[str, Any]:
    """Judge whether ``entry`` stands in the log that the proof's checkpoint signs, at the place its ``idx`` says."""
    report = Report("format", "signature", "leaf", "inclusion")
    index, checkpoint, size, root = -1, "", -1, b""
    path: list[bytes] = []
    try:
        index, path, checkpoint = read_proof(text)
    except Untrusted as error:
        report.fail("format", error.code, str(error))
    try:
        _, size, root = read_checkpoint(checkpoint, vkeys)
    except Untrusted as error:
        report.fail("signature", error.code, str(error))
    try:
        if read_entry(entry)["idx"] != index:
            report.fail("leaf", "INCLUSION", f"the leaf does not say it is at {index}", index + 1)
    except NotCanonical as error:
        report.fail("leaf", error.code, str(error), index + 1)
    if size < 0 or index < 0:
        report.fail("inclusion", "INCLUSION", "there is nothing to prove it with")
    elif climb(index, size, entry_hash(entry), path) != root:
        report.fail("inclusion", "INCLUSION", "the path does not lead to the signed root", index + 1)
    return report.result()
