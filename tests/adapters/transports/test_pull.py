"""Asking a party for messages: nothing is acknowledged before it is durable."""

import asyncio
from collections.abc import Sequence

import pytest

from adapters.transports.pull import Puller, Round
from contracts.envelope import Envelope
from contracts.errors import HubError, IntegrityViolation, MessageRefused, Overloaded, TargetUnavailable
from contracts.ports import Admitted, Pulled


class Box:
    """A party with waiting messages, and a hub's door, writing down in which order they are used."""

    def __init__(self, *bodies: bytes) -> None:
        self.waiting = dict.fromkeys(bodies)
        self.steps: list[str] = []
        self.faults: dict[str, HubError] = {}

    async def poll(self) -> Sequence[Pulled]:
        self.steps.append("poll")
        self._maybe_fail("poll")
        return [
            Pulled(envelope=Envelope(party="p", adapter="a", body=body, received_at=0), handle=body.decode())
            for body in self.waiting
        ]

    async def acknowledge(self, handle: str) -> None:
        self._maybe_fail(f"acknowledge {handle}")
        self.steps.append(f"acknowledge {handle}")
        self.waiting.pop(handle.encode(), None)

    async def admit(self, envelope: Envelope) -> Admitted:
        await asyncio.sleep(0)
        self._maybe_fail(f"admit {envelope.body.decode()}")
        self.steps.append(f"admit {envelope.body.decode()}")
        return Admitted(message_id="", position=1, accepted_at=0, duplicate=False, records=())

    def _maybe_fail(self, step: str) -> None:
        if step in self.faults:
            raise self.faults.pop(step)

    def puller(self, **options: object) -> Puller:
        return Puller(self, self.admit, interval_s=0.01, jitter=lambda: 0.0, **options)  # type: ignore[arg-type]  # test options


async def test_each_message_is_acknowledged_after_it_is_admitted_oldest_first() -> None:
    box = Box(b"1", b"2")
    done = await box.puller().once()
    assert box.steps == ["poll", "admit 1", "acknowledge 1", "admit 2", "acknowledge 2"]
    assert done == Round(polled=2, admitted=2, acknowledged=2)


async def test_a_message_refused_for_good_is_acknowledged_and_the_next_goes_on() -> None:
    box = Box(b"1", b"2")
    box.faults["admit 1"] = MessageRefused("read.not_xml")
    done = await box.puller().once()
    assert box.steps == ["poll", "acknowledge 1", "admit 2", "acknowledge 2"]
    assert (done.admitted, done.refused) == (1, 1)


async def test_an_overloaded_hub_acknowledges_nothing_and_waits() -> None:
    box = Box(b"1", b"2")
    box.faults["admit 1"] = Overloaded(retry_after_s=7.0)
    done = await box.puller().once()
    assert box.steps == ["poll"]
    assert (done.stopped_by, done.wait_s, done.acknowledged) == ("hub.overloaded", 7.0, 0)
    assert list(box.waiting) == [b"1", b"2"]


async def test_a_lost_acknowledgement_brings_the_message_again() -> None:
    box = Box(b"1")
    box.faults["acknowledge 1"] = TargetUnavailable("target.unknown")
    puller = box.puller()
    assert (await puller.once()).stopped_by == "target.unknown"
    assert (await puller.once()).acknowledged == 1
    assert box.steps == ["poll", "admit 1", "poll", "admit 1", "acknowledge 1"]


async def test_broken_integrity_is_not_swallowed() -> None:
    box = Box(b"1")
    box.faults["admit 1"] = IntegrityViolation("ledger.unavailable")
    with pytest.raises(IntegrityViolation):
        await box.puller().run()
    assert box.steps == ["poll"]


async def test_it_asks_again_until_stopped() -> None:
    box = Box(b"1")
    rounds: list[Round] = []
    enough = asyncio.Event()

    def seen(done: Round) -> None:
        rounds.append(done)
        if len(rounds) == 3:
            enough.set()

    puller = box.puller(seen=seen)
    task = asyncio.get_running_loop().create_task(puller.run())
    await enough.wait()
    puller.stop()
    await task
    assert [done.acknowledged for done in rounds][:3] == [1, 0, 0]


async def test_stopping_finishes_the_message_under_way() -> None:
    box = Box(b"1", b"2")
    puller = box.puller()
    admit = box.admit

    async def admit_and_stop(envelope: Envelope) -> Admitted:
        puller.stop()
        return await admit(envelope)

    box_admit = Puller(box, admit_and_stop, interval_s=60.0, jitter=lambda: 0.0)
    puller = box_admit
    await box_admit.run()
    assert box.steps == ["poll", "admit 1", "acknowledge 1"]


def test_failures_in_a_row_back_off_up_to_the_longest_pause() -> None:
    puller = Puller(Box(), Box().admit, interval_s=10.0, longest_s=50.0, jitter=lambda: 1.0)
    failed = Round(stopped_by="target.unavailable", wait_s=1.0)
    pauses = []
    for failures in range(1, 5):
        puller._failures = failures
        pauses.append(puller._pause(failed))
    assert pauses == [20.0, 40.0, 50.0, 50.0]
    assert puller._pause(Round(stopped_by="hub.overloaded", wait_s=90.0)) == 90.0


def test_a_full_round_is_followed_by_the_next_at_once_and_an_empty_one_by_the_interval() -> None:
    puller = Puller(Box(), Box().admit, interval_s=10.0, jitter=lambda: 0.0)
    assert puller._pause(Round(polled=1, admitted=1, acknowledged=1)) == 0.0
    assert puller._pause(Round()) == 5.0
