"""One bundle of evidence about one dossier, judged from its file, a trust file and nothing else."""

import json
from collections.abc import Sequence
from typing import Any

from cryptography import x509

from ledger.verifier.anchor import judge_anchors
from ledger.verifier.archive import judge_manifest, read_archive
from ledger.verifier.content import judge_contents
from ledger.verifier.entry import NotCanonical, read_entry
from ledger.verifier.governance import judge_governance
from ledger.verifier.heads import Head, read_head
from ledger.verifier.keys import KeyBook
from ledger.verifier.note import Untrusted
from ledger.verifier.policy import Seen, Trust
from ledger.verifier.proof import read_proof
from ledger.verifier.report import Report
from ledger.verifier.tree import agrees, climb, entry_hash

CHECKS = (
    *("file", "manifest", "trust", "checkpoint", "hashes", "leaves", "inclusion", "streams", "complete", "time"),
    *("keys", "anchors", "contents", "erasures"),
)
_START = "0" * 64
_LOG_FOLDERS = ("events", "messages", "governance", "outcomes")


class Evidence:
    """An opened bundle while it is judged."""

    def __init__(self, files: dict[str, bytes], trust: Trust, roots: Sequence[x509.Certificate]) -> None:
        self.report = Report(*CHECKS)
        self.files = files
        self.trust = trust
        self.roots = roots
        self.seen: Seen | None = None
        self.streams: list[str] = []
        self.named: dict[str, Any] = {}
        self.leaves: dict[str, dict[int, dict[str, Any]]] = {folder: {} for folder in _LOG_FOLDERS}
        """folder → position → members of the leaf, with its hash as ``hash``."""
        self.book = KeyBook("")
        self.covered = 0
        """Positions through which completeness is proved."""
        self.items: list[dict[str, Any]] = []

    def tell(self, check: str, error: Untrusted | NotCanonical, position: int | None = None) -> None:
        """Record what was raised."""
        self.report.fail(check, error.code, str(error), position)

    def load(self, path: str, check: str, code: str) -> Any:
        """A JSON file of the bundle, None (and a finding) where it can not be read."""
        try:
            return json.loads(self.files[path])
        except (KeyError, ValueError, RecursionError) as error:
            self.report.fail(check, code, f"{path} can not be read: {error}")
            return None

    @property
    def size(self) -> int:
        """The size that the checkpoint signs, 0 without one."""
        return 0 if self.seen is None else self.seen.checkpoint.size

    def consistent(self, size: int, root: bytes, path: Any) -> bool:
        """Whether a smaller tree is the beginning of the one that the checkpoint signs."""
        if self.seen is None:
            return False
        try:
            nodes = [bytes.fromhex(node) for node in path]
        except (TypeError, ValueError):
            return False
        return agrees(size, self.size, (root, self.seen.checkpoint.root), nodes)


def verify_bundle(content: bytes, trust_text: str, tsa_pem: bytes = b"") -> dict[str, Any]:
    """Judge a bundle; ``items`` of the answer tell what became of each piece of content.

    Every item is ``verified``, ``withheld`` (not handed over), ``erased`` (and the log says so) or ``mismatch``.
    """
    report = Report(*CHECKS)
    try:
        files = read_archive(content)
    except Untrusted as error:
        report.fail("file", error.code, str(error))
        return {**report.result(), "items": []}
    try:
        evidence = Evidence(files, Trust(trust_text), _roots(tsa_pem))
    except Untrusted as error:
        report.fail("trust", error.code, str(error))
        return {**report.result(), "items": []}
    _judge(evidence)
    return {**evidence.report.result(), "items": evidence.items}


def _roots(pem: bytes) -> Sequence[x509.Certificate]:
    if not pem:
        return ()
    from ledger.verifier.stamp import load_roots  # noqa: PLC0415  # certificates cost more than the rest together

    return load_roots(pem)


def _judge(evidence: Evidence) -> None:
    for path, wrong in judge_manifest(evidence.files):
        code = "LEAF_HASH" if path.endswith(".leaf") else "COMMITMENT" if path.startswith("parts/") else "BUNDLE_FORMAT"
        evidence.report.fail("manifest", code, f"{path}: {wrong}", _position(path))
    evidence.report.note("file", f"{len(evidence.files)} files")
    _judge_checkpoint(evidence)
    _read_leaves(evidence)
    _judge_streams(evidence)
    _judge_completeness(evidence)
    judge_governance(evidence)
    judge_anchors(evidence)
    judge_contents(evidence)


def _position(path: str) -> int | None:
    number = path.rpartition("/")[2].partition(".")[0]
    return int(number) if number.isdigit() and not path.startswith("parts/") else None


def _judge_checkpoint(evidence: Evidence) -> None:
    said = evidence.load("dossier.json", "streams", "BUNDLE_FORMAT")
    if isinstance(said, dict) and isinstance(said.get("streams"), list) and said.get("v") == 1:
        evidence.named = said
        evidence.streams = [str(one) for one in said["streams"]]
    else:
        evidence.report.fail("streams", "NOT_UNDERSTOOD", "dossier.json names no streams in version 1")
    try:
        evidence.seen = evidence.trust.judge(evidence.files.get("checkpoint", b"").decode())
    except Untrusted as error:
        evidence.tell("checkpoint", error)
        return
    except ValueError:
        evidence.report.fail("checkpoint", "NOTE_FORMAT", "the checkpoint is not UTF-8")
        return
    found = evidence.seen.checkpoint
    evidence.book = KeyBook(found.origin)
    cosigned = f", {len(evidence.seen.cosigned)} witnesses" if evidence.seen.cosigned else ""
    evidence.report.note("checkpoint", f"{found.origin}, {found.size} leaves, root {found.root.hex()}{cosigned}")


# ── leaves ───────────────────────────────────────────────────────────────────────────────────────


def _read_leaves(evidence: Evidence) -> None:
    count = 0
    listed = evidence.named.get("leaves")
    hashes = listed if isinstance(listed, dict) else {}
    for path in sorted(path for path in evidence.files if path.endswith(".leaf")):
        folder = path.partition("/")[0]
        position = _position(path)
        if position is None or folder not in evidence.leaves:
            continue
        entry = evidence.files[path]
        digest = entry_hash(entry)
        if hashes.get(str(position)) != digest.hex():
            evidence.report.fail("hashes", "LEAF_HASH", "the leaf is not the one that was put in", position)
        try:
            leaf = read_entry(entry)
            if leaf["idx"] != position - 1:
                raise NotCanonical(f"the leaf says it is at {leaf['idx']}", "INCLUSION")
            evidence.leaves[folder][position] = {**leaf, "hash": digest.hex()}
        except NotCanonical as error:
            evidence.tell("leaves", error, position)
        _judge_inclusion(evidence, path.removesuffix(".leaf") + ".proof", position, digest)
        count += 1
    evidence.report.note("leaves", f"{count} leaves")


def _judge_inclusion(evidence: Evidence, path: str, position: int, digest: bytes) -> None:
    if evidence.seen is None:
        evidence.report.fail("inclusion", "INCLUSION", "there is no checkpoint to prove it with", position)
        return
    try:
        index, nodes, note = read_proof(evidence.files[path].decode())
    except (KeyError, ValueError) as error:
        evidence.report.fail("inclusion", "INCLUSION", f"no proof: {error}", position)
        return
    except Untrusted as error:
        evidence.tell("inclusion", error, position)
        return
    if note.encode() != evidence.files["checkpoint"]:
        try:
            evidence.trust.judge(note, origin=evidence.seen.checkpoint.origin)
        except Untrusted as error:
            evidence.tell("inclusion", error, position)
        evidence.report.fail("inclusion", "INCLUSION", "the proof leads to another checkpoint", position)
    elif index != position - 1 or climb(index, evidence.size, digest, nodes) != evidence.seen.checkpoint.root:
        evidence.report.fail("inclusion", "INCLUSION", "the path does not lead to the signed root", position)


def _judge_streams(evidence: Evidence) -> None:
    events = evidence.leaves["events"]
    by_stream: dict[str, list[tuple[int, dict[str, Any]]]] = {stream: [] for stream in evidence.streams}
    time = ""
    for position in sorted(events):
        leaf = events[position]
        if leaf["sid"] not in by_stream:
            evidence.report.fail("streams", "CHAIN", f"an event of {leaf['sid']}, another stream", position)
            continue
        by_stream[leaf["sid"]].append((position, leaf))
    every = sorted((position, leaf["tr"]) for leaves in evidence.leaves.values() for position, leaf in leaves.items())
    for position, tr in every:
        if tr < time:
            evidence.report.fail("time", "TIME_ORDER", f"{tr} after {time}", position)
        time = max(time, tr)
    for leaves in by_stream.values():
        rev, prev = -1, _START
        for position, leaf in leaves:
            if leaf["rev"] <= rev:
                evidence.report.fail("streams", "STREAM_FORK", f"two leaves at revision {leaf['rev']}", position)
            elif leaf["rev"] != rev + 1 or leaf["prev"] != prev:
                evidence.report.fail("streams", "CHAIN", f"revision {leaf['rev']} does not follow {rev}", position)
            rev, prev = leaf["rev"], leaf["hash"]
    evidence.report.note("streams", f"{len(by_stream)} streams, {len(events)} events")


# ── completeness ─────────────────────────────────────────────────────────────────────────────────


def _judge_completeness(evidence: Evidence) -> None:
    if evidence.seen is None:
        evidence.report.fail("complete", "INCOMPLETE", "there is no checkpoint to hold the map of heads to")
        return
    consistency = evidence.load("heads/consistency.json", "complete", "INCOMPLETE")
    proved = []
    for stream in evidence.streams:
        try:
            content = evidence.files.get(f"heads/{stream}.json", b"")
            head = read_head(content, stream, evidence.seen.checkpoint.origin, evidence.trust)
            if not evidence.consistent(head.size, head.root, consistency):
                raise Untrusted(f"the map was made for another log of {head.size} leaves", "CONSISTENCY")
            _judge_head(evidence, stream, head)
            proved.append(head.size)
        except Untrusted as error:
            evidence.tell("complete", error)
    evidence.covered = min(proved, default=0)
    pending = sum(position > evidence.covered for position in evidence.leaves["events"])
    later = f"; {pending} later events included, completeness pending" if pending else ""
    evidence.report.note("complete", f"all events up to position {evidence.covered}{later}")


def _judge_head(evidence: Evidence, stream: str, head: Head) -> None:
    leaves = [leaf for leaf in evidence.leaves["events"].values() if leaf["sid"] == stream and leaf["idx"] < head.size]
    if len(leaves) != head.events:
        raise Untrusted(f"{len(leaves)} events of {stream} are here, there were {head.events}", "INCOMPLETE")
    newest = max(leaves, key=_index, default=None)
    if newest is None:
        raise Untrusted(f"the log has no stream {stream}", "INCOMPLETE")
    if (newest["hash"], newest["idx"], newest["rev"]) != (head.head, head.idx, head.events - 1):
        raise Untrusted(f"the newest event of {stream} is another", "INCOMPLETE")


def _index(leaf: dict[str, Any]) -> int:
    index: int = leaf["idx"]
    return index
