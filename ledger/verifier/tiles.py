"""A log as C2SP tlog-tiles, of this hub or of anybody: every tile and every entry up to the signed root."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ledger.verifier.entry import NotCanonical, place_of, read_entry
from ledger.verifier.note import Untrusted
from ledger.verifier.policy import Trust
from ledger.verifier.report import Report
from ledger.verifier.tree import entry_hash, join

Fetch = Callable[[str], bytes | None]
"""The bytes of a path below the log, None where there is nothing."""
_WIDTH = 256
_HASH_BYTES = 32
_START = b"0" * 64
_ACCEPTED = b'"typ":"message.accepted","v":1}'
_CHECKS = ("trust", "checkpoint", "tiles", "root", "leaves", "streams", "time", "known")


def _path(level: str, number: int, width: int) -> str:
    digits = f"{number:03d}"
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == _WIDTH else f".p/{width}")


class Tiles:
    """The tiles of a log of ``size`` entries; Untrusted by TILE_FORMAT for what is missing or of another form."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self.size = size

    def _content(self, level: str, number: int, width: int) -> tuple[bytes, bool]:
        """(bytes, whether they are those of the full tile)."""
        found = self._fetch(_path(level, number, width))
        if found is None and width < _WIDTH:
            found = self._fetch(_path(level, number, _WIDTH))
            if found is not None:
                return found, True
        if found is None:
            raise Untrusted(f"{_path(level, number, width)} is missing", "TILE_FORMAT")
        return found, width == _WIDTH

    def hashes(self, level: int, number: int, width: int) -> list[bytes]:
        """The first ``width`` hashes of a tile."""
        content, full = self._content(str(level), number, width)
        if len(content) != _HASH_BYTES * (_WIDTH if full else width):
            raise Untrusted(f"{_path(str(level), number, width)} is {len(content)} bytes long", "TILE_FORMAT")
        return [content[at : at + _HASH_BYTES] for at in range(0, width * _HASH_BYTES, _HASH_BYTES)]

    def entries(self, number: int, width: int) -> list[bytes]:
        """The first ``width`` entries of a bundle."""
        content, full = self._content("entries", number, width)
        found = []
        at = 0
        while at < len(content):
            end = at + 2 + int.from_bytes(content[at : at + 2], "big")
            if end > len(content) or at + 2 > len(content):
                raise Untrusted(f"bundle {number} ends inside an entry", "TILE_FORMAT")
            found.append(content[at + 2 : end])
            at = end
        if len(found) != (_WIDTH if full else width):
            raise Untrusted(f"bundle {number} holds {len(found)} entries", "TILE_FORMAT")
        return found[:width]


class _Leaves:
    """The leaves of our own format, in order."""

    def __init__(self, report: Report, *, first: int, foreign: bool) -> None:
        self.report = report
        self._foreign = foreign
        self._pruned = first > 0
        self._heads: dict[bytes, tuple[int, bytes]] = {}
        self._accepted: dict[str, int] = {}
        self.time = b""

    def take(self, index: int, entry: bytes, digest: bytes) -> None:
        """Judge one leaf."""
        if self._foreign:
            return
        position = index + 1
        place = place_of(entry)
        if place is None:
            try:
                leaf = read_entry(entry)
            except NotCanonical as error:
                self.report.fail("leaves", error.code, str(error), position)
                return
            place = (leaf["idx"], leaf["prev"].encode(), leaf["rev"], leaf["sid"].encode(), leaf["tr"].encode())
        idx, prev, rev, sid, time = place
        if idx != index:
            self.report.fail("leaves", "TREE_ROOT", f"idx {idx} at leaf {index}", position)
        before = self._heads.get(sid)
        if before is None:
            known = self._pruned or (rev == 0 and prev == _START)
        else:
            known = rev == before[0] + 1 and prev == before[1]
        if not known:
            fork = before is not None and rev <= before[0]
            found = f"revision {rev} of {sid.decode()} does not continue it"
            self.report.fail("streams", "STREAM_FORK" if fork else "CHAIN", found, position)
        self._heads[sid] = (rev, digest.hex().encode())
        if time < self.time:
            self.report.fail("time", "TIME_ORDER", f"{time.decode()} after {self.time.decode()}", position)
        else:
            self.time = time
        if entry.endswith(_ACCEPTED) and b'"eid":"' in entry:
            self._judge_id(entry, position)

    def _judge_id(self, entry: bytes, position: int) -> None:
        at = entry.index(b'"eid":"') + 7
        earlier = self._accepted.setdefault(entry[at : at + 64].decode("ascii", "replace"), position)
        if earlier != position:
            found = f"a message of this id was taken at {earlier} already, and no conflict was written down"
            self.report.fail("leaves", "DUPLICATE", found, position)

    def told(self) -> str:
        """How many streams there are."""
        return f"{len(self._heads)} streams"


def verify_tiles(
    fetch: Fetch,
    trust_text: str,
    *,
    first: int = 0,
    foreign: bool = False,
    fresh_since: str = "",
    known: Iterable[str] = (),
    receipts: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Judge a published log.

    ``foreign``: its entries are not leaves of this format, only the tree is judged.
    ``first`` is the index below which entries were pruned under a stated policy; their hashes are still there.
    ``fresh_since`` (as leaves write times): the newest leaf may not be older. ``known`` are checkpoints and
    ``receipts`` receipts that somebody kept: the log must have grown out of them.
    """
    report = Report(*_CHECKS)
    try:
        trust = Trust(trust_text)
    except Untrusted as error:
        report.fail("trust", error.code, str(error))
        return report.result()
    try:
        seen = trust.judge((fetch("checkpoint") or b"").decode("utf-8", "replace"))
    except Untrusted as error:
        report.fail("checkpoint", error.code, str(error))
        return report.result()
    size, root = seen.checkpoint.size, seen.checkpoint.root
    report.note("checkpoint", f"{seen.checkpoint.origin}, {size} entries, {len(seen.cosigned)} cosignatures")
    kept = _Kept(trust, seen.checkpoint.origin, size, report)
    for note in known:
        kept.note(note)
    for receipt in receipts:
        kept.receipt(receipt)
    leaves = _Leaves(report, first=first, foreign=foreign)
    try:
        found = _walk(Tiles(fetch, size), first, leaves, kept)
    except Untrusted as error:
        code = "SIZE_SHORT" if "is missing" in str(error) and _is_edge(str(error), size) else error.code
        report.fail("tiles", code, str(error))
        return report.result()
    if found is not None:
        report.fail("tiles", "TREE_ROOT", "a tile is not what lies below it", found)
    kept.judge(root, report)
    if fresh_since and leaves.time.decode() < fresh_since:
        report.fail("known", "STALE", f"the newest leaf is of {leaves.time.decode()}")
    report.note("streams", leaves.told())
    return report.result()


def _is_edge(text: str, size: int) -> bool:
    width = size % _WIDTH or _WIDTH
    number = (size - 1) // _WIDTH
    return any(_path(level, number, width) in text for level in ("entries", "0"))


class _Kept:
    """What somebody kept of this log, compared while its tree is walked."""

    def __init__(self, trust: Trust, origin: str, size: int, report: Report) -> None:
        self._trust = trust
        self._origin = origin
        self._size = size
        self._report = report
        self.roots: dict[int, list[bytes]] = {}
        self.leaves: dict[int, bytes] = {}
        self.made: dict[int, bytes] = {}

    def note(self, note: str) -> None:
        """A checkpoint of before."""
        try:
            seen = self._trust.judge(note, origin=self._origin, quorum=False)
        except Untrusted as error:
            self._report.fail("known", error.code, str(error))
            return
        if seen.checkpoint.size > self._size:
            found = f"{seen.checkpoint.size} entries were signed before, now {self._size}"
            self._report.fail("known", "ROLLBACK", found, self._size)
            return
        self.roots.setdefault(seen.checkpoint.size, []).append(seen.checkpoint.root)

    def receipt(self, receipt: Mapping[str, Any]) -> None:
        """A receipt of before."""
        try:
            entry = base64.b64decode(receipt["leaf"], validate=True)
            self.leaves[int(receipt["position"]) - 1] = entry_hash(entry)
            self.note(str(receipt["checkpoint"]))
        except (KeyError, TypeError, ValueError) as error:
            self._report.fail("known", "LEAF_FORMAT", f"a receipt can not be read: {error}")

    def judge(self, root: bytes, report: Report) -> None:
        """The roots that the walk came by are those that were signed then."""
        for size in sorted(self.roots):
            for kept in self.roots[size]:
                if kept != self.made.get(size):
                    code = "FORK" if size == self._size else "CONSISTENCY"
                    report.fail("known", code, f"another tree of {size} entries was signed before", size)
        if self.made.get(self._size) != root:
            report.fail("root", "TREE_ROOT", "the entries lead to another root")
        report.note("root", root.hex())


def _walk(tiles: Tiles, first: int, leaves: _Leaves, kept: _Kept) -> int | None:
    """Every tile from the bottom up; the position of the first leaf below a tile that is not what lies below it."""
    wrong: int | None = None
    wanted = sorted({*kept.roots, tiles.size})
    peaks: list[tuple[int, bytes]] = []
    hashes: list[bytes] = []
    if wanted[0] == 0:
        kept.made[0] = hashlib.sha256(b"").digest()
    above: list[bytes] = []
    for number in range(-(-tiles.size // _WIDTH)):
        start = number * _WIDTH
        width = min(tiles.size - start, _WIDTH)
        hashes = tiles.hashes(0, number, width)
        if start + width > first:
            entries = tiles.entries(number, width)
            made = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
            if made != hashes and wrong is None:
                at = next(at for at in range(width) if made[at] != hashes[at])
                wrong = start + at + 1
            for at, entry in enumerate(entries, start):
                if at >= first:
                    leaves.take(at, entry, made[at - start])
                    if at in kept.leaves and kept.leaves[at] != made[at - start]:
                        kept_elsewhere = "a receipt shows another leaf here"
                        leaves.report.fail("known", "FORK", kept_elsewhere, at + 1)
        _roots(kept, peaks, hashes, start, wanted)
        if width == _WIDTH:
            node = _fold(hashes)
            above.append(node)
            _push(peaks, _WIDTH, node)
    return _upper(tiles, above, wrong)


def _upper(tiles: Tiles, nodes: list[bytes], wrong: int | None) -> int | None:
    level = 1
    while nodes:
        above = []
        for number in range(-(-len(nodes) // _WIDTH)):
            mine = nodes[number * _WIDTH : (number + 1) * _WIDTH]
            if tiles.hashes(level, number, len(mine)) != mine and wrong is None:
                wrong = number * _WIDTH ** (level + 1) + 1
            if len(mine) == _WIDTH:
                above.append(_fold(mine))
        nodes = above
        level += 1
    return wrong


def _fold(row: list[bytes]) -> bytes:
    while len(row) > 1:
        row = [hashlib.sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]


def _push(peaks: list[tuple[int, bytes]], weight: int, node: bytes) -> None:
    while peaks and peaks[-1][0] == weight:
        node = join(peaks.pop()[1], node)
        weight *= 2
    peaks.append((weight, node))


def _roots(kept: _Kept, peaks: list[tuple[int, bytes]], hashes: list[bytes], start: int, wanted: list[int]) -> None:
    """The roots of the wanted sizes that end inside this tile."""
    for size in wanted:
        if start < size <= start + len(hashes):
            mine = list(peaks)
            for node in hashes[: size - start]:
                _push(mine, 1, node)
            root = mine[-1][1]
            for _, node in mine[-2::-1]:
                root = join(node, root)
            kept.made[size] = root
