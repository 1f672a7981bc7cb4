"""What one sender can show with the receipts it kept: that its messages stand in the log, in its order, without a gap.

Every party has a stream of its own in the log: revision n is the n-th message that the hub took from it, taken,
refused or in conflict, and names the leaf before. So a sender that counts what it sent can show that one was dropped:
two receipts of consecutive revisions leave no room between them, and two receipts that name other leaves at one
revision are two histories, both signed.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.verifier.entry import NotCanonical, read_entry
from ledger.verifier.proof import verify_proof
from ledger.verifier.report import Report
from ledger.verifier.tree import entry_hash

_START = "0" * 64


def verify_source(
    receipts: Sequence[Mapping[str, Any]], vkeys: Sequence[str], others: Iterable[bytes] = ()
) -> dict[str, Any]:
    """Judge the receipts of one sender, in any order, as one sequence.

    ``others`` are leaves of the same stream without a receipt (refused messages), as the published log gives them: they
    fill gaps and are not judged by themselves. The detail of ``gaps`` tells which revisions follow each other.
    """
    report = Report("receipts", "stream", "order", "gaps", "chain")
    leaves: dict[int, tuple[str, dict[str, Any]]] = {}
    streams: list[str] = []
    for number, receipt in enumerate(receipts):
        try:
            entry = base64.b64decode(receipt["leaf"], validate=True)
            _take(entry, leaves, streams, report)
            _judge_receipt(receipt, entry, vkeys, report)
        except (NotCanonical, KeyError, TypeError, ValueError) as error:
            report.fail("receipts", "LEAF_FORMAT", f"receipt {number} can not be read: {error}")
    for entry in others:
        try:
            if read_entry(entry)["sid"] in streams[:1]:
                _take(entry, leaves, streams, report)
        except NotCanonical as error:
            report.fail("receipts", "LEAF_FORMAT", f"a leaf can not be read: {error}")
    _judge_sequence(leaves, report)
    return report.result()


def _take(entry: bytes, leaves: dict[int, tuple[str, dict[str, Any]]], streams: list[str], report: Report) -> None:
    leaf = read_entry(entry)
    position = leaf["idx"] + 1
    streams.append(leaf["sid"])
    if leaf["sid"] != streams[0]:
        report.fail("stream", "CHAIN", f"{leaf['sid']} is another stream than {streams[0]}", position)
        return
    digest = entry_hash(entry).hex()
    known = leaves.setdefault(leaf["rev"], (digest, leaf))
    if known[0] != digest:
        report.fail("order", "STREAM_FORK", f"two messages at revision {leaf['rev']}: two histories", position)


def _judge_receipt(receipt: Mapping[str, Any], entry: bytes, vkeys: Sequence[str], report: Report) -> None:
    leaf = read_entry(entry)
    position = leaf["idx"] + 1
    if receipt["leaf_hash"] != entry_hash(entry).hex() or receipt["position"] != position:
        report.fail("receipts", "LEAF_HASH", "leaf hash or position are not those of the leaf", position)
    source = receipt["source"]
    if (source["stream"], source["rev"], source["prev"]) != (leaf["sid"], leaf["rev"], leaf["prev"]):
        report.fail("receipts", "LEAF_HASH", "the receipt places the message elsewhere than the leaf", position)
    for check in verify_proof(receipt["proof"], entry, vkeys)["checks"]:
        if not check["ok"]:
            report.fail("receipts", check["code"], check["detail"], position)
    if not receipt["proof"].endswith("\n\n" + receipt["checkpoint"]):
        report.fail("receipts", "INCLUSION", "the proof leads to another checkpoint than the receipt's", position)


def _judge_sequence(leaves: Mapping[int, tuple[str, dict[str, Any]]], report: Report) -> None:
    runs: list[list[int]] = []
    for rev in sorted(leaves):
        leaf = leaves[rev][1]
        if runs and runs[-1][1] == rev - 1:
            runs[-1][1] = rev
            before, earlier = leaves[rev - 1]
            if leaf["prev"] != before:
                report.fail("chain", "CHAIN", f"revision {rev} does not name the one before it", leaf["idx"] + 1)
            if leaf["idx"] <= earlier["idx"]:
                report.fail("order", "CHAIN", f"revision {rev} stands before revision {rev - 1}", leaf["idx"] + 1)
        else:
            if runs:
                found = f"no receipt for revisions {runs[-1][1] + 1} to {rev - 1}"
                report.fail("gaps", "SOURCE_GAP", found, leaf["idx"] + 1)
            runs.append([rev, rev])
        if rev == 0 and leaf["prev"] != _START:
            report.fail("chain", "CHAIN", "the first revision names one before it", leaf["idx"] + 1)
    report.note("gaps", ", ".join(f"{first} to {last}" for first, last in runs))
