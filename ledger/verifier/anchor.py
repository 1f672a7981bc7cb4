"""Time from outside: every event lies between two times that somebody else stated."""

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ledger.verifier.governance import event_of
from ledger.verifier.note import Untrusted, read_signatures, signed_by
from ledger.verifier.policy import Seen

if TYPE_CHECKING:
    from ledger.verifier.bundle import Evidence

TOLERANCE_US = 5_000_000
"""How far the hub's clock may be from an authority's: the hub itself refuses larger jumps."""


def micros(text: str) -> int:
    """An instant of a leaf in microseconds since 1970 UTC."""
    when = datetime.fromisoformat(text)
    return int(when.replace(microsecond=0).timestamp()) * 1_000_000 + when.microsecond


def judge_anchors(evidence: "Evidence") -> None:
    """Each anchored testimony holds, and the times of the leaves around it agree with it."""
    brackets = []
    for position, leaf in sorted(evidence.leaves["governance"].items()):
        if leaf["k"] != "anchor":
            continue
        try:
            event = event_of(evidence, position, leaf)
            at_us = _judge_anchor(evidence, event)
        except Untrusted as error:
            evidence.tell("anchors", error, position)
            continue
        except (KeyError, TypeError, ValueError) as error:
            evidence.report.fail("anchors", "TSA_IMPRINT", f"an anchor can not be read: {error}", position)
            continue
        if at_us is not None:
            brackets.append((position, int(event["size"]), at_us))
    _judge_brackets(evidence, brackets)
    _judge_signers(evidence, brackets)
    evidence.report.note("anchors", f"{len(brackets)} testimonies")


def _judge_anchor(evidence: "Evidence", event: dict[str, Any]) -> int | None:
    """The time that a testimony states, None where the reader's trust does not reach its author."""
    stem, kind = str(event["evidence"]), event["kind"]
    ending = {"witness": "cosig", "timestamp": "tsr"}.get(kind)
    if ending is None:
        raise Untrusted(f"testimony of kind {kind!r}", "NOT_UNDERSTOOD")
    testimony, note = evidence.files.get(f"anchors/{stem}.{ending}"), evidence.files.get(f"anchors/{stem}.checkpoint")
    if testimony is None or note is None:
        raise Untrusted(f"the testimony {stem} is not here", "MISSING")
    if hashlib.sha256(testimony).hexdigest() != stem:
        raise Untrusted("the testimony is not the one that was anchored", "TSA_IMPRINT")
    seen = evidence.trust.judge(note.decode("utf-8", "replace"), quorum=False)
    tree = (seen.checkpoint.origin, seen.checkpoint.size, seen.checkpoint.root.hex())
    if tree != (event["origin"], event["size"], event["root"]):
        raise Untrusted("the testimony is about another tree than the leaf says", "TSA_IMPRINT")
    path = evidence.load(f"anchors/{stem}.json", "anchors", "CONSISTENCY")
    if not evidence.consistent(seen.checkpoint.size, seen.checkpoint.root, path):
        raise Untrusted("what was testified to is another history", "CONSISTENCY")
    at_us = _time_of(evidence, kind, testimony, (note, seen))
    if at_us is not None and at_us != event["at"]:
        raise Untrusted("the testimony states another time than the leaf", "TSA_IMPRINT")
    return at_us


def _time_of(evidence: "Evidence", kind: str, testimony: bytes, about: tuple[bytes, Seen]) -> int | None:
    note, seen = about
    if kind == "timestamp":
        if not evidence.roots:
            return None
        from ledger.verifier.stamp import read_stamp  # noqa: PLC0415  # certificates cost more than the rest together

        return read_stamp(testimony, note, evidence.roots)
    keys = evidence.trust.witnesses()
    lines = read_signatures(testimony.decode("utf-8", "replace"))
    found = signed_by(seen.checkpoint.text, lines, keys, "COSIGNATURE")
    return found[0][1] * 1_000_000 if found else None


def _judge_brackets(evidence: "Evidence", brackets: list[tuple[int, int, int]]) -> None:
    for leaves in evidence.leaves.values():
        for position, leaf in sorted(leaves.items()):
            recorded = micros(leaf["tr"])
            for anchor, size, at_us in brackets:
                if position > anchor and recorded < at_us - TOLERANCE_US:
                    evidence.report.fail("time", "TIME_BRACKET", f"{leaf['tr']} is before anchor {anchor}", position)
                if position <= size and recorded > at_us + TOLERANCE_US:
                    evidence.report.fail("time", "TIME_BRACKET", f"{leaf['tr']} is after anchor {anchor}", position)


def _judge_signers(evidence: "Evidence", brackets: list[tuple[int, int, int]]) -> None:
    if evidence.seen is None:
        return
    known = [at_us for _, size, at_us in brackets if size >= evidence.size]
    known += [at_s * 1_000_000 for at_s in evidence.seen.cosigned.values()]
    try:
        evidence.book.judge_signer(evidence.seen.signers, evidence.size, min(known, default=None))
    except Untrusted as error:
        evidence.tell("keys", error)
