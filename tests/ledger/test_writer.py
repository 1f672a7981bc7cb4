"""Placing and group commit: what is placed is seen at once, what is answered is durable, what failed stops."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from contracts.errors import HubError, IntegrityViolation, MessageRefused, Misconfigured, Overloaded
from hub.world import DiskFiles
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger import inspect as log_file
from ledger.events import ConfigurationChanged, MessageAccepted, PartyRegistered
from ledger.events import MessageRefused as MessageRefusedEvent
from ledger.keystore import MemoryKeys
from ledger.leaf import parse
from ledger.stores.memory import MemoryStore, Moment
from ledger.unit import NewEvent, NewPart, Seen, Standing, Unit
from ledger.writer import COMMIT_EVENTS, Writer
from tests.ledger import made


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Writer:
    return made.opened(tmp_path, store=request.param)


async def test_a_new_log_begins_with_the_key_that_signs_it(ledger: Writer) -> None:
    first = ledger.read(0, 10)
    assert [entry.topic for entry in first] == ["key.added"]
    assert getattr(first[0].event, "vkey", "") == ledger.vkey
    assert ledger.committed == ledger.placed == 1


async def test_positions_are_dense_and_known_before_anything_is_written(ledger: Writer) -> None:
    expected = ledger.next_position()
    one, two = made.packet(ledger, [1, 2]), None
    placed = ledger.submit(one)
    two = ledger.submit(made.packet(ledger, [3]))
    assert placed.positions == (expected, expected + 1, expected + 2)
    assert two.positions == (expected + 3, expected + 4)
    assert ledger.committed == 1
    await ledger.durable(two.positions[-1])
    assert ledger.committed == ledger.placed == expected + 4
    assert [entry.position for entry in ledger.read(0, 100)] == list(range(1, expected + 5))


async def test_one_step_of_the_loop_is_one_commit(tmp_path: Path) -> None:
    store = MemoryStore()
    ledger = made.opened(tmp_path, store=store)
    for number in range(5):
        ledger.submit(made.packet(ledger, [number]))
    await ledger.durable(ledger.placed)
    assert store._transaction == 2


async def test_a_great_gathering_is_committed_in_slices_with_the_loop_between(tmp_path: Path) -> None:
    store = MemoryStore()
    ledger = made.opened(tmp_path, store=store)
    for start in range(0, COMMIT_EVENTS * 2, 50):
        ledger.submit(made.packet(ledger, range(start, start + 50)))
    await ledger.durable(ledger.placed)
    assert store._transaction == 3


async def test_what_is_placed_is_seen_before_it_is_durable(ledger: Writer) -> None:
    unit = made.packet(ledger, [7], source_id="a-1", target="cong")
    stream = unit.codes[0][1]
    placed = ledger.submit(unit)
    assert ledger.committed == 1
    for _ in range(2):
        found = ledger.find_message("mau", "a-1", unit.content)
        assert found is not None
        assert (found.position, found.same_content) == (placed.positions[0], True)
        other = ledger.find_message("mau", "a-1", b"khac")
        assert other is not None
        assert not other.same_content
        assert ledger.find_message("khac", "a-1", unit.content) is None
        assert ledger.find_stream(f"n:{made.code(7)}") == stream
        assert ledger.seen(stream) == {made.LANE: [unit.seen[0].fingerprint]}
        assert ledger.standings(stream) == {"cong": unit.standings[0]}
        entries = ledger.read_stream(stream)
        assert [entry.rev for entry in entries] == [0]
        assert entries[0].event == unit.events[1].event
        await ledger.durable(placed.positions[-1])
    ledger.close()


async def test_everything_is_the_same_after_a_restart(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    unit = made.packet(ledger, [1, 2, 3], source_id="a-1", target="cong")
    again = None
    placed = await made.keep(ledger, unit)
    again = await made.keep(ledger, made.packet(ledger, [2], word="sửa"))
    ledger.submit(
        Unit(
            events=(NewEvent(ledger.named_stream("governance", "parties"), PartyRegistered(party="x", adapter="y")),),
            cursor=("cong", 4),
            standings=(Standing(unit.codes[1][1], "cong", 9, (1, 2), "park.target_refused"),),
        )
    )
    party = ledger.named_stream("party", "mau")
    before = (ledger.read(0, 100), ledger.prove(placed.positions[0]), ledger.raw_message(again.positions[0]))
    ledger.flush()
    entries = ledger.read(0, 100)
    ledger.close()

    ledger = made.opened(tmp_path, seed="other", clock=SteppedClock(1_800_000_000_000_000))
    assert ledger.read(0, 100) == entries
    assert ledger.prove(placed.positions[0]) == before[1]
    assert ledger.raw_message(again.positions[0]) == before[2]
    assert ledger.raw_message(placed.positions[0]) == made.raw(unit)
    assert ledger.named_stream("party", "mau") == party
    assert ledger.cursor("cong") == 4
    assert ledger.parked("cong") == [Standing(unit.codes[1][1], "cong", 9, (1, 2), "park.target_refused")]
    stream = unit.codes[1][1]
    assert [len(found) for found in ledger.seen(stream).values()] == [2]
    assert [entry.rev for entry in ledger.read_stream(stream)] == [0, 1]
    assert [entry.rev for entry in ledger.read_stream(stream, after_rev=0)] == [1]
    assert ledger.fingerprint(stream, made.body(2)) == unit.seen[1].fingerprint
    ledger.close()


def test_the_same_seed_clock_and_units_give_the_same_root(tmp_path: Path) -> None:
    roots = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        ledger = made.opened(folder)
        for start in (0, 3, 6):
            ledger.submit(made.packet(ledger, range(start, start + 5)))
            ledger.flush()
        roots.append((ledger.root_hash, ledger.checkpoint(), ledger.committed))
        ledger.close()
    assert roots[0] == roots[1]


def test_the_stores_make_the_same_log(tmp_path: Path) -> None:
    notes = []
    for store in ("memory", "sqlite"):
        folder = tmp_path / store
        folder.mkdir()
        ledger = made.opened(folder, store=store)
        ledger.submit(made.packet(ledger, range(10), source_id="s"))
        ledger.flush()
        notes.append((ledger.checkpoint(), ledger.prove(2), ledger.raw_message(2)))
        ledger.close()
    assert notes[0] == notes[1]


async def test_a_full_queue_refuses_and_keeps_nothing(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path, store="memory", queue_units=2)
    ledger.submit(made.packet(ledger, [1]))
    ledger.submit(made.packet(ledger, [2]))
    refused = made.packet(ledger, [3])
    placed = ledger.placed
    with pytest.raises(Overloaded) as caught:
        ledger.submit(refused)
    assert caught.value.retry_after_s > 0
    assert ledger.placed == placed
    assert ledger.find_stream(f"n:{made.code(3)}") is None
    await ledger.durable(placed)
    assert ledger.queued == (0, 0)
    await made.keep(ledger, refused)


async def test_the_queue_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path, store="memory", queue_bytes=4_000)
    ledger.submit(made.packet(ledger, [1], size=1_500))
    with pytest.raises(Overloaded):
        ledger.submit(made.packet(ledger, [2]))


def _at(transaction: int, moment: Moment) -> Callable[[int, Moment], None]:
    def strike(now: int, at: Moment) -> None:
        if (now, at) == (transaction, moment):
            raise OSError(5, "Input/output error")

    return strike


@pytest.mark.parametrize("moment", ["begin", "before", "after"])
async def test_a_failed_commit_stops_everything_and_the_truth_is_in_the_store(tmp_path: Path, moment: Moment) -> None:
    store, keys, files = MemoryStore(_at(3, moment)), MemoryKeys(), MemoryFiles()
    ledger = made.opened(tmp_path, store=store, keys=keys, files=files)
    safe = await made.keep(ledger, made.packet(ledger, [1]))
    lost = ledger.submit(made.packet(ledger, [2]))
    waiting = asyncio.gather(
        ledger.durable(lost.positions[0]), ledger.durable(lost.positions[-1]), return_exceptions=True
    )
    beyond = asyncio.ensure_future(ledger.wait_beyond(lost.positions[-1], 5))
    outcomes = await waiting
    assert [getattr(outcome, "code", "") for outcome in outcomes] == ["ledger.unavailable"] * 2
    with pytest.raises(IntegrityViolation):
        await beyond
    for call in (
        lambda: ledger.submit(made.packet(ledger, [3])),
        lambda: ledger.read(0, 1),
        lambda: ledger.find_stream("n:x"),
        lambda: ledger.prove(1),
        ledger.new_stream,
    ):
        with pytest.raises(IntegrityViolation, match=r"ledger\.unavailable"):
            call()
    ledger.close()

    again = made.opened(tmp_path, store=store, keys=keys, files=files, seed="other")
    survived = moment == "after"
    assert again.committed == (lost.positions[-1] if survived else safe.positions[-1])
    assert (again.find_stream(f"n:{made.code(2)}") is not None) is survived
    await made.keep(again, made.packet(again, [2]))
    again.close()


async def test_stored_leaves_that_differ_from_the_placed_ones_are_never_signed(tmp_path: Path) -> None:
    class Rotten(MemoryStore):
        def written_leaves(self, after: int) -> list[bytes]:
            leaves = super().written_leaves(after)
            return [leaf.replace(b"message.accepted", b"message.acceptee") for leaf in leaves]

    ledger = made.opened(tmp_path, store=Rotten())
    note = ledger.checkpoint()
    placed = ledger.submit(made.packet(ledger, [1]))
    with pytest.raises(IntegrityViolation):
        await ledger.durable(placed.positions[0])
    assert ledger._chain.note == note


async def test_two_processes_never_sign(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    with pytest.raises(Misconfigured, match=r"ledger\.locked"):
        made.opened(tmp_path)
    ledger.close()
    made.opened(tmp_path).close()


def test_a_log_is_not_continued_under_another_name_or_key(tmp_path: Path) -> None:
    made.opened(tmp_path).close()
    key = tmp_path / "keys" / "log.key"
    assert key.stat().st_mode & 0o777 == 0o600
    text = key.read_text("utf-8")
    key.write_text(text.replace("mau.example/log", "khac.example/log"), "utf-8")
    with pytest.raises(Misconfigured, match=r"ledger\.other_origin"):
        made.opened(tmp_path)
    key.unlink()
    with pytest.raises(Misconfigured, match=r"config\.missing"):
        made.opened(tmp_path)
    assert not key.exists()


def test_a_log_without_its_data_keys_is_refused(tmp_path: Path) -> None:
    made.opened(tmp_path).close()
    for file in tmp_path.glob("keys.db*"):
        file.unlink()
    with pytest.raises(IntegrityViolation, match=r"vault\.key_missing"):
        made.opened(tmp_path, seed="other")


async def test_a_unit_that_can_not_be_placed_changes_nothing(ledger: Writer) -> None:
    party = ledger.named_stream("party", "mau")
    huge = PartyRegistered(party="x" * 70_000, adapter="y")
    fine = PartyRegistered(party="x", adapter="y")
    ledger.submit(Unit(events=(NewEvent(party, huge),)))  # the leaf holds no names, so a long one does no harm
    placed = ledger.placed
    too_long = MessageAccepted(
        message_id="0",
        party="p" * 70_000,
        adapter="a",
        standard="s",
        edition="e",
        service="s",
        accepted_at=1,
        body_bytes=0,
    )
    with pytest.raises(MessageRefused):
        ledger.submit(Unit(events=(NewEvent(ledger.new_stream(), fine), NewEvent(party, too_long))))
    with pytest.raises(ValueError, match="without events"):
        ledger.submit(Unit(events=()))
    assert ledger.placed == placed
    await made.keep(ledger, Unit(events=(NewEvent(party, fine),)))
    assert [entry.rev for entry in ledger.read_stream(party)] == [0, 1]


async def test_time_of_recording_never_goes_back(tmp_path: Path) -> None:
    clock = SteppedClock()
    ledger = made.opened(tmp_path, clock=clock)
    await made.keep(ledger, made.packet(ledger, [1]))
    clock.advance(-10_000_000)
    await made.keep(ledger, made.packet(ledger, [2]))
    times = [entry.recorded_at for entry in ledger.read(0, 100)]
    assert times == sorted(times)
    ledger.close()
    clock.advance(-10_000_000)
    ledger = made.opened(tmp_path, clock=clock, seed="other")
    await made.keep(ledger, made.packet(ledger, [3]))
    assert ledger.read(0, 100)[-1].recorded_at >= times[-1]


async def test_the_leaf_names_the_configuration_in_force(ledger: Writer) -> None:
    stream = ledger.named_stream("governance", "configuration")
    changed = ConfigurationChanged(config_hash="ab" * 32)
    placed = ledger.submit(Unit(events=(NewEvent(stream, changed),)))
    message = ledger.submit(made.packet(ledger, [1]))
    await ledger.durable(message.positions[-1])
    assert parse(ledger.prove(placed.positions[0]).leaf).cfg == ""
    assert parse(ledger.prove(message.positions[0]).leaf).cfg == "ab" * 32


async def test_a_refused_body_and_a_spoken_of_stream_keep_their_keys(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    stream = ledger.new_stream()
    refused = MessageRefusedEvent(message_id="0", party="mau", adapter="portal", refused_at=1, body_bytes=9, errors=())
    unit = Unit(
        events=(NewEvent(ledger.named_stream("party", "mau"), refused),),
        parts=(NewPart("refused", "bản tin hỏng".encode()), NewPart("dossier", b"{}", stream)),
        seen=(Seen(stream, "mau/x", ledger.fingerprint(stream, b"{}")),),
    )
    placed = await made.keep(ledger, unit)
    ledger.close()
    ledger = made.opened(tmp_path, seed="other")
    assert ledger.raw_message(placed.positions[0]) == "bản tin hỏng{}".encode()
    assert ledger.seen(stream) == {"mau/x": [ledger.fingerprint(stream, b"{}")]}
    assert ledger.read_stream(stream) == []
    ledger.close()


async def test_waiting_for_news_ends_with_news_or_with_the_time(ledger: Writer) -> None:
    assert await ledger.wait_beyond(1, 0.01) == 1
    waiting = asyncio.ensure_future(ledger.wait_beyond(1, 5))
    await asyncio.sleep(0)
    placed = ledger.submit(made.packet(ledger, [1]))
    assert await waiting == placed.positions[-1]
    assert await ledger.wait_beyond(0, 5) == placed.positions[-1]


async def test_a_cancelled_waiter_disturbs_nobody(ledger: Writer) -> None:
    placed = ledger.submit(made.packet(ledger, [1]))
    gone = asyncio.ensure_future(ledger.durable(placed.positions[0]))
    stays = asyncio.ensure_future(ledger.durable(placed.positions[0]))
    gone.cancel()
    await stays
    assert gone.cancelled()


async def test_erasing_one_citizen_leaves_the_other_ninety_nine(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    unit = made.packet(ledger, range(100))
    placed = await made.keep(ledger, unit)
    victim = unit.codes[41][1]
    proof = ledger.prove(placed.positions[0])
    ledger.destroy_key(victim)
    for _ in range(2):
        with pytest.raises(HubError, match=r"vault\.erased"):
            ledger.raw_message(placed.positions[0])
        parts = ledger.message_parts(placed.positions[0])
        assert [content for _, content in parts].count(None) == 1
        whole = [part.content for part in unit.parts]
        assert all(content in {None, whole[at]} for at, (_, content) in enumerate(parts))
        entries = {entry.position: entry for entry in ledger.read(0, 200)}
        erased = placed.positions[42]
        assert entries[erased].event is None
        assert sum(entry.event is None for entry in entries.values()) == 1
        assert ledger.prove(placed.positions[0]).proof == proof.proof
        ledger.close()
        ledger = made.opened(tmp_path, seed="other")
    assert log_file.verify(str(tmp_path), [ledger.vkey])["ok"]
    verdict = log_file.verify_contents(ledger)
    assert verdict["ok"]
    assert "2 erased" in verdict["checks"][0]["detail"]
    ledger.close()


def test_the_files_hold_no_personal_data_in_the_clear(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    ledger.submit(made.packet(ledger, range(5), source_id="ma-goi-tin"))
    ledger.flush()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        for word in ("Lò Thị Mẫu", made.code(1), "phien-lam-viec-mau", "ma-goi-tin"):
            assert word.encode() not in content, (path.name, word)
    ledger.close()
    assert DiskFiles(tmp_path).list("keys/") == ["keys/log.begun", "keys/log.key", "keys/log.vkey", "keys/wrapping.key"]


def test_without_a_loop_units_wait_for_a_flush(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path, store="memory", entropy=SeededEntropy("x"))
    placed = ledger.submit(made.packet(ledger, [1]))
    assert ledger.committed == 1
    ledger.flush()
    assert ledger.committed == placed.positions[-1]
    waits = ledger.submit(made.packet(ledger, [2]))
    asyncio.run(ledger.durable(waits.positions[-1]))
    assert ledger.committed == waits.positions[-1]


async def test_a_ledger_runs_on_a_disk_of_another_vfs(tmp_path: Path) -> None:
    class PassThrough(apsw.VFS):
        """A VFS written in Python: no shared memory, so one exclusive connection."""

        def __init__(self) -> None:
            super().__init__("mau-vfs", "")

        def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
            return apsw.VFSFile("", name, flags)

    vfs = PassThrough()
    vkeys = []
    try:
        for seed in ("one", "two"):
            ledger = made.opened(tmp_path, vfs="mau-vfs", seed=seed)
            unit = made.packet(ledger, [1, 2, 3])
            placed = await made.keep(ledger, unit)
            assert ledger.raw_message(placed.positions[0]) == made.raw(unit)
            vkeys.append(ledger.vkey)
            ledger.close()
        assert log_file.verify(str(tmp_path), vkeys)["ok"]
    finally:
        vfs.unregister()


async def test_what_nobody_waits_for_goes_along_with_what_somebody_waits_for(ledger: Writer) -> None:
    commits: list[int] = []
    ledger.on_commit = lambda events, _seconds: commits.append(events)
    ledger.submit(made.packet(ledger, [1]), unhurried=True)
    await asyncio.sleep(0)
    assert ledger.committed == 1

    placed = ledger.submit(made.packet(ledger, [2]))
    await ledger.durable(placed.positions[-1])

    assert commits == [4]


async def test_what_nobody_waits_for_is_durable_soon_by_itself(ledger: Writer) -> None:
    placed = ledger.submit(made.packet(ledger, [1]), unhurried=True)

    await ledger.durable(placed.positions[-1])

    assert ledger.committed == placed.positions[-1]


def test_a_disk_that_fails_while_closing_still_gives_the_lock_back(tmp_path: Path) -> None:
    store = MemoryStore()
    ledger = made.opened(tmp_path, store=store)

    def fails() -> None:
        raise OSError("EIO")

    store.close = fails  # type: ignore[method-assign]
    with pytest.raises(OSError, match="EIO"):
        ledger.close()

    made.opened(tmp_path, store=MemoryStore()).close()
