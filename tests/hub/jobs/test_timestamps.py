"""Timestamps of a hub: an authority that is down, late or wrong costs a retry; a good token becomes a leaf."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.transports.fetch import TransportFetch
from adapters.transports.memory import Handler, MemoryTransport
from contracts.delivery import Reply, Request
from contracts.errors import HubError, IntegrityViolation, TargetUnavailable
from contracts.moment import from_datetime
from hub.jobs.timestamps import TimestampJob, judge_timestamp
from hub.testimony import Freshness
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger import der
from ledger.anchors import Anchors
from ledger.events import CheckpointAnchored
from ledger.writer import Writer
from tests.ledger.forged_token import NOON, Forge
from tests.ledger.made import opened

FORGE = Forge()


class Outcomes:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_timestamp(self, outcome: str) -> None:
        self.seen.append(outcome)


class Scene:
    """One log, one authority that answers through ``handler``."""

    def __init__(self, ledger: Writer) -> None:
        self.ledger = ledger
        self.files = MemoryFiles()
        self.clock = SteppedClock(from_datetime(NOON), step_us=0)
        self.anchors = Anchors(self.files, ledger, self.clock)
        self.testimony = Freshness(self.clock, ledger, kinds=("timestamp",), max_age_s=7_200)
        self.outcomes = Outcomes()
        self.asked: list[Request] = []
        self.handler: Handler = self.stamp

    def job(self, *, timeout_s: float = 5.0, retry_s: float = 0.01) -> TimestampJob:
        async def answer(request: Request) -> Reply:
            self.asked.append(request)
            return await self.handler(request)

        self.anchors.judges["timestamp"] = judge_timestamp([FORGE.root])
        return TimestampJob(
            url="memory:tsa",
            roots=[FORGE.root],
            fetch=TransportFetch(MemoryTransport(answer)),
            newest=self.ledger.checkpoint,
            anchors=self.anchors,
            testimony=self.testimony,
            clock=self.clock,
            entropy=SeededEntropy("tsa"),
            observer=self.outcomes,
            interval_s=3_600,
            timeout_s=timeout_s,
            retry_first_s=retry_s,
            retry_longest_s=retry_s,
        )

    async def stamp(self, request: Request) -> Reply:
        return Reply(status=200, body=FORGE.token(self.ledger.checkpoint().encode(), nonce=nonce_of(request)))

    def leaves(self) -> list[CheckpointAnchored]:
        return [one.event for one in self.ledger.read(0, 100) if isinstance(one.event, CheckpointAnchored)]


def nonce_of(request: Request) -> int:
    fields = list(der.Reader(der.read_one(request.body, der.SEQUENCE, "q").content, "q").rest())
    return der.integer_in(fields[2])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    ledger = opened(tmp_path, store="memory")
    made = Scene(ledger)
    await made.anchors.recover()
    yield made
    ledger.close()


async def test_a_token_over_the_newest_checkpoint_becomes_a_leaf(scene: Scene) -> None:
    note = scene.ledger.checkpoint()
    said = await scene.job().stamp()
    (leaf,) = scene.leaves()
    assert (leaf.kind, leaf.at, leaf.by) == ("timestamp", said.at_us, said.authority)
    assert datetime.fromtimestamp(said.at_us / 1e6, UTC) == NOON
    assert scene.files.read(f"anchors/{leaf.evidence}.checkpoint") == note.encode()
    assert scene.testimony.newest("timestamp") == said.at_us
    assert scene.outcomes.seen == ["ok"]
    assert dict(scene.asked[0].headers)["Content-Type"] == "application/timestamp-query"


async def test_every_request_has_a_nonce_of_its_own(scene: Scene) -> None:
    job = scene.job()
    await job.stamp()
    await job.stamp()
    assert len({nonce_of(request) for request in scene.asked}) == 2


async def down(_request: Request) -> Reply:
    raise ConnectionResetError


async def busy(_request: Request) -> Reply:
    return Reply(status=503)


async def page(_request: Request) -> Reply:
    return Reply(status=200, body=b"<html>proxy</html>")


async def late(_request: Request) -> Reply:
    await asyncio.sleep(30)
    return Reply(status=200)


async def replayed(_request: Request) -> Reply:
    return Reply(status=200, body=FORGE.token(b"another checkpoint", nonce=1))


async def untrusted(request: Request) -> Reply:
    return Reply(status=200, body=Forge().token(b"", nonce=nonce_of(request)))


@pytest.mark.parametrize(
    ("handler", "code", "outcome"),
    [
        (down, "target.unknown", "unavailable"),
        (busy, "target.unavailable", "unavailable"),
        (late, "target.unknown", "unavailable"),
        (page, "testimony.invalid", "refused"),
        (replayed, "testimony.invalid", "refused"),
        (untrusted, "testimony.invalid", "refused"),
    ],
)
async def test_an_authority_that_is_down_late_or_wrong_leaves_no_leaf(
    scene: Scene, handler: Handler, code: str, outcome: str
) -> None:
    scene.handler = handler
    job = scene.job(timeout_s=0.05)
    with pytest.raises(HubError) as caught:
        await job.stamp()
    assert caught.value.code == code
    assert scene.outcomes.seen == [outcome]
    assert scene.leaves() == []
    assert scene.files.list("anchors/") == []
    assert job.trouble


async def test_it_is_asked_again_until_it_answers(scene: Scene) -> None:
    answers: list[Handler] = [down, page, busy]
    done = asyncio.Event()

    async def heal(request: Request) -> Reply:
        if answers:
            return await answers.pop(0)(request)
        done.set()
        return await scene.stamp(request)

    scene.handler = heal
    before = scene.ledger.committed
    task = asyncio.get_running_loop().create_task(scene.job(retry_s=0.002).run())
    await asyncio.wait_for(done.wait(), 5)
    assert await scene.ledger.wait_beyond(before, 5) > before
    assert len(scene.leaves()) == 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert scene.outcomes.seen[:3] == ["unavailable", "refused", "unavailable"]


async def test_a_fresh_token_is_not_asked_for_again_after_a_start(scene: Scene) -> None:
    job = scene.job()
    await job.stamp()
    assert job._wait_s() == 3_600
    scene.clock.advance(600 * 1_000_000)
    assert scene.job()._wait_s() == 3_000
    scene.clock.advance(10_000 * 1_000_000)
    assert scene.job()._wait_s() == 0


async def test_a_stopped_log_ends_the_job(scene: Scene) -> None:
    job = scene.job()
    scene.ledger.halt(IntegrityViolation("ledger.rollback"))
    with pytest.raises(IntegrityViolation) as caught:
        await job.run()
    assert caught.value.code == "ledger.unavailable"


async def test_without_a_checkpoint_nothing_is_asked(scene: Scene) -> None:
    job = scene.job()
    job._newest = lambda: ""
    with pytest.raises(TargetUnavailable):
        await job.stamp()
    assert scene.asked == []
