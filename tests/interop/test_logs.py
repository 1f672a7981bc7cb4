"""A whole published log of ours before other people's verifiers, and logs of theirs before ours."""

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import IntegrityViolation
from ledger import checkpoint, merkle, note, tiles
from ledger.tiles import TileReader
from ledger.verifier import note as stranger_note
from ledger.verifier import tree as stranger_tree
from tests.interop import foreign
from tests.interop.conftest import Shown, show

JUDGES = ("go", "python")


def read_from(folder: Path, path: str) -> bytes | None:
    file = folder / path
    return file.read_bytes() if file.is_file() else None


@pytest.mark.parametrize("judge", JUDGES)
def test_others_accept_a_log_of_many_tiles_and_every_size_it_had(judge: str, large: Shown) -> None:
    told = foreign.ask(judge, "log", large.folder, large.vkey, *map(str, large.sizes))
    assert told["ok"], told
    assert told["size"] == large.sizes[-1]
    assert {int(size): b64decode(root) for size, root in told["roots"].items()} == {
        size: large.log.root_at(size) for size in large.sizes
    }


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("size", [1, 2, 255, 256, 257])
def test_others_accept_logs_where_tiles_begin_and_end(judge: str, size: int, tmp_path: Path) -> None:
    shown = show(tmp_path, (size,))
    told = foreign.ask(judge, "log", shown.folder, shown.vkey, "1", str(size))
    assert told["ok"], told
    assert b64decode(told["root"]) == shown.log.root_at(size)


@pytest.mark.parametrize("judge", JUDGES)
def test_others_accept_the_ledger_itself(judge: str, real: tuple[Path, str]) -> None:
    told = foreign.ask(judge, "log", *real, "1", "200", "256")
    assert told["ok"], told
    assert told["size"] > 400


SPOILERS = {
    "a leaf hash": ("tile/0/001", 40),
    "an inner hash": ("tile/1/000.p/2", 5),
    "an entry": ("tile/entries/000", 20),
    "the edge": ("tile/0/002.p/88", 80),
    "the root": ("checkpoint", 30),
    "the signature": ("checkpoint", -10),
}


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("what", SPOILERS)
def test_others_and_we_refuse_a_log_of_ours_with_one_wrong_bit(judge: str, what: str, tmp_path: Path) -> None:
    shown = show(tmp_path, (600,))
    name, at = SPOILERS[what]
    content = bytearray((shown.folder / name).read_bytes())
    content[at] ^= 1
    (shown.folder / name).write_bytes(content)
    assert not foreign.ask(judge, "log", shown.folder, shown.vkey)["ok"]
    with pytest.raises((IntegrityViolation, AssertionError)):
        hold(shown.folder, shown.vkey)


def hold(folder: Path, vkey: str) -> checkpoint.Checkpoint:
    """Judge a published log with what the hub itself is made of, and its note with the verifier that shares nothing."""
    signed = (folder / "checkpoint").read_text("utf-8", "replace")
    head = checkpoint.open_checkpoint(signed, [note.parse_vkey(vkey)])
    assert stranger_note.read_checkpoint(signed, [vkey]) == (head.origin, head.size, head.root)
    reader = TileReader(lambda path: read_from(folder, path), head.size)
    assert reader.root() == head.root
    tree = stranger_tree.Tree()
    for index, entry in enumerate(reader.entries(0, head.size)):
        assert reader.node(0, index) == merkle.leaf_hash(entry)
        tree.add(stranger_tree.entry_hash(entry))
    assert tree.root() == head.root
    for index in range(head.size >> tiles.HEIGHT):
        below = [reader.node(0, index * tiles.WIDTH + at) for at in range(tiles.WIDTH)]
        assert reader.node(tiles.HEIGHT, index) == tiles.root_above(below)
    return head


@pytest.mark.parametrize("maker", JUDGES)
@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 70_000])
def test_we_accept_logs_and_proofs_that_others_made(maker: str, size: int, tmp_path: Path) -> None:
    made = foreign.ask(maker, "make", tmp_path, str(size))
    head = hold(tmp_path, made["vkey"])
    assert (head.size, head.root) == (size, b64decode(made["root"]))
    reader = TileReader(lambda path: read_from(tmp_path, path), size)
    for index, path in made["inclusion"].items():
        _judge_inclusion(int(index), size, reader, [b64decode(step) for step in path], head.root)
    for old, grown in made["consistency"].items():
        path = [b64decode(step) for step in grown["proof"]]
        root = b64decode(grown["root"])
        assert TileReader(lambda path: read_from(tmp_path, path), size).hashes(0, 0, 1)
        assert merkle.consistency(int(old), size, reader.node) == path
        assert merkle.is_consistent(int(old), size, root, head.root, path)


def _judge_inclusion(index: int, size: int, reader: TileReader, path: list[bytes], root: bytes) -> None:
    leaf = reader.node(0, index)
    assert merkle.inclusion(index, size, reader.node) == path
    assert merkle.root_from_inclusion(index, size, leaf, path) == root
    assert stranger_tree.climb(index, size, leaf, path) == root


NOTES: dict[str, tuple[Callable[[str], str], bool]] = {
    "as it is": (lambda text: text, True),
    "with a line of nobody": (lambda text: text + "\u2014 khac.example AAAAAAAA\n", True),
    "with another size": (lambda text: text.replace("\n300\n", "\n301\n"), False),
    "with a size that begins with zero": (lambda text: text.replace("\n300\n", "\n0300\n"), False),
    "with a line more": (lambda text: text.replace("\n\n", "\nthem\n\n"), False),
    "without its last newline": (lambda text: text[:-1], False),
    "with CRLF": (lambda text: text.replace("\n", "\r\n"), False),
    "without a signature": (lambda text: text.partition("\u2014")[0], False),
    "with a blank line in front": (lambda text: "\n" + text, False),
    "with half a signature": (lambda text: text[:-20] + "\n", False),
}


LENIENT = {("python", "without its last newline")}
"""Who believes what the specification does not allow; nothing false can be said that way."""


@pytest.mark.parametrize(
    ("judge", "what"),
    [(judge, what) for judge in ("ours", "stranger", *JUDGES) for what in NOTES if (judge, what) not in LENIENT],
)
def test_the_same_notes_are_believed_by_everybody(judge: str, what: str, tmp_path: Path) -> None:
    shown = show(tmp_path, (300,))
    spoil, good = NOTES[what]
    text = spoil((shown.folder / "checkpoint").read_text("utf-8"))
    assert _believes(judge, text, shown.vkey, tmp_path) is good


def _believes(judge: str, text: str, vkey: str, folder: Path) -> bool:
    if judge == "ours":
        try:
            checkpoint.open_checkpoint(text, [note.parse_vkey(vkey)])
        except IntegrityViolation:
            return False
        return True
    if judge == "stranger":
        try:
            stranger_note.read_checkpoint(text, [vkey])
        except (stranger_note.Untrusted, ValueError):
            return False
        return True
    file = folder / "note"
    file.write_bytes(text.encode())
    told: dict[str, Any] = foreign.ask(judge, "note", file, vkey)
    return bool(told["ok"])
