"""Publishing: tiles first, then the checkpoint; whatever breaks on the way, nothing false and nothing missing stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import IntegrityViolation, Misconfigured
from hub.world import DiskFiles
from hub.world_seeded import MemoryFiles
from ledger import checkpoint, merkle, note, publication, tiles
from ledger.publication import Publication
from ledger.stores.postgres import PostgresStore
from ledger.tiles import TileReader
from tests.ledger import made
from tests.ledger.plain_log import PlainLog, entry, publish

CHECKPOINT = "log/checkpoint"


def content_of(files: MemoryFiles | DiskFiles) -> dict[str, bytes]:
    return {name: files.read(name) for name in files.list("log/")}


def started(files: Any, log: Any, prefix: str = publication.LOG_PREFIX) -> Publication:
    found = Publication(files, log, prefix)
    found.open()
    return found


def judge(files: Any, log: PlainLog) -> int:
    """Hold what is on the disk to what its checkpoint says, as a stranger would; the published size."""
    try:
        signed = files.read(CHECKPOINT).decode()
    except FileNotFoundError:
        return 0
    head = checkpoint.open_checkpoint(signed, [note.parse_vkey(log.vkey)])
    present = frozenset(files.list("log/"))
    reader = TileReader(lambda path: files.read(f"log/{path}") if f"log/{path}" in present else None, head.size)
    assert reader.root() == head.root == log.root_at(head.size)
    assert reader.entries(0, head.size) == [entry(number) for number in range(head.size)]
    return head.size


def test_what_is_published_can_be_judged_from_the_files_alone() -> None:
    log, files = PlainLog(), MemoryFiles()
    published = started(files, log)
    assert publish(published) == 0
    assert files.list("") == []
    for size in (1, 2, 255, 256, 257, 300, 512, 700):
        log.grow_to(size)
        publish(published)
        assert judge(files, log) == published.size == size
        assert publish(published) == 0


def test_partial_tiles_go_once_the_full_one_is_there_and_older_sizes_stay_readable() -> None:
    log, files = PlainLog(100), MemoryFiles()
    published = started(files, log)
    publish(published)
    log.grow_to(200)
    publish(published)
    assert {"log/tile/0/000.p/100", "log/tile/0/000.p/200"} <= set(files.list("log/"))
    log.grow_to(257)
    publish(published)
    assert [name for name in files.list("log/") if "/000.p/" in name] == ["log/tile/1/000.p/1"]
    older = TileReader(lambda path: content_of(files).get(f"log/{path}"), 100)
    assert older.root() == log.root_at(100)


def test_no_folder_of_partial_tiles_stays_behind_on_a_disk(tmp_path: Path) -> None:
    log, files = PlainLog(10), DiskFiles(tmp_path)
    published = started(files, log)
    publish(published)
    log.grow_to(600)
    publish(published)
    assert sorted(path.name for path in tmp_path.rglob("*.p")) == ["000.p", "002.p", "002.p"]
    assert {path.parent.name for path in tmp_path.rglob("000.p")} == {"1"}


def test_a_lost_log_is_published_again_with_the_same_bytes() -> None:
    log = PlainLog(700)
    first, second = MemoryFiles(), MemoryFiles()
    publish(started(first, log))
    publish(started(second, log))
    assert content_of(first) == content_of(second)


@pytest.mark.parametrize(
    "lost", ["log/tile/0/001", "log/tile/entries/000", "log/tile/0/002.p/188", "log/tile/1/000.p/2"]
)
def test_a_single_lost_file_is_there_again_after_the_next_start(lost: str) -> None:
    log, files = PlainLog(700), MemoryFiles()
    publish(started(files, log))
    before = content_of(files)
    files.delete(lost)
    publish(started(files, log))
    assert content_of(files) == before


def test_a_partial_tile_with_a_wrong_bit_is_mended_at_the_next_start() -> None:
    log, files = PlainLog(700), MemoryFiles()
    publish(started(files, log))
    before = content_of(files)
    files.write_durable("log/tile/0/002.p/188", bytes(188 * 32))
    publish(started(files, log))
    assert content_of(files) == before


class Broken(MemoryFiles):
    """Files whose disk dies at the n-th change: before it is made, or just after."""

    def __init__(self, changes: int, *, keeps: bool) -> None:
        super().__init__()
        self._left = changes
        self._keeps = keeps

    def _change(self, make: Callable[[], None]) -> None:
        self._left -= 1
        if self._left >= 0 or self._keeps:
            make()
        if self._left < 0:
            raise OSError(28, "the disk is full")

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        self._change(lambda: MemoryFiles.write_durable(self, name, content, mode=mode))

    def delete(self, name: str) -> None:
        self._change(lambda: MemoryFiles.delete(self, name))

    def mend(self) -> None:
        self._left = 1_000_000


@pytest.mark.parametrize("broken", ["lost", "kept"])
@pytest.mark.parametrize("sizes", [(200, 300, 700), (255, 256, 257), (1, 513, 514)], ids=str)
def test_whatever_write_breaks_what_is_published_holds_and_the_next_start_goes_on(
    sizes: tuple[int, ...], broken: str
) -> None:
    log = PlainLog()
    for size in sizes:
        log.grow_to(size)
    whole = MemoryFiles()
    publish(started(whole, log))
    for changes in range(40):
        log, files = PlainLog(), Broken(changes, keeps=broken == "kept")
        published = started(files, log)
        try:
            for size in sizes:
                log.grow_to(size)
                publish(published)
        except OSError:
            assert judge(files, log) <= len(log.kept)
        files.mend()
        log.grow_to(sizes[-1])
        publish(started(files, log))
        assert judge(files, log) == sizes[-1]
        # Partial tiles of sizes on the way may stay while their tile is not full; all else is the same.
        found, wanted = content_of(files), content_of(whole)
        assert {name: found[name] for name in wanted} == wanted
        assert all(".p/" in name for name in found.keys() - wanted.keys())
        assert not [name for name in found.keys() - wanted.keys() if name.partition(".p/")[0] in found]


def test_leaving_half_way_and_coming_back_gives_the_same() -> None:
    log, whole = PlainLog(700), MemoryFiles()
    steps = publish(started(whole, log))
    for left_at in range(steps):
        files = MemoryFiles()
        published = started(files, log)
        for _, _ in zip(range(left_at), published.steps(), strict=False):
            pass
        assert judge(files, log) in {0, 700}
        publish(published)
        assert content_of(files) == content_of(whole)


@pytest.mark.parametrize(("kept", "code"), [(0, "ledger.rollback"), (299, "ledger.rollback")])
def test_a_log_shorter_than_what_was_published_is_refused(kept: int, code: str) -> None:
    files = MemoryFiles()
    publish(started(files, PlainLog(300)))
    with pytest.raises(IntegrityViolation) as caught:
        started(files, PlainLog(kept))
    assert caught.value.code == code
    assert "Put the newest ledger.db" in caught.value.detail


@pytest.mark.parametrize("grown", [300, 301, 900])
def test_a_log_with_another_tree_than_what_was_published_is_refused(grown: int) -> None:
    files = MemoryFiles()
    publish(started(files, PlainLog(300)))
    other = PlainLog()
    other.append([b"khac", *(entry(number) for number in range(1, grown))])
    with pytest.raises(IntegrityViolation) as caught:
        started(files, other)
    assert caught.value.code == "ledger.corrupt"


def test_a_log_that_changes_its_past_while_it_runs_is_not_published_further() -> None:
    log, files = PlainLog(300), MemoryFiles()
    published = started(files, log)
    publish(published)
    before = content_of(files)
    other = PlainLog()
    other.append([b"khac", *(entry(number) for number in range(1, 300))])
    log.nodes, log.notes, log.kept, log.frontier = other.nodes, other.notes, other.kept, other.frontier
    with pytest.raises(IntegrityViolation) as caught:
        publish(published)
    assert caught.value.code == "ledger.corrupt"
    log.grow_to(301)
    with pytest.raises(IntegrityViolation):
        publish(published)
    assert files.read(CHECKPOINT) == before[CHECKPOINT]


@pytest.mark.parametrize("place", ["entry", "inner node", "leaf node"])
def test_one_wrong_bit_in_the_store_is_not_published(place: str) -> None:
    log, files = PlainLog(700), MemoryFiles()
    if place == "entry":
        log.kept[600] = b"khac"
    elif place == "inner node":
        log.nodes[merkle.node_number(8, 1)] = bytes(32)
    else:
        log.kept[3] = b"khac"
    with pytest.raises(IntegrityViolation) as caught:
        publish(started(files, log))
    assert caught.value.code == "ledger.corrupt"
    assert CHECKPOINT not in files.list("")


def test_a_published_checkpoint_of_another_log_is_refused() -> None:
    files = MemoryFiles()
    publish(started(files, PlainLog(3)))
    with pytest.raises(Misconfigured) as caught:
        started(files, PlainLog(3, origin="khac.example/log"))
    assert caught.value.code == "ledger.other_origin"


@pytest.mark.parametrize("content", [b"", b"mau", b"\n\n", b"\xff\xfe", b"mau.example/log\n3\nAAAA\n\nx\n"])
def test_a_published_checkpoint_that_is_none_is_refused(content: bytes) -> None:
    files = MemoryFiles()
    files.write_durable(CHECKPOINT, content)
    with pytest.raises(IntegrityViolation):
        started(files, PlainLog(3))


def test_two_logs_are_published_side_by_side() -> None:
    files = MemoryFiles()
    main, heads = PlainLog(300), PlainLog(2, origin="mau.example/log/heads", seed="heads")
    publish(started(files, main))
    publish(started(files, heads, publication.HEADS_PREFIX))
    assert judge(files, main) == 300
    assert files.read("log/heads/checkpoint").startswith(b"mau.example/log/heads\n2\n")
    assert files.read("log/heads/tile/entries/000.p/2") == tiles.bundle([entry(0), entry(1)])


def test_a_log_that_begins_anew_forgets_what_was_published() -> None:
    files = MemoryFiles()
    first = PlainLog(300)
    publish(started(files, first))
    publish(started(files, PlainLog(2, origin="mau.example/log/heads"), publication.HEADS_PREFIX))
    again = PlainLog(10)
    published = Publication(files, again)
    published.forget()
    published.open()
    publish(published)
    assert judge(files, again) == 10
    assert files.read("log/heads/checkpoint")


@pytest.mark.parametrize("store", ["sqlite", "memory", "postgres"])
def test_the_ledger_itself_is_published_as_it_grows(tmp_path: Path, store: str, request: pytest.FixtureRequest) -> None:
    if store == "postgres":
        ledger = made.opened(tmp_path, store=PostgresStore(request.getfixturevalue("postgres_dsn")))
    else:
        ledger = made.opened(tmp_path, store=store)
    files = MemoryFiles()
    published = started(files, ledger.tree())
    for step in range(4):
        for number in range(30):
            ledger.submit(made.packet(ledger, [step * 90 + number, 1, 2]))
        ledger.flush()
        publish(published)
        assert files.read(CHECKPOINT).decode() == ledger.checkpoint()
        assert published.size == ledger.committed
    reader = TileReader(lambda path: files.read(f"log/{path}"), ledger.committed)
    assert reader.root() == ledger.root_hash
    assert reader.entries(5, 1) == [ledger.prove(6).leaf]
    ledger.close()
