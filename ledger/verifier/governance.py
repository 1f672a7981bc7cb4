"""What governs the log itself: keys that were announced, retired or revoked; the openings of those leaves."""

import json
from typing import TYPE_CHECKING, Any

from ledger.verifier.content import commitments_of, opened
from ledger.verifier.heads import read_head
from ledger.verifier.note import Untrusted

if TYPE_CHECKING:
    from ledger.verifier.bundle import Evidence

_KINDS = {"key": "key.", "anchor": "checkpoint.anchored", "erase": "item.erased"}


def event_of(evidence: "Evidence", position: int, leaf: dict[str, Any]) -> Any:
    """The opened event of a governance leaf; Untrusted by COMMITMENT or MISSING where it is not what was committed."""
    base = f"governance/{position}"
    try:
        content = opened(evidence, f"{base}.json", f"{base}.salt", b"body", commitments_of(leaf)["body"]["c"])
        if content is None:
            raise Untrusted("its content is not here", "MISSING")
        return json.loads(content)
    except (KeyError, ValueError, RecursionError) as error:
        raise Untrusted(str(error), "COMMITMENT") from error


def judge_governance(evidence: "Evidence") -> None:
    """Every governance leaf is of the kind its name says; the keys are folded in order and held to their rules."""
    leaves = sorted(evidence.leaves["governance"].items())
    keys = 0
    for position, leaf in leaves:
        if not leaf["typ"].startswith(_KINDS.get(leaf["k"], " ")):
            evidence.report.fail("leaves", "NOT_UNDERSTOOD", f"{leaf['typ']} as a leaf of kind {leaf['k']}", position)
            continue
        try:
            event = event_of(evidence, position, leaf)
            if leaf["k"] == "key":
                keys += 1
                evidence.book.take(position, leaf["typ"], event)
        except Untrusted as error:
            evidence.tell("keys" if leaf["k"] == "key" else "contents", error, position)
    _judge_all_keys(evidence, [leaf for _, leaf in leaves if leaf["k"] == "key"])
    evidence.report.note("keys", f"{keys} key leaves")


def _judge_all_keys(evidence: "Evidence", leaves: list[dict[str, Any]]) -> None:
    """No event of the stream of keys is left out: else a revocation could be hidden."""
    if evidence.seen is None or not leaves:
        return
    stream = leaves[0]["sid"]
    before = "0" * 64
    for rev, leaf in enumerate(leaves):
        if (leaf["sid"], leaf["rev"], leaf["prev"]) != (stream, rev, before):
            evidence.report.fail("keys", "CHAIN", "the key leaves do not follow each other", leaf["idx"] + 1)
        before = leaf["hash"]
    path = f"heads/{stream}.json"
    if path not in evidence.files:
        evidence.report.fail("keys", "INCOMPLETE", "no proof that these are all key leaves")
        return
    try:
        head = read_head(evidence.files[path], stream, evidence.seen.checkpoint.origin, evidence.trust)
    except Untrusted as error:
        evidence.tell("keys", error)
        return
    covered = [leaf for leaf in leaves if leaf["idx"] < head.size]
    consistency = evidence.load("heads/consistency.json", "complete", "INCOMPLETE")
    if not evidence.consistent(head.size, head.root, consistency):
        evidence.report.fail("keys", "CONSISTENCY", "the map of heads was made for another log")
    if len(covered) != head.events or (covered and covered[-1]["hash"] != head.head):
        evidence.report.fail("keys", "INCOMPLETE", f"{len(covered)} key leaves are here, there were {head.events}")
