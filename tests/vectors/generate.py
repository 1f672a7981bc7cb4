"""Writes the vectors of this folder: proofs that hold and proofs that were spoilt, at the sizes where trees go wrong.

Whether a proof holds is decided here by following the recursive definitions of RFC 6962 §2.1.1 and §2.1.2 literally,
with nothing imported from the program.

    python -m tests.vectors.generate
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parent
SIZES: Final = (1, 2, 3, 255, 256, 257, 65_535, 65_536, 65_537)
SPOILT: Final = (1, 2, 3, 257, 65_537)
"""Sizes whose proofs are also spoilt in every way."""
PAIRS: Final = (
    *((1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (2, 255), (254, 255), (255, 256), (128, 256), (256, 257), (3, 257)),
    *((1, 65_537), (255, 65_535), (256, 65_536), (257, 65_537), (65_535, 65_536), (65_536, 65_537), (65_537, 65_537)),
)
SPOILT_PAIRS: Final = ((1, 3), (2, 3), (3, 3), (128, 256), (3, 257), (257, 65_537), (65_536, 65_537))


class Inclusion(NamedTuple):
    """Whether ``leaf`` is entry ``at`` of the tree of ``size`` entries with ``root``."""

    at: int
    size: int
    leaf: bytes
    root: bytes
    proof: tuple[bytes, ...]


class Consistency(NamedTuple):
    """Whether the tree of ``new`` entries begins with the one of ``old`` entries."""

    old: int
    new: int
    old_root: bytes
    new_root: bytes
    proof: tuple[bytes, ...]


def entry(number: int) -> bytes:
    """The entry of this index."""
    return f"entry {number}".encode()


def _leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    half = 1
    while half * 2 < size:
        half *= 2
    return half


@cache
def tree_hash(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962 §2.1."""
    if end == start:
        return sha256(b"").digest()
    if end - start == 1:
        return _leaf(entry(start))
    middle = start + _split(end - start)
    return _node(tree_hash(start, middle), tree_hash(middle, end))


def path(index: int, start: int, end: int) -> tuple[bytes, ...]:
    """PATH(index, D[start:end]) of RFC 6962 §2.1.1; ``index`` counts from ``start``."""
    if end - start == 1:
        return ()
    half = _split(end - start)
    if index < half:
        return (*path(index, start, start + half), tree_hash(start + half, end))
    return (*path(index - half, start + half, end), tree_hash(start, start + half))


def subproof(old: int, start: int, end: int, *, whole: bool) -> tuple[bytes, ...]:
    """SUBPROOF(old, D[start:end], whole) of RFC 6962 §2.1.2."""
    if old == end - start:
        return () if whole else (tree_hash(start, end),)
    half = _split(end - start)
    if old <= half:
        return (*subproof(old, start, start + half, whole=whole), tree_hash(start + half, end))
    return (*subproof(old - half, start + half, end, whole=False), tree_hash(start, start + half))


# ── the judge ────────────────────────────────────────────────────────────────────────────────────


def _root_of_path(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    half = _split(size)
    if index < half:
        below = _root_of_path(index, half, leaf, proof[:-1])
        return None if below is None else _node(below, proof[-1])
    below = _root_of_path(index - half, size - half, leaf, proof[:-1])
    return None if below is None else _node(proof[-1], below)


def is_included(case: Inclusion) -> bool:
    """Whether the proof leads to the root."""
    if not 0 <= case.at < case.size:
        return False
    return _root_of_path(case.at, case.size, case.leaf, case.proof) == case.root


def _roots_of_subproof(old: int, size: int, known: bytes | None, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """(old root, new root) that a subproof leads to; ``known`` is the old root while the old tree lies whole below."""
    if old == size:
        if known is not None:
            return None if proof else (known, known)
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    half = _split(size)
    if old <= half:
        found = _roots_of_subproof(old, half, known, proof[:-1])
        return None if found is None else (found[0], _node(found[1], proof[-1]))
    found = _roots_of_subproof(old - half, size - half, None, proof[:-1])
    return None if found is None else (_node(proof[-1], found[0]), _node(proof[-1], found[1]))


def is_consistent(case: Consistency) -> bool:
    """Whether the proof leads to both roots."""
    if not 0 < case.old <= case.new:
        return False
    return _roots_of_subproof(case.old, case.new, case.old_root, case.proof) == (case.old_root, case.new_root)


# ── the cases ────────────────────────────────────────────────────────────────────────────────────


def _flipped(value: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(value))


def _spoilt_proofs(proof: tuple[bytes, ...]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    other = sha256(b"other").digest()
    yield "one hash more at the end", (*proof, other)
    yield "one hash more at the beginning", (other, *proof)
    yield "the empty hash more", (*proof, b"")
    if proof:
        yield "one hash less at the end", proof[:-1]
        yield "one hash less at the beginning", proof[1:]
        yield "nothing left", ()
        yield "first bit flipped", (_flipped(proof[0], 0), *proof[1:])
        yield "last bit flipped", (*proof[:-1], _flipped(proof[-1], 255))
        yield "last hash cut short", (*proof[:-1], proof[-1][:-1])
    if len(proof) > 1:
        yield "last two swapped", (*proof[:-2], proof[-1], proof[-2])
        yield "turned round", tuple(reversed(proof))


def _indices(size: int) -> list[int]:
    wanted = {0, 1, 2, 254, 255, 256, size // 2, size - 2, size - 1}
    return sorted(index for index in wanted if 0 <= index < size)


def inclusions() -> Iterator[tuple[str, Inclusion]]:
    """Every case of inclusion by name."""
    empty = tree_hash(0, 0)
    yield "nothing is in an empty tree", Inclusion(0, 0, _leaf(entry(0)), empty, ())
    yield "not even its root", Inclusion(0, 0, empty, empty, ())
    for size in SIZES:
        for index in _indices(size):
            good = Inclusion(index, size, _leaf(entry(index)), tree_hash(0, size), path(index, 0, size))
            yield "good", good
            if size in SPOILT and index in {0, size // 2, size - 1}:
                yield from _spoilt_inclusions(good)


def _spoilt_inclusions(good: Inclusion) -> Iterator[tuple[str, Inclusion]]:
    for name, proof in _spoilt_proofs(good.proof):
        yield name, good._replace(proof=proof)
    yield "index one less", good._replace(at=good.at - 1)
    yield "index one more", good._replace(at=good.at + 1)
    yield "index is the size", good._replace(at=good.size)
    yield "index of another turn", good._replace(at=good.at + 2**62)
    yield "size one less", good._replace(size=good.size - 1)
    yield "size one more", good._replace(size=good.size + 1)
    yield "size twice", good._replace(size=good.size * 2)
    yield "leaf of the neighbour", good._replace(leaf=_leaf(entry(good.at + 1)))
    yield "root as leaf, nothing to climb", good._replace(leaf=good.root, proof=())
    yield "root of the tree one larger", good._replace(root=tree_hash(0, good.size + 1))
    yield "root with a bit flipped", good._replace(root=_flipped(good.root, 7))
    yield "root of nothing", good._replace(root=tree_hash(0, 0))


def consistencies() -> Iterator[tuple[str, Consistency]]:
    """Every case of consistency by name. From size 0 there is no proof; RFC 6962 leaves that case out."""
    some = sha256(b"other").digest()
    yield "no proof begins at nothing", Consistency(0, 3, tree_hash(0, 0), tree_hash(0, 3), (some,))
    for old, new in PAIRS:
        good = Consistency(old, new, tree_hash(0, old), tree_hash(0, new), subproof(old, 0, new, whole=True))
        yield "good", good
        if (old, new) in SPOILT_PAIRS:
            for name, proof in _spoilt_proofs(good.proof):
                yield name, good._replace(proof=proof)
            yield "old size one less", good._replace(old=old - 1)
            yield "old size one more", good._replace(old=old + 1)
            yield "new size one less", good._replace(new=new - 1)
            yield "new size one more", good._replace(new=new + 1)
            yield "sizes swapped", good._replace(old=new, new=old)
            yield "roots swapped", good._replace(old_root=good.new_root, new_root=good.old_root)
            yield "new root twice", good._replace(old_root=good.new_root)
            yield "old root with a bit flipped", good._replace(old_root=_flipped(good.old_root, 255))
            yield "new root with a bit flipped", good._replace(new_root=_flipped(good.new_root, 0))
            yield "old root of the tree one larger", good._replace(old_root=tree_hash(0, old + 1))


# ── as files ─────────────────────────────────────────────────────────────────────────────────────


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


_NAMES: Final = {"at": "index"}
"""A tuple has a method of that name."""


def files() -> dict[str, bytes]:
    """The content of both files, by name: one case a line."""
    cases: dict[str, list[tuple[str, Inclusion | Consistency, bool]]] = {
        "inclusion.json": [(name, case, is_included(case)) for name, case in inclusions()],
        "consistency.json": [(name, case, is_consistent(case)) for name, case in consistencies()],
    }
    written = {}
    for file, rows in cases.items():
        lines = []
        for name, case, holds in rows:
            plain = {_NAMES.get(key, key): _plain(value) for key, value in case._asdict().items()}
            members = {"case": name, **plain, "ok": holds}
            lines.append(json.dumps(members, ensure_ascii=False))
        written[file] = ("[\n" + ",\n".join(lines) + "\n]\n").encode()
    return written


if __name__ == "__main__":
    for target, content in files().items():
        (FOLDER / target).write_bytes(content)
