"""One leaf under a signed checkpoint: C2SP tlog-proof."""

import base64
from collections.abc import Sequence
from typing import Any

from ledger.verifier.entry import NotCanonical, read_entry
from ledger.verifier.note import Untrusted, read_checkpoint
from ledger.verifier.report import Report
from ledger.verifier.tree import climb, entry_hash

_HEADER = "c2sp.org/tlog-proof@v1"


def _read(text: str) -> tuple[int, list[bytes], str]:
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.splitlines()
    if not blank or not lines or lines.pop(0) != _HEADER:
        raise Untrusted("this is not a log proof")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    if not lines or not lines[0].startswith("index "):
        raise Untrusted("the proof names no index")
    return int(lines[0][6:]), [base64.b64decode(line, validate=True) for line in lines[1:]], checkpoint


def verify_proof(text: str, entry: bytes, vkeys: Sequence[str]) -> dict[str, Any]:
    """Judge whether ``entry`` stands in the log that the proof's checkpoint signs, at the place its ``idx`` says."""
    report = Report("format", "signature", "leaf", "inclusion")
    index, checkpoint, size, root = -1, "", -1, b""
    path: list[bytes] = []
    try:
        index, path, checkpoint = _read(text)
    except (Untrusted, ValueError) as error:
        report.fail("format", "verify.format", str(error))
    try:
        _, size, root = read_checkpoint(checkpoint, vkeys)
    except (Untrusted, ValueError) as error:
        report.fail("signature", "verify.signature", str(error))
    try:
        if read_entry(entry)["idx"] != index:
            report.fail("leaf", "verify.index", f"the leaf does not say it is at {index}", index + 1)
    except NotCanonical as error:
        report.fail("leaf", "verify.leaf", str(error), index + 1)
    if size < 0 or index < 0:
        report.fail("inclusion", "verify.unproved", "there is nothing to prove it with")
    elif climb(index, size, entry_hash(entry), path) != root:
        report.fail("inclusion", "verify.inclusion", "the path does not lead to the signed root", index + 1)
    return report.result()
