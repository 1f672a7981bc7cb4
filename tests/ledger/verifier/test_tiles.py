"""What must be caught from published tiles alone, ours and anybody's, by its code; and what must not be refused."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from ledger import checkpoint, merkle, tiles
from ledger.tiles import Tile, new_tiles
from ledger.verifier import verify_tiles
from tests.ledger.verifier.forge import DOSSIER, OTHER, Forge

SIZES = (0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537)


def published(forge: Forge, entries: list[bytes] | None = None) -> dict[str, bytes]:
    found = forge.entries() if entries is None else entries
    files = {"checkpoint": forge.note(found).encode()}
    for tile in new_tiles(0, len(found)):
        start = tile.number * tiles.WIDTH
        mine = found[start : start + tile.width]
        files[tile.path] = (
            tiles.bundle(mine)
            if tile.level == tiles.ENTRIES
            else b"".join(merkle.leaf_hash(one) for one in mine)
            if tile.level == 0
            else b"".join(merkle.root_of(found[at * 256 : at * 256 + 256]) for at in range(start, start + tile.width))
        )
    return files


def codes(files: dict[str, bytes], trust: str, **kept: Any) -> set[str]:
    return {check["code"] for check in verify_tiles(files.get, trust, **kept)["checks"] if not check["ok"]}


def told(number: int) -> Forge:
    forge = Forge()
    for at in range(number):
        forge.write(OTHER, "dossier.submitted", {"more": at}, tr="2026-01-05T00:01:00.000000Z")
    return forge


def base(level: int, width: int) -> str:
    return Tile(level, 0, width).path


Spoil = Callable[[dict[str, bytes]], dict[str, bytes]]
TABLE: dict[str, tuple[Spoil, str]] = {
    "2 tile byte": (lambda one: {**one, base(0, 9): b"\1" + one[base(0, 9)][1:]}, "TREE_ROOT"),
    "4 newest deleted": (lambda one: {k: v for k, v in one.items() if ".p/" not in k}, "SIZE_SHORT"),
    "35 too wide": (lambda one: {**one, base(0, 9): one[base(0, 9)] + bytes(32)}, "TILE_FORMAT"),
    "35 past the end": (lambda one: {**one, base(-1, 9): b"\xff" + one[base(-1, 9)][1:]}, "TILE_FORMAT"),
    "35 inside an entry": (lambda one: {**one, base(-1, 9): one[base(-1, 9)][:-1]}, "TILE_FORMAT"),
    "35 one more": (lambda one: {**one, base(-1, 9): one[base(-1, 9)] + b"\0\0"}, "TILE_FORMAT"),
}


@pytest.mark.parametrize("name", TABLE)
def test_every_spoilt_file_is_caught_by_its_code(name: str) -> None:
    forge = Forge()
    spoil, code = TABLE[name]
    assert codes(spoil(published(forge)), forge.trust) >= {code}


def test_leaves_that_change_places_or_are_put_between_lead_to_another_root() -> None:
    forge = Forge()
    honest = published(forge)
    entries = forge.entries()
    for others in ([*entries[:2], entries[3], entries[2], *entries[4:]], [*entries[:4], entries[2], *entries[4:-1]]):
        spoilt = {**published(forge, others), "checkpoint": honest["checkpoint"]}
        assert "TREE_ROOT" in codes(spoilt, forge.trust)


def test_an_older_state_a_second_history_and_a_stale_log_are_told_apart() -> None:
    forge = Forge()
    old = published(forge)
    receipt = {
        "position": 9,
        "leaf": base64.b64encode(forge.entries()[-1]).decode(),
        "checkpoint": old["checkpoint"].decode(),
    }
    forge.write(DOSSIER, "dossier.submitted", {"new": 1})
    newer = forge.note(forge.entries())
    assert codes(old, forge.trust, known=[newer]) == {"ROLLBACK"}
    assert codes(old, forge.trust, fresh_since="2027") == {"STALE"}
    assert codes(published(forge), forge.trust, known=[old["checkpoint"].decode()], receipts=[receipt]) == set()
    other = Forge()
    other.leaves.pop()
    other.last[OTHER] = (2, other.leaves[-1]["prev"])
    other.leaves.append({**forge.leaves[8], "tr": "2026-01-05T00:00:30.000000Z"})
    other.last[OTHER] = (3, "")
    other.write(DOSSIER, "dossier.submitted", {"new": 2})
    other.leaves[-1]["tr"] = "2026-01-05T00:00:40.000000Z"
    assert "FORK" in codes(published(other), forge.trust, receipts=[receipt])
    assert "CONSISTENCY" in codes(published(other), forge.trust, known=[old["checkpoint"].decode()])
    assert "FORK" in codes(published(other), forge.trust, known=[newer])


def test_one_message_taken_twice_without_a_conflict_is_told() -> None:
    forge = Forge()
    for _ in range(2):
        forge.write(OTHER, "message.accepted", {}, eid="a" * 64)
    assert codes(published(forge), forge.trust) == {"DUPLICATE"}


def test_commitments_without_a_comma_between_them_are_no_canonical_leaf() -> None:
    forge = Forge()
    pair = forge.leaves[-1]["pc"] * 2
    forge.leaves[-1]["pc"] = pair
    entries = forge.entries()
    assert codes(published(forge, entries), forge.trust) == set()
    for wrong in (b"}{", b"},,{"):
        spoilt = [*entries[:-1], entries[-1].replace(b"},{", wrong)]
        assert codes(published(forge, spoilt), forge.trust) == {"CANONICAL"}


def test_two_leaves_at_one_revision_and_a_chain_that_breaks_are_told() -> None:
    forge = told(3)
    forge.leaves[-1]["rev"] = 0
    assert codes(published(forge), forge.trust) == {"STREAM_FORK"}
    forge = told(3)
    forge.leaves[-1]["prev"] = "1" * 64
    assert codes(published(forge), forge.trust) == {"CHAIN"}


def test_partial_tiles_may_be_gone_once_the_full_one_is_there_and_a_prefix_may_be_pruned() -> None:
    forge = told(300)
    files = published(forge)
    small = {**files, "checkpoint": forge.note(forge.entries()[:100]).encode()}
    assert codes(files, forge.trust) == set()
    assert codes(small, forge.trust) == set()
    pruned = {path: one for path, one in files.items() if path != "tile/entries/000"}
    assert "TILE_FORMAT" in codes(pruned, forge.trust)
    assert codes(pruned, forge.trust, first=256) == set()


@pytest.mark.parametrize("size", SIZES)
def test_a_foreign_log_of_any_size_has_its_tree_believed(size: int) -> None:
    found = [f"entry {number}".encode() for number in range(size)]
    forge = Forge()
    scribe = checkpoint.Scribe(forge.log)
    frontier = merkle.Frontier()
    frontier.extend([merkle.leaf_hash(one) for one in found])
    files = {"checkpoint": scribe.sign(size, frontier.root()).encode()}
    hashes = [merkle.leaf_hash(one) for one in found]
    rows = [hashes]
    while len(rows[-1]) >= 256:
        rows.append([tiles.root_above(rows[-1][at : at + 256]) for at in range(0, len(rows[-1]) - 255, 256)])
    for tile in new_tiles(0, size):
        start = tile.number * 256
        files[tile.path] = (
            tiles.bundle(found[start : start + tile.width])
            if tile.level == tiles.ENTRIES
            else b"".join(rows[tile.level][start : start + tile.width])
        )
    result = verify_tiles(files.get, f"log {scribe.key.text()}\nquorum none\n", foreign=True)
    assert result["ok"], result["checks"]
