"""Forges whole logs and bundles as somebody with every key of the hub could, to see what a verifier makes of them."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

from ledger import checkpoint, leaf, merkle, proof
from ledger.bundle import pack
from ledger.cosignature import WitnessKey, cosign
from ledger.heads import Change, HeadsMap, MapLeaf, key_of
from ledger.keys import FileSigner

ORIGIN = "mau.example/log"
DOSSIER, OTHER, KEYS, GONE, TIME = (f"{number:032x}" for number in range(1, 6))
T0 = 1_767_571_200


def signer(name: str, seed: int) -> FileSigner:
    return FileSigner(name, bytes([seed]) * 32)


def second(at: int) -> str:
    return f"2026-01-05T00:{at // 60:02d}:{at % 60:02d}.000000Z"


class Forge:
    """An honest log at first: a key, two dossiers of which one is told of, a message. Mutate ``leaves``, then forge."""

    def __init__(self) -> None:
        self.log, self.heads = signer(ORIGIN, 1), signer(f"{ORIGIN}/heads", 2)
        self.witnesses = [signer(f"witness-{number}", 10 + number) for number in range(2)]
        self.leaves: list[dict[str, Any]] = []
        self.bodies: dict[int, bytes] = {}
        self.last: dict[str, tuple[int, str]] = {}
        self.files: dict[str, bytes] = {}
        self.shown: list[int] | None = None
        self.anchors: dict[str, bytes] = {}
        vkey = checkpoint.Scribe(self.log).key.text()
        self.write(KEYS, "key.added", {"vkey": vkey, "purpose": "log"}, kind="key")
        for number in range(4):
            self.write(DOSSIER, "dossier.submitted", {"number": number})
            self.write(OTHER, "dossier.submitted", {"number": number})

    @property
    def trust(self) -> str:
        logs = "".join(f"log {checkpoint.Scribe(one).key.text()}\n" for one in (self.log, self.heads))
        keys = [WitnessKey(one.name, one.public_key()).text() for one in self.witnesses]
        lines = "".join(f"witness w{number} {key}\n" for number, key in enumerate(keys))
        return f"{logs}{lines}group all all w0 w1\nquorum all\n"

    def write(self, stream: str, topic: str, body: dict[str, Any], *, kind: str = "event", **members: Any) -> int:
        position = len(self.leaves) + 1
        state = json.dumps(body, separators=(",", ":")).encode()
        rev, prev = self.last.get(stream, (-1, leaf.NO_PREV))
        made = {
            "idx": position - 1,
            "k": kind,
            "pc": [{"c": leaf.commit_to(leaf.BODY_PREFIX, bytes(32), state).hex(), "r": "body"}],
            "prev": prev,
            "rev": rev + 1,
            "sid": stream,
            "sv": 1,
            "tr": second(position),
            "typ": topic,
            "v": 1,
        } | members
        self.leaves.append(made)
        self.bodies[position] = state
        self.last[stream] = (rev + 1, merkle.leaf_hash(written(made)).hex())
        return position

    def note(self, entries: list[bytes], *, witnessed: bool = True) -> str:
        signed = checkpoint.Scribe(self.log).sign(len(entries), merkle.root_of(entries))
        text = signed.rpartition("\n\n")[0] + "\n"
        return signed + "".join(cosign(text, one, T0 + 3_600) for one in self.witnesses if witnessed)

    def entries(self) -> list[bytes]:
        return [written(one) for one in self.leaves]

    def forge(self, *, witnessed: bool = True) -> dict[str, bytes]:
        """Every file of the bundle about the first dossier, everything signed anew."""
        entries = self.entries()
        note = self.note(entries, witnessed=witnessed)
        nodes = Nodes(entries)
        hashes = {}
        files: dict[str, bytes] = {"checkpoint": note.encode(), **self.anchors}
        for position, made in enumerate(self.leaves, 1):
            if made["sid"] not in {DOSSIER, KEYS, GONE, TIME}:
                continue
            if self.shown is not None and made["sid"] == DOSSIER and position not in self.shown:
                continue
            folder = "events" if made["sid"] == DOSSIER else "governance"
            base = f"{folder}/{position}"
            path = merkle.inclusion(position - 1, len(entries), nodes)
            files |= {
                f"{base}.leaf": entries[position - 1],
                f"{base}.proof": proof.write(position - 1, path, note).encode(),
                f"{base}.json": self.bodies[position],
                f"{base}.salt": bytes(32).hex().encode(),
            }
            hashes[str(position)] = merkle.leaf_hash(entries[position - 1]).hex()
        files |= self._map(entries)
        said = {"aliases": [], "code": "MẪU", "leaves": hashes, "origin": ORIGIN, "size": len(entries)}
        files["dossier.json"] = json.dumps(said | {"streams": [DOSSIER], "v": 1, "withheld": []}).encode()
        return files

    def _map(self, entries: list[bytes]) -> dict[str, bytes]:
        newest: dict[str, tuple[int, bytes, int]] = {}
        for made in self.leaves:
            newest[made["sid"]] = (made["rev"] + 1, merkle.leaf_hash(entries[made["idx"]]), made["idx"])
        tree = HeadsMap(Nowhere())
        tree.apply(sorted(Change(MapLeaf(key_of(bytes.fromhex(one)), *of), 0, bytes(32)) for one, of in newest.items()))
        entry = json.dumps(
            {
                "input_root": merkle.root_of(entries).hex(),
                "input_size": len(entries),
                "k": "heads",
                "map_root": tree.root[1].hex(),
                "streams": len(newest),
                "v": 1,
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode()
        note = checkpoint.Scribe(self.heads).sign(1, merkle.root_of([entry]))
        files = {"heads/consistency.json": b"[]"}
        for stream in (DOSSIER, KEYS):
            path, found = tree.lookup(key_of(bytes.fromhex(stream)))
            assert found is not None
            shown = {"count": found.events, "head": found.head.hex(), "idx": found.idx}
            steps = [{"bit": one.bit, "side": one.side, "sibling": one.sibling.hex()} for one in path]
            told = {"checkpoint": note, "entry": b64encode(entry).decode(), "index": 0, "inclusion": []}
            files[f"heads/{stream}.json"] = json.dumps(told | {"member": shown, "other": None, "path": steps}).encode()
        return files

    def bundle(self, **how: bool) -> bytes:
        return pack(self.forge(**how))

    def anchor(self, at: int) -> None:
        """A cosignature of the first witness over the log so far, anchored."""
        note = self.note(self.entries(), witnessed=False)
        line = cosign(note.rpartition("\n\n")[0] + "\n", self.witnesses[0], T0 + at).encode()
        stem = sha256(line).hexdigest()
        root = merkle.root_of(self.entries()).hex()
        said = {"kind": "witness", "origin": ORIGIN, "size": len(self.leaves), "root": root, "evidence": stem}
        self.anchors |= {f"anchors/{stem}.cosig": line, f"anchors/{stem}.checkpoint": note.encode()}
        self.anchors[f"anchors/{stem}.json"] = str(len(self.leaves)).encode()
        self.write(TIME, "checkpoint.anchored", said | {"at": (T0 + at) * 1_000_000}, kind="anchor")

    def with_consistency(self, files: dict[str, bytes]) -> dict[str, bytes]:
        nodes, size = Nodes(self.entries()), len(self.leaves)
        for path in [path for path in files if path.startswith("anchors/") and path.endswith(".json")]:
            steps = merkle.consistency(int(files[path]), size, nodes)
            files[path] = json.dumps([one.hex() for one in steps]).encode()
        return files


def written(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Nodes:
    """Complete nodes of a tree of entries."""

    def __init__(self, entries: list[bytes]) -> None:
        self._entries = entries

    def __call__(self, level: int, index: int) -> bytes:
        return merkle.root_of(self._entries[index << level : index + 1 << level])


class Nowhere:
    """A map that keeps nothing."""

    def __call__(self, ref: Any) -> Any:
        raise KeyError(ref)
