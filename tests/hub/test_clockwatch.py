"""A clock that jumps is told on the log and keeps the hub from being ready until it is settled."""

import asyncio
from collections.abc import Callable

from contracts.moment import MICROS_PER_SECOND
from hub.clockwatch import ClockWatch
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger.events import ClockStepped
from ledger.writer import Writer, open_ledger


class _LoopClock:
    """A clock that keeps the loop's time until it is stepped."""

    def __init__(self, start_us: int) -> None:
        self._start_us = start_us
        self._start_s = asyncio.get_running_loop().time()
        self.step_us = 0

    def now(self) -> int:
        """Loop time on top of the start, plus whatever it was stepped by."""
        passed = asyncio.get_running_loop().time() - self._start_s
        return self._start_us + int(passed * MICROS_PER_SECOND) + self.step_us


START = 1_770_000_000 * MICROS_PER_SECOND


def _ledger() -> Writer:
    return open_ledger(
        files=MemoryFiles(),
        directory="",
        origin="clock.example/log",
        clock=SteppedClock(START),
        entropy=SeededEntropy(5),
        store="memory",
    )


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # the log has no event to wait on from here
            await asyncio.sleep(0.05)


def _steps(ledger: Writer) -> list[ClockStepped]:
    return [entry.event for entry in ledger.read(0, 100) if isinstance(entry.event, ClockStepped)]


async def test_a_steady_clock_is_no_news() -> None:
    """Nothing is recorded while the clock keeps the loop's time."""
    ledger = _ledger()
    watch = ClockWatch(_LoopClock(START), ledger)
    task = asyncio.get_running_loop().create_task(watch.run())

    await asyncio.wait((task,), timeout=1.2)
    task.cancel()

    assert watch.ailment() == ""
    assert _steps(ledger) == []


async def test_a_clock_set_back_is_recorded_and_keeps_the_hub_unready() -> None:
    """Record times would freeze: the hub says so until the clock has caught up."""
    ledger = _ledger()
    clock = _LoopClock(START)
    counted: list[int] = []
    watch = ClockWatch(clock, ledger, on_step=lambda: counted.append(1))
    task = asyncio.get_running_loop().create_task(watch.run())
    await asyncio.sleep(0)

    clock.step_us = -60 * MICROS_PER_SECOND
    await _until(lambda: bool(_steps(ledger)))
    behind = watch.ailment()
    clock.step_us = 0
    caught_up = watch.ailment()
    task.cancel()

    assert behind == "clock is behind the newest record time"
    assert caught_up == ""
    assert counted == [1]


async def test_a_clock_set_forward_is_recorded_and_settled_by_its_commit() -> None:
    """A forward jump needs no waiting once it is on the log."""
    ledger = _ledger()
    clock = _LoopClock(START)
    watch = ClockWatch(clock, ledger)
    task = asyncio.get_running_loop().create_task(watch.run())
    await asyncio.sleep(0)

    clock.step_us = 3_600 * MICROS_PER_SECOND
    await _until(lambda: bool(_steps(ledger)))
    task.cancel()

    assert watch.ailment() == ""
    assert _steps(ledger)[0].after_us > _steps(ledger)[0].before_us


async def test_an_operator_may_accept_a_clock_that_is_behind() -> None:
    """``--accept-clock`` makes the hub ready, and the log says who accepted."""
    ledger = _ledger()
    clock = _LoopClock(START)
    watch = ClockWatch(clock, ledger, accepted_by="operator")
    task = asyncio.get_running_loop().create_task(watch.run())
    await asyncio.sleep(0)

    clock.step_us = -60 * MICROS_PER_SECOND
    await _until(lambda: bool(_steps(ledger)))
    task.cancel()

    assert watch.ailment() == ""
    assert _steps(ledger)[0].accepted_by == "operator"
