"""Content held to its commitments: what was said, piece by piece, and what became of the pieces that are not there."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from ledger.verifier.tree import Tree, entry_hash

if TYPE_CHECKING:
    from ledger.verifier.bundle import Evidence


def committed(salt: bytes, role: bytes, content: bytes) -> str:
    """The salted commitment (hex) to content in a role."""
    return hashlib.sha256(b"hub/pc/v1\x00" + role + b"\x00" + salt + hashlib.sha256(content).digest()).hexdigest()


def commitments_of(leaf: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The commitments of a leaf by role."""
    return {one["r"]: one for one in leaf["pc"]}


def opened(evidence: "Evidence", path: str, salt_path: str, role: bytes, wanted: str) -> bytes | None:
    """The content of a file that the commitment ``wanted`` is to; None where it is not there, ValueError if another."""
    content, salt = evidence.files.get(path), evidence.files.get(salt_path)
    if content is None and salt is None:
        return None
    if content is None or salt is None or committed(bytes.fromhex(salt.decode()), role, content) != wanted:
        raise ValueError(f"{path} is not what was committed to")
    return content


def judge_contents(evidence: "Evidence") -> None:
    """Every event of the dossier and every part of its messages: verified, withheld, erased or mismatch."""
    erased = _erasures(evidence)
    told = evidence.named.get("withheld")
    withheld = set(told) if isinstance(told, list) and all(isinstance(one, str) for one in told) else set()
    for position, leaf in sorted(evidence.leaves["events"].items()):
        mine = commitments_of(leaf)
        base = f"events/{position}"
        gone = erased.get(leaf["sid"], 0)
        if "body" in mine:
            _judge_item(evidence, base, (f"{base}.json", f"{base}.salt", b"body", mine["body"]["c"]), gone, withheld)
        if "raw" in mine and leaf.get("msg"):
            path = _part_of(evidence, leaf["msg"], mine["raw"]["c"])
            name = path or f"parts/{leaf['msg']}"
            _judge_item(evidence, name, (name, f"{name}.salt", b"raw", mine["raw"]["c"]), gone, withheld)
    _judge_messages(evidence)
    _judge_strangers(evidence)
    counted = {verdict: sum(item["verdict"] == verdict for item in evidence.items) for verdict in _VERDICTS}
    evidence.report.note("contents", ", ".join(f"{count} {verdict}" for verdict, count in counted.items() if count))


_VERDICTS = ("verified", "withheld", "erased", "mismatch", "missing")


def _judge_item(
    evidence: "Evidence", name: str, where: tuple[str, str, bytes, str], gone: int, withheld: set[str]
) -> None:
    position = int(name.split("/")[1])
    verdict = "verified"
    try:
        content = opened(evidence, *where)
        if content is None:
            verdict = "erased" if gone >= position else "withheld" if name in withheld else "missing"
        elif gone >= position:
            evidence.report.fail("erasures", "ERASE_INCOMPLETE", f"{name} was erased and opens", position)
    except ValueError as error:
        verdict = "mismatch"
        evidence.report.fail("contents", "COMMITMENT", str(error), position)
    if verdict == "missing":
        evidence.report.fail("contents", "MISSING", f"{name} is not here and no leaf says it was erased", position)
    evidence.items.append({"item": name, "position": position, "verdict": verdict})


def _part_of(evidence: "Evidence", message: int, commitment: str) -> str:
    """The path of the part with a commitment, by the list of its message's commitments; "" where there is none."""
    lines = evidence.files.get(f"parts/{message}/commitments", b"").decode("ascii", "replace").split("\n")
    return f"parts/{message}/{lines.index(commitment)}" if commitment in lines else ""


def _judge_messages(evidence: "Evidence") -> None:
    """The commitments of all parts of a message lead to the root in its leaf, so none was put in or left out."""
    for position, leaf in sorted(evidence.leaves["messages"].items()):
        mine = commitments_of(leaf).get("parts")
        listed = evidence.files.get(f"parts/{position}/commitments")
        if mine is None or listed is None:
            if mine is not None or listed is not None:
                evidence.report.fail("contents", "MISSING", "the list of its parts is not here", position)
            continue
        tree = Tree()
        try:
            lines = [bytes.fromhex(line) for line in listed.decode("ascii").split("\n")[:-1]]
        except ValueError:
            lines = []
        for line in lines:
            tree.add(entry_hash(line))
        written = "".join(f"{line.hex()}\n" for line in lines).encode()
        if tree.root().hex() != mine["c"] or len(lines) != mine.get("n") or written != listed:
            evidence.report.fail("contents", "COMMITMENT", "the parts are not those of this message", position)


def _judge_strangers(evidence: "Evidence") -> None:
    """A file that no leaf speaks of proves nothing and may not stand there as if it did."""
    known = {item["item"] for item in evidence.items}
    for path in sorted(evidence.files):
        folder, _, rest = path.partition("/")
        if folder == "parts" and not path.endswith("/commitments"):
            name = path.removesuffix(".salt")
            if name not in known:
                evidence.report.fail("contents", "COMMITMENT", f"no leaf here commits to {path}")
        elif folder == "parts" and int(rest.partition("/")[0]) not in evidence.leaves["messages"]:
            evidence.report.fail("contents", "COMMITMENT", f"no leaf here commits to {path}")
        elif folder in evidence.leaves and f"{path.rpartition('.')[0]}.leaf" not in evidence.files:
            evidence.report.fail("leaves", "MISSING", f"{path} has no leaf")


def _erasures(evidence: "Evidence") -> dict[str, int]:
    """Stream → position of the newest leaf that says it was erased whole."""
    found: dict[str, int] = {}
    for position, leaf in sorted(evidence.leaves["governance"].items()):
        if leaf["typ"] != "item.erased":
            continue
        try:
            event = json.loads(evidence.files[f"governance/{position}.json"])
            if "dossier" in event["items"]:
                found[event["stream"]] = position
        except (KeyError, TypeError, ValueError):
            evidence.report.fail("erasures", "MISSING", "an erasure that can not be read", position)
    evidence.report.note("erasures", f"{len(found)} streams erased" if found else "")
    return found
