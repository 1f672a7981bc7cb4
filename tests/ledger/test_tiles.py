"""The layout of C2SP tlog-tiles: paths, widths, bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import IntegrityViolation
from ledger import merkle, tiles
from ledger.tiles import ENTRIES, Tile, TileReader
from tests.ledger.plain_log import PlainLog, entry

SIZES = st.integers(0, 1 << 40)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(3, 1_234_067), "tile/3/x001/x234/067"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(0, 1_000), "tile/0/x001/000"),
        (Tile(1, 67, 5), "tile/1/067.p/5"),
        (Tile(ENTRIES, 273, 112), "tile/entries/273.p/112"),
        (Tile(ENTRIES, 1_000_000), "tile/entries/x001/x000/000"),
    ],
)
def test_a_tile_has_the_path_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tiles.parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        *("", "tile", "tile/", "tile/0", "tile/0/", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/64/000"),
        *("tile/-1/000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x001/", "tile/0/x01/000", "tile/0/x0001/000"),
        *("tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p", "tile/0/000/"),
        *("tile/0/000.p/1/", "/tile/0/000", "tile//0/000", "tile/0/../0/000", "tile/0/000\n", "tile/data/000"),
        *("tile/0/\u0660\u0660\u0660", "tile/\u0661/000", "tile/ENTRIES/000", "tile/0/X001/000", "tile/0/000.P/1"),
        "tile/0/" + "x001/" * 9 + "000",
    ],
)
def test_what_is_not_exactly_a_path_of_a_tile_is_none(path: str) -> None:
    assert tiles.parse_path(path) is None


@given(st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_every_tile_is_found_by_its_path(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert tiles.parse_path(tile.path) == tile


@given(st.text(alphabet="tile/0x19p.ens\n ", max_size=40))
def test_a_path_that_is_understood_is_written_in_its_one_form(path: str) -> None:
    tile = tiles.parse_path(path)
    assert tile is None or tile.path == path


def test_the_tiles_of_seventy_thousand_entries_are_those_of_the_specification() -> None:
    found = list(tiles.new_tiles(0, 70_000))
    assert [tile for tile in found if tile.level == 0] == [*(Tile(0, n) for n in range(273)), Tile(0, 273, 112)]
    assert [tile for tile in found if tile.level == 1] == [Tile(1, 0), Tile(1, 1, 17)]
    assert [tile for tile in found if tile.level > 1] == [Tile(2, 0, 1)]
    assert [tile._replace(level=0) for tile in found if tile.level == ENTRIES] == [t for t in found if t.level == 0]


def test_a_log_of_256_entries_has_one_hash_at_level_one() -> None:
    assert list(tiles.new_tiles(0, 256)) == [Tile(ENTRIES, 0), Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.new_tiles(255, 256)) == [Tile(ENTRIES, 0), Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.new_tiles(256, 257)) == [Tile(ENTRIES, 1, 1), Tile(0, 1, 1)]
    assert list(tiles.new_tiles(0, 0)) == list(tiles.new_tiles(300, 300)) == []


@given(st.integers(0, 200_000), st.integers(0, 3_000), st.integers(0, 3_000))
def test_growing_in_two_steps_gives_every_tile_of_growing_in_one(start: int, one: int, two: int) -> None:
    middle, end = start + one, start + one + two
    stepwise = {*tiles.new_tiles(start, middle), *tiles.new_tiles(middle, end)}
    at_once = set(tiles.new_tiles(start, end))
    assert at_once <= stepwise
    assert {tile for tile in stepwise - at_once if tile.is_full} == set()
    assert at_once == {tile for tile in at_once | stepwise if tiles.tile_at(tile.level, tile.number, end) == tile}


@given(st.lists(st.binary(max_size=700), max_size=256))
def test_entries_come_back_from_their_bundle(entries: list[bytes]) -> None:
    assert tiles.read_bundle(tiles.bundle(entries), len(entries)) == entries


def test_an_entry_of_the_longest_length_fits_and_a_longer_one_does_not() -> None:
    assert tiles.read_bundle(tiles.bundle([b"\xff" * 65_535]), 1) == [b"\xff" * 65_535]
    with pytest.raises(IntegrityViolation):
        tiles.bundle([b"\xff" * 65_536])


@pytest.mark.parametrize(
    ("content", "width"),
    [(b"\x00", 1), (b"\x00\x02a", 1), (b"\x00\x01a", 2), (b"\x00\x01a\x00\x01b", 1), (b"", 1), (b"\xff\xffa", 1)],
)
def test_a_bundle_that_is_cut_or_of_another_width_is_refused(content: bytes, width: int) -> None:
    with pytest.raises(IntegrityViolation):
        tiles.read_bundle(content, width)


def files_of(log: PlainLog, size: int) -> dict[str, bytes]:
    found = {}
    for tile in tiles.new_tiles(0, size):
        first = tile.number * 256
        if tile.level == ENTRIES:
            found[tile.path] = tiles.bundle(log.entries(first, tile.width))
        else:
            found[tile.path] = b"".join(log.hashes(tile.level * 8, first, tile.width))
    return found


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1_000, 65_537])
def test_root_proofs_and_entries_are_read_from_tiles_alone(size: int) -> None:
    log = PlainLog(size)
    reader = TileReader(files_of(log, size).get, size)
    assert reader.root() == log.root_at(size)
    assert reader.entries(0, min(size, 600)) == [entry(n) for n in range(min(size, 600))]
    for index in {0, size // 3, size - 1}:
        path = merkle.inclusion(index, size, reader.node)
        assert path == merkle.inclusion(index, size, log.node)
        assert merkle.root_from_inclusion(index, size, merkle.leaf_hash(entry(index)), path) == log.root_at(size)
    for old in {1, size // 2 + 1, size}:
        path = merkle.consistency(old, size, reader.node)
        assert merkle.is_consistent(old, size, log.root_at(old), log.root_at(size), path)


def test_a_reader_of_an_older_size_takes_the_full_tile_where_the_partial_one_is_gone() -> None:
    log = PlainLog(700)
    newer = files_of(log, 700)
    for size in (100, 256, 300, 511):
        above = {path: content for path, content in files_of(log, size).items() if path.startswith("tile/1/")}
        assert TileReader((newer | above).get, size).root() == log.root_at(size)
        assert TileReader(newer.get, size).entries(size - 1, 1) == [entry(size - 1)]
    with pytest.raises(IntegrityViolation):
        TileReader(newer.get, 600).root()  # 512 to 600 is in no full tile


def test_a_tile_that_is_missing_too_short_or_too_long_is_refused() -> None:
    log = PlainLog(300)
    for path in ("tile/0/001.p/44", "tile/1/000.p/1"):
        good = files_of(log, 300)
        for bad in (None, good[path][:-1], good[path] + b"\x00", b""):
            files = {name: content for name, content in good.items() if name != path}
            if bad is not None:
                files[path] = bad
            with pytest.raises(IntegrityViolation):
                TileReader(files.get, 300).root()
