"""The job that publishes: in small steps, within a budget, and never further than the log can be believed."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation
from hub.jobs.publish import Publisher
from hub.serving import Serving
from hub.settings import check
from hub.wiring import build, real_world
from hub.world_seeded import MemoryFiles
from ledger.publication import HEADS_PREFIX, Publication
from tests.ledger.plain_log import PlainLog


def publisher_of(log: PlainLog, files: MemoryFiles, *, anew: bool = False) -> Publisher:
    publisher = Publisher(files, interval_s=0.01, anew=anew)
    publisher.follow(log)
    return publisher


async def test_a_round_without_a_budget_leaves_and_goes_on_later() -> None:
    log, files = PlainLog(700), MemoryFiles()
    publisher = publisher_of(log, files)
    assert not await publisher.publish(budget_s=-1)
    assert publisher.size == 0
    assert len(files.list("")) == 1
    assert await publisher.publish()
    assert publisher.size == 700


async def test_other_work_of_the_loop_goes_on_between_two_files() -> None:
    publisher = publisher_of(PlainLog(700), MemoryFiles())
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(other())
    await publisher.publish()
    task.cancel()
    assert turns >= 7


async def test_it_publishes_as_the_log_grows_until_it_is_ended() -> None:
    log, files = PlainLog(3), MemoryFiles()
    publisher = publisher_of(log, files)
    task = asyncio.get_running_loop().create_task(publisher.run())
    for size in (3, 300):
        log.grow_to(size)
        async with asyncio.timeout(30):
            while publisher.size < size:  # noqa: ASYNC110  # the job tells nobody how far it is
                await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()


async def test_a_log_that_can_not_be_believed_ends_the_job_and_not_the_stop() -> None:
    log, files = PlainLog(300), MemoryFiles()
    log.kept[7] = b"khac"
    publisher = publisher_of(log, files)
    with pytest.raises(IntegrityViolation):
        await publisher.run()
    await publisher.finish(budget_s=1)
    assert "log/checkpoint" not in files.list("")


async def test_several_logs_are_published_in_one_round() -> None:
    files = MemoryFiles()
    publisher = publisher_of(PlainLog(3), files)
    publisher.follow(PlainLog(2, origin="mau.example/log/heads"), HEADS_PREFIX)
    assert await publisher.publish()
    assert {"log/checkpoint", "log/heads/checkpoint"} <= set(files.list(""))
    assert publisher.size == 3


async def test_turned_off_it_publishes_nothing() -> None:
    files = MemoryFiles()
    publisher = Publisher(files, interval_s=1, enabled=False)
    publisher.follow(PlainLog(3))
    assert await publisher.publish()
    assert (publisher.size, files.list("")) == (0, [])


async def test_logs_in_memory_begin_anew_and_others_are_held_to_what_was_published() -> None:
    files = MemoryFiles()
    await publisher_of(PlainLog(300), files).publish()
    with pytest.raises(IntegrityViolation):
        publisher_of(PlainLog(2), files)
    publisher = publisher_of(PlainLog(2), files, anew=True)
    await publisher.publish()
    assert publisher.size == 2


async def test_a_hub_whose_stored_tree_is_wrong_halts_instead_of_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = check(
        {
            "hub": {"port": 0, "ops_port": 0},
            "publish": {"interval_s": 0.01},
            "party": [{"id": "mot-cua", "adapter": "portal"}],
        }
    )
    serving = Serving(build(settings, real_world(str(tmp_path))))
    await serving.start()
    published = (tmp_path / "log/checkpoint").read_text("utf-8")

    def wrong(_self: Publication) -> None:
        raise IntegrityViolation("ledger.corrupt", "mẫu")

    monkeypatch.setattr(Publication, "steps", wrong)
    assert await serving.run() == "publish: ledger.corrupt"
    assert (tmp_path / "log/checkpoint").read_text("utf-8") == published
