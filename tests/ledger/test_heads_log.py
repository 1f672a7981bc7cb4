"""The heads log: what it says of every stream holds, is made the same again, survives every end, and never forks."""

import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import pytest

from contracts.errors import HubError, IntegrityViolation, Misconfigured
from hub.world import DiskFiles
from hub.world_seeded import MemoryFiles, SeededEntropy
from ledger import heads_log, merkle
from ledger.heads_log import HEADS_FILE, HeadsLog, open_heads
from ledger.publication import HEADS_PREFIX, Publication
from tests.ledger.heads_check import judge
from tests.ledger.plain_log import PlainLog, publish


class Streams:
    """An invented main log whose leaves are events of numbered streams."""

    def __init__(self) -> None:
        self.log = PlainLog()
        self.heads: dict[int, tuple[int, str, int]] = {}

    def write(self, *numbers: int) -> None:
        """One commit with an event of each of these streams, in order."""
        entries = []
        for idx, number in enumerate(numbers, len(self.log.kept)):
            events, prev, _ = self.heads.get(number, (0, "0" * 64, 0))
            leaf = {"idx": idx, "prev": prev, "rev": events, "sid": stream(number).hex(), "v": 1}
            entry = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()
            entries.append(entry)
            self.heads[number] = (events + 1, merkle.leaf_hash(entry).hex(), idx)
        self.log.append(entries)

    def expected(self, number: int) -> dict[str, Any] | None:
        """What a proof must say of a stream."""
        found = self.heads.get(number)
        return None if found is None else {"count": found[0], "head": found[1], "idx": found[2]}


def stream(number: int) -> bytes:
    return number.to_bytes(16, "big")


def opened(main: Streams, files: Any = None, directory: Path | None = None) -> HeadsLog:
    files = files or (MemoryFiles() if directory is None else DiskFiles(directory))
    return open_heads(
        main.log,
        files=files,
        directory=str(directory or ""),
        entropy=SeededEntropy("mau"),
        in_memory=directory is None,
    )


def catch_up(heads: HeadsLog) -> int:
    """Take in everything; how many steps it took."""
    taken = 0
    while steps := sum(1 for _ in heads.steps()):
        taken += steps
    return taken


def hold(main: Streams, heads: HeadsLog, numbers: Sequence[int]) -> None:
    for number in numbers:
        proof = json.loads(json.dumps(heads.prove(stream(number))))
        said = judge(stream(number), proof, heads.vkey)
        assert said is not None
        assert proof["member"] == main.expected(number)
        assert (said["input_size"], said["input_root"]) == (
            heads.input_size,
            main.log.root_at(heads.input_size).hex(),
        )
        assert said["streams"] == len(main.heads) == heads.streams


def test_every_stream_is_proven_with_its_newest_event_and_every_other_not_to_exist() -> None:
    main = Streams()
    main.write(1)
    heads = opened(main)
    catch_up(heads)
    hold(main, heads, [1, 2])
    for round_ in range(5):
        main.write(*(number % 97 for number in range(round_, 400, round_ + 1)))
        main.write(1)
        catch_up(heads)
        hold(main, heads, range(100))
    assert heads.size == 7
    assert catch_up(heads) == 0


def test_a_proof_bent_in_any_of_its_members_does_not_hold() -> None:
    main = Streams()
    main.write(*range(40))
    heads = opened(main)
    catch_up(heads)
    main.write(*range(7))
    catch_up(heads)
    for number in (3, 99):
        proof = heads.prove(stream(number))
        assert judge(stream(number), proof, heads.vkey)
        assert judge(stream(number + 1), proof, heads.vkey) is None
        shown = proof["member"] or proof["other"]
        bent = [
            {**proof, "path": proof["path"][:-1]},
            {**proof, "path": [*proof["path"], proof["path"][-1]]},
            {**proof, "path": list(reversed(proof["path"]))},
            {**proof, "member": None, "other": None, "path": []},
            {**proof, "index": proof["index"] - 1},
            {**proof, "inclusion": []},
            {**proof, "checkpoint": proof["checkpoint"].replace("\n2\n", "\n3\n")},
            {**proof, "member": {**shown, "count": shown["count"] + 1}, "other": None},
            {**proof, "member": {**shown, "idx": shown["idx"] + 1}, "other": None},
            {**proof, "member": {**shown, "head": "0" * 64}, "other": None},
            {**proof, "member": None, "other": {**shown, "key": sha256(stream(number)).hexdigest()}},
        ]
        assert [judge(stream(number), one, heads.vkey) for one in bent] == [None] * len(bent)


def test_before_the_first_entry_there_is_nothing_to_prove() -> None:
    heads = opened(Streams())
    assert catch_up(heads) == 0
    assert (heads.checkpoint(), heads.size, heads.input_size) == ("", 0, 0)
    with pytest.raises(HubError, match=r"query\.not_found"):
        heads.prove(stream(1))


def test_two_runs_over_the_same_log_and_sizes_give_the_same_entries_and_checkpoints(tmp_path: Path) -> None:
    main = Streams()
    in_memory = opened(main)
    for round_ in range(1, 6):
        main.write(*(number * round_ % 61 for number in range(50)))
        on_disk = opened(main, directory=tmp_path)  # a new process every time
        catch_up(on_disk)
        catch_up(in_memory)
        assert on_disk.entries(0, 99) == in_memory.entries(0, 99)
        assert on_disk.checkpoint() == in_memory.checkpoint()
        on_disk.close()
    assert json.loads(in_memory.entries(4, 1)[0]).keys() == {
        "input_root",
        "input_size",
        "k",
        "map_root",
        "streams",
        "v",
    }


def test_a_long_backlog_becomes_entries_of_bounded_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads_log, "LONGEST", 300)
    main = Streams()
    main.write(*(number % 11 for number in range(1_000)))
    heads = opened(main)
    sizes = []
    while list(heads.steps()):
        sizes.append(heads.input_size)
    assert sizes == [300, 600, 900, 1_000]
    hold(main, heads, range(12))


def test_an_end_at_any_step_leaves_the_entry_whole_or_not_there(tmp_path: Path) -> None:
    main = Streams()
    main.write(*range(60))
    (tmp_path / "a").mkdir()
    heads = opened(main, directory=tmp_path / "a")
    catch_up(heads)
    main.write(*range(30, 200), 5)
    steps = 0
    for count in range(1_000):
        before = heads.checkpoint()
        with closing(heads.steps()) as under_way:
            done = sum(1 for _ in zip(range(count), under_way, strict=False))
            # what a kill would leave: the files as they are now
            shutil.rmtree(tmp_path / "b", ignore_errors=True)
            shutil.copytree(tmp_path / "a", tmp_path / "b")
            heads.prove(stream(5))
        survivor = opened(main, directory=tmp_path / "b")
        assert survivor.checkpoint() == heads.checkpoint()
        assert (heads.checkpoint() == before) is (done == count)
        catch_up(survivor)
        hold(main, survivor, [0, 5, 40, 199, 500])
        survivor.close()
        if done < count:
            steps = count
            break
    assert steps > 5


def test_while_an_entry_is_being_written_proofs_are_those_of_the_entry_before(tmp_path: Path) -> None:
    main = Streams()
    main.write(*range(200))
    heads = opened(main, directory=tmp_path)
    catch_up(heads)
    heads.close()
    heads = opened(main, directory=tmp_path)
    before = {number: heads.prove(stream(number)) for number in range(0, 210, 7)}
    main.write(*range(150, 300))
    for _ in heads.steps():
        if heads.input_size == 200:
            assert {number: heads.prove(stream(number)) for number in before} == before
    hold(main, heads, range(0, 310, 9))


# ── what must stop it ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def grown(tmp_path: Path) -> Streams:
    """A main log with a heads log of two entries beside it, closed."""
    main = Streams()
    main.write(*range(50))
    heads = opened(main, directory=tmp_path)
    catch_up(heads)
    main.write(*range(20, 80))
    catch_up(heads)
    heads.close()
    return main


def test_a_main_log_that_is_shorter_than_what_was_covered_stops_it(tmp_path: Path, grown: Streams) -> None:
    shorter = Streams()
    shorter.write(*range(50))
    with pytest.raises(IntegrityViolation, match=r"ledger\.rollback"):
        opened(shorter, directory=tmp_path)


def test_another_main_log_of_the_same_or_greater_length_stops_it(tmp_path: Path, grown: Streams) -> None:
    other = Streams()
    other.write(*range(50, 200))
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        opened(other, directory=tmp_path)


def test_a_main_log_exchanged_under_a_running_one_stops_it_for_good(tmp_path: Path, grown: Streams) -> None:
    heads = opened(grown, directory=tmp_path)
    other = Streams()
    other.write(*range(50, 200))
    signed = heads.checkpoint()
    grown.log.kept, grown.log.nodes, grown.log.frontier = other.log.kept, other.log.nodes, other.log.frontier
    grown.log.notes = other.log.notes
    for _ in range(2):
        with pytest.raises(IntegrityViolation):
            catch_up(heads)
    assert heads.checkpoint() == signed


def test_a_heads_log_that_was_lost_or_put_back_older_is_not_begun_or_continued(tmp_path: Path) -> None:
    main = Streams()
    main.write(1, 2)
    heads = opened(main, directory=tmp_path)
    catch_up(heads)
    heads.close()
    older = (tmp_path / HEADS_FILE).read_bytes()
    main.write(2, 3)
    heads = opened(main, directory=tmp_path)
    catch_up(heads)
    heads.close()
    (tmp_path / HEADS_FILE).write_bytes(older)
    with pytest.raises(IntegrityViolation, match=r"ledger\.rollback"):
        opened(main, directory=tmp_path)
    (tmp_path / HEADS_FILE).unlink()
    with pytest.raises(IntegrityViolation, match=r"ledger\.rollback"):
        opened(main, directory=tmp_path)


def test_entries_without_their_key_or_under_another_logs_key_are_refused(tmp_path: Path, grown: Streams) -> None:
    key = (tmp_path / "keys/heads.key").read_bytes()
    assert (tmp_path / "keys/heads.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "keys/heads.key").unlink()
    with pytest.raises(Misconfigured, match=r"config\.missing"):
        opened(grown, directory=tmp_path)
    (tmp_path / "keys/heads.key").write_bytes(key.replace(b"mau.example/log/heads", b"mau.example/khac/heads"))
    (tmp_path / "keys/heads.key").chmod(0o600)
    with pytest.raises(Misconfigured, match=r"ledger\.other_origin"):
        opened(grown, directory=tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE nodes SET node = zeroblob(80) WHERE id = (SELECT root FROM entries WHERE idx = 1)",
        "DELETE FROM nodes WHERE id = (SELECT root FROM entries WHERE idx = 1)",
        "INSERT INTO nodes (id, node) VALUES (9999, x'00')",
        "UPDATE entries SET entry = replace(entry, 'heads', 'heats') WHERE idx = 1",
        "UPDATE entries SET root = root - 1 WHERE idx = 1",
        "UPDATE entries SET last = last - 1 WHERE idx = 1",
        "UPDATE entries SET tree = zeroblob(64) WHERE idx = 1",
        "UPDATE entries SET note = replace(note, 'mau', 'nau') WHERE idx = 1",
        "DELETE FROM entries WHERE idx = 1",
    ],
)
def test_a_file_changed_by_hand_is_not_opened(tmp_path: Path, grown: Streams, damage: str) -> None:
    connection = apsw.Connection(str(tmp_path / HEADS_FILE))
    for verb in ("update", "delete"):
        connection.execute(f"DROP TRIGGER entries_{verb}")
    connection.execute(damage)
    connection.close()
    with pytest.raises(IntegrityViolation, match=r"ledger\.(corrupt|rollback)"):
        opened(grown, directory=tmp_path)


def test_a_node_spoilt_in_the_file_is_never_shown_and_never_built_upon(tmp_path: Path, grown: Streams) -> None:
    connection = apsw.Connection(str(tmp_path / HEADS_FILE))
    connection.execute("UPDATE nodes SET node = node || x'00' WHERE id NOT IN (SELECT root FROM entries)")
    connection.close()
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        opened(grown, directory=tmp_path)


def test_an_entry_missing_in_the_middle_is_noticed_by_the_next_proof(tmp_path: Path, grown: Streams) -> None:
    connection = apsw.Connection(str(tmp_path / HEADS_FILE))
    connection.execute("DROP TRIGGER entries_delete")
    connection.execute("DELETE FROM entries WHERE idx = 0")
    connection.close()
    heads = opened(grown, directory=tmp_path)
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        heads.prove(stream(1))


def test_entries_can_not_be_changed_by_accident(tmp_path: Path, grown: Streams) -> None:
    connection = apsw.Connection(str(tmp_path / HEADS_FILE))
    for statement in ("UPDATE entries SET note = ''", "DELETE FROM entries"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("member", ["rev", "prev", "idx"])
def test_a_leaf_that_does_not_continue_its_stream_stops_it(member: str) -> None:
    main, fresh = Streams(), Streams()
    main.write(*range(10), 3)
    fresh.write(*range(10))
    leaf = json.loads(main.log.entries(10, 1)[0])
    leaf |= {"rev": {"rev": 5}, "prev": {"prev": "1" * 64}, "idx": {"idx": 11}}[member]
    fresh.log.append([json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()])
    heads = opened(fresh)
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        catch_up(heads)
    assert heads.checkpoint() == ""


def test_it_is_published_as_tiles_like_any_log() -> None:
    main, files = Streams(), MemoryFiles()
    main.write(1)
    heads = opened(main, files=files)
    published = Publication(files, heads, HEADS_PREFIX)
    published.open()
    for number in range(300):
        main.write(number)
        catch_up(heads)
        if number in {0, 255, 256, 299}:
            publish(published)
            assert files.read("log/heads/checkpoint").decode() == heads.checkpoint()
    assert {name.partition("tile/")[2] for name in files.list("log/heads/tile/entries")} >= {"entries/000"}
