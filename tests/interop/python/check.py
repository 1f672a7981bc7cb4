"""Lets the package ``aics-tlog`` judge a log of ours, and makes one for us to judge. Started by ``foreign.py``.

``check.py FOLDER log DIR VKEY OLD…`` · ``… note FILE VKEY`` · ``… vectors FILE FILE`` · ``… make DIR SIZE``; the answer
is JSON on standard output.
"""

import json
import sys
from base64 import b64decode, b64encode
from importlib import import_module
from pathlib import Path
from typing import Any

ORIGIN = "python.example/log"


def judge_log(tlog: Any, folder: str, vkey: str, olds: list[str]) -> dict[str, Any]:
    """Note, every tile and bundle, inclusion from tiles, consistency from older sizes."""
    key = tlog.parse_vkey(vkey)
    signed = tlog.parse_note(Path(folder, "checkpoint").read_bytes())
    head = tlog.verify_checkpoint(signed, key, expected_origin=key.name)
    if not head.ok:
        return {"ok": False, "error": head.error}
    reader = tlog.FileSystemTileReader(folder)
    try:
        tlog.audit_tiles(reader, head.size, head.root)
    except (tlog.TileMissingError, tlog.TileVerificationError) as error:
        return {"ok": False, "error": str(error)}
    for index in sorted({0, head.size // 3, head.size - 1}):
        proof = tlog.inclusion_proof_from_tiles(reader, index, head.size)
        leaf = tlog.read_entry(reader, index, head.size)
        if not tlog.verify_leaf_inclusion(leaf, index, head.size, proof, head.root):
            return {"ok": False, "error": f"entry {index} is not included"}
    roots = {}
    for old in map(int, olds):
        root = tlog.tree_root_from_tiles(reader, old, head.size)
        proof = tlog.consistency_proof_from_tiles(reader, old, head.size)
        if not tlog.verify_consistency(old, head.size, root, head.root, proof):
            return {"ok": False, "error": f"not consistent with {old}"}
        roots[str(old)] = b64encode(root).decode()
    return {"ok": True, "size": head.size, "root": b64encode(head.root).decode(), "roots": roots}


def judge_note(tlog: Any, file: str, vkey: str) -> dict[str, Any]:
    """One signed note."""
    try:
        found = tlog.parse_note(Path(file).read_bytes())
        return {"ok": tlog.verify_note(found, [tlog.parse_vkey(vkey)]), "text": found.text}
    except ValueError as error:
        return {"ok": False, "error": str(error)}


def judge_vectors(tlog: Any, included: str, grown: str) -> list[list[bool]]:
    """Which vectors hold."""
    raw = b64decode
    return [
        [
            tlog.verify_inclusion(
                raw(one["leaf"]), one["index"], one["size"], [*map(raw, one["proof"])], raw(one["root"])
            )
            for one in json.loads(Path(included).read_text("utf-8"))
        ],
        [
            tlog.verify_consistency(
                one["old"], one["new"], raw(one["old_root"]), raw(one["new_root"]), [*map(raw, one["proof"])]
            )
            for one in json.loads(Path(grown).read_text("utf-8"))
        ],
    ]


def make_log(tlog: Any, folder: str, size: int) -> dict[str, Any]:
    """A log of its own."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    leaves = [f"python entry {number}".encode() for number in range(size)]
    tlog.TileWriter(leaves).write_to(folder)
    tree = tlog.MerkleTree(leaves)
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signed = tlog.sign_checkpoint(tlog.Checkpoint(origin=ORIGIN, size=size, root=tree.root()), key, ORIGIN)
    Path(folder, "checkpoint").write_text(signed.serialise(), "utf-8")
    wanted = [one for one in (1, 2, 3, 255, 256, 257, size - 1, size) if 1 <= one <= size]
    return {
        "vkey": tlog.format_vkey(tlog.vkey_from_ed25519(ORIGIN, key.public_key())),
        "root": b64encode(tree.root()).decode(),
        "inclusion": {str(one - 1): [b64encode(h).decode() for h in tree.inclusion_proof(one - 1)] for one in wanted},
        "consistency": {
            str(one): {
                "root": b64encode(tree.root(one)).decode(),
                "proof": [b64encode(h).decode() for h in tree.consistency_proof(one, size)],
            }
            for one in wanted
        },
    }


def main(folder: str, what: str, *rest: str) -> Any:
    """One question."""
    sys.path.insert(0, folder)
    aics_tlog = import_module("aics_tlog")

    if what == "log":
        return judge_log(aics_tlog, rest[0], rest[1], [*rest[2:]])
    if what == "note":
        return judge_note(aics_tlog, rest[0], rest[1])
    if what == "vectors":
        return judge_vectors(aics_tlog, rest[0], rest[1])
    return make_log(aics_tlog, rest[0], int(rest[1]))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
