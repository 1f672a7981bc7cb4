"""C2SP tlog-tiles: how a log of any size is laid out as files that never change, and read back from them.

A tile of level L holds up to 256 hashes: the complete nodes of tree level 8·L in order; level 0 holds leaf hashes. An
entry bundle holds the up to 256 entries below one tile of level 0, each after its length (16 bits, big-endian). The
newest tile of a level is *partial*: its width is part of its name, so a wider one is another file. A partial tile is
no longer needed once the full one exists; a reader that misses it MUST look for the full one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from contracts.errors import IntegrityViolation
from ledger import merkle

HEIGHT: Final = 8
WIDTH: Final = 256
ENTRIES: Final = -1
"""The level of entry bundles: below the tiles of level 0."""
CHECKPOINT: Final = "checkpoint"
_HASH_BYTES: Final = 32
_LONGEST_ENTRY: Final = 65_535
_LEVELS: Final = 64
_GROUP: Final = 1_000
_PATH: Final = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


class TileTree(Protocol):
    """A log as tiles are made from it. Only what is committed may be asked for; any other range is an error."""

    def entries(self, first: int, count: int) -> list[bytes]:
        """The entries ``first`` (from 0) to ``first + count``, exactly as they are hashed."""
        ...

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """``count`` complete nodes of tree level ``level`` (0 = leaf hashes) from index ``first`` on."""
        ...


class Tile(NamedTuple):
    """One tile: its level (``ENTRIES`` for a bundle), its number N in that level, and how much of it is filled."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def is_full(self) -> bool:
        """Whether it never grows again."""
        return self.width == WIDTH

    @property
    def path(self) -> str:
        """``tile/<L>/<N>`` or ``tile/<L>/<N>.p/<W>``; N in groups of three digits, all but the last behind an x."""
        groups = [f"{self.number % _GROUP:03d}"]
        rest = self.number // _GROUP
        while rest:
            groups.append(f"x{rest % _GROUP:03d}")
            rest //= _GROUP
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.is_full else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"

    @property
    def partials(self) -> str:
        """What the paths of its partial forms begin with."""
        return Tile(self.level, self.number).path + ".p/"


def parse_path(path: str) -> Tile | None:
    """The tile that a path names, None where it is not exactly the path of a tile."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = ENTRIES if match[1] == "entries" else int(match[1])
    width = int(match[3]) if match[3] else WIDTH
    tile = Tile(level, int(match[2].replace("/", "").replace("x", "")), width)
    return tile if level < _LEVELS and tile.path == path else None


def tile_at(level: int, index: int, size: int) -> Tile | None:
    """The tile of this place in a log of ``size`` entries, None where such a log has none."""
    width = (size >> HEIGHT * max(level, 0)) - index * WIDTH
    return Tile(level, index, min(width, WIDTH)) if width > 0 else None


def new_tiles(old: int, new: int) -> Iterator[Tile]:
    """The tiles of a log of ``new`` entries that one of ``old`` entries does not have: lower levels first.

    A bundle is followed by the tile of its leaf hashes.
    """
    for level in range(_LEVELS // HEIGHT):
        before, now = old >> HEIGHT * level, new >> HEIGHT * level
        if before == now:
            return
        for index in range(before // WIDTH, -(-now // WIDTH)):
            width = min(now - index * WIDTH, WIDTH)
            if level == 0:
                yield Tile(ENTRIES, index, width)
            yield Tile(level, index, width)


def bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle; ``ledger.corrupt`` for an entry whose length has no room in 16 bits."""
    pieces: list[bytes] = []
    for entry in entries:
        if len(entry) > _LONGEST_ENTRY:
            raise IntegrityViolation("ledger.corrupt", f"an entry of {len(entry)} bytes fits no bundle")
        pieces += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(pieces)


def read_bundle(content: bytes, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle; ``ledger.corrupt`` where it holds more, fewer or a piece of one."""
    entries = []
    at = 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        entries.append(content[at + 2 : end])
        if at + 2 > len(content) or end > len(content):
            raise IntegrityViolation("ledger.corrupt", f"a bundle ends inside entry {len(entries) - 1}")
        at = end
    if len(entries) != width:
        raise IntegrityViolation("ledger.corrupt", f"a bundle of width {width} holds {len(entries)} entries")
    return entries


def read_tile(content: bytes, width: int) -> list[bytes]:
    """The ``width`` hashes of a tile; ``ledger.corrupt`` where it has another length."""
    if len(content) != width * _HASH_BYTES:
        raise IntegrityViolation("ledger.corrupt", f"a tile of width {width} is {len(content)} bytes long")
    return [content[at : at + _HASH_BYTES] for at in range(0, len(content), _HASH_BYTES)]


def root_above(hashes: Sequence[bytes]) -> bytes:
    """The complete node above a power of two of hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]


class TileReader:
    """The tree of ``size`` entries as its tiles tell it; ``fetch`` gives the bytes of a path, None where there is none.

    Nothing that it answers is to be believed before a root was compared. ``ledger.corrupt`` for a tile that is missing
    or of the wrong length.
    """

    def __init__(self, fetch: Callable[[str], bytes | None], size: int) -> None:
        self._fetch = fetch
        self.size = size
        self._tiles: dict[Tile, list[bytes]] = {}

    def entries(self, first: int, count: int) -> list[bytes]:
        """See ``TileTree.entries``; the bundles are not kept."""
        found: list[bytes] = []
        for index in range(first // WIDTH, -(-(first + count) // WIDTH)):
            wanted = self._tile(ENTRIES, index)
            content, width = self._content(wanted)
            start = index * WIDTH
            held = read_bundle(content, width)[: wanted.width]
            found += held[max(first - start, 0) : first + count - start]
        return found

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """See ``TileTree.hashes``."""
        return [self.node(level, index) for index in range(first, first + count)]

    def node(self, level: int, index: int) -> bytes:
        """One complete node (``merkle.GetNode``)."""
        above = level % HEIGHT
        first = index << above
        wanted = self._tile(level // HEIGHT, first // WIDTH)
        held = self._tiles.get(wanted)
        if held is None:
            content, width = self._content(wanted)
            held = self._tiles[wanted] = read_tile(content, width)[: wanted.width]
        start = first % WIDTH
        if start + (1 << above) > len(held):
            raise IntegrityViolation("ledger.corrupt", f"node ({level}, {index}) is beyond a log of {self.size}")
        return root_above(held[start : start + (1 << above)])

    def root(self) -> bytes:
        """The RFC 6962 root that the right edge leads to."""
        peaks = [self.node(level, index) for level, index in merkle.peaks_of(self.size)]
        return merkle.Frontier(self.size, peaks).root()

    def _tile(self, level: int, index: int) -> Tile:
        tile = tile_at(level, index, self.size)
        if tile is None:
            raise IntegrityViolation("ledger.corrupt", f"a log of {self.size} has no tile ({level}, {index})")
        return tile

    def _content(self, wanted: Tile) -> tuple[bytes, int]:
        for tile in (wanted, wanted._replace(width=WIDTH)):
            content = self._fetch(tile.path)
            if content is not None:
                return content, tile.width
        raise IntegrityViolation("ledger.corrupt", f"{wanted.path} is missing")
