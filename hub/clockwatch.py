"""Watches the system clock against the loop's own time: a jump is an event on the log, and no work until it is settled.

Record times never go back (the ledger takes the later of now and the newest). A clock set back would therefore freeze
them, and one set forward would date everything wrongly: the hub says so, is not ready, and calls a human. It is ready
again once the jump is on the log and the clock is no further behind the newest record time than a jump is allowed to
be, or when an operator started it with ``--accept-clock``.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Clock
from ledger.events import ClockStepped
from ledger.port import Ledger
from ledger.unit import NewEvent, Unit

LARGEST_STEP_S: Final = 5.0
_LOOK_S: Final = 1.0


class ClockWatch:
    """One watch of one hub."""

    def __init__(
        self, clock: Clock, ledger: Ledger, *, accepted_by: str = "", on_step: Callable[[], None] = lambda: None
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._accepted_by = accepted_by
        self._on_step = on_step
        self._behind_us = 0
        self._unsettled = 0

    def ailment(self) -> str:
        """Why the clock keeps the hub from being ready, "" when it does not."""
        if self._unsettled > self._ledger.committed:
            return "clock step is being recorded"
        if self._behind_us > self._clock.now() + int(LARGEST_STEP_S * MICROS_PER_SECOND) and not self._accepted_by:
            return "clock is behind the newest record time"
        return ""

    async def run(self) -> None:
        """Compare once a second, for ever. The first comparison is with the newest record time of the log."""
        newest = self._newest_us()
        if newest > self._clock.now() + int(LARGEST_STEP_S * MICROS_PER_SECOND):
            self._record(newest, self._clock.now())
        loop = asyncio.get_running_loop()
        before_us, before_s = self._clock.now(), loop.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            now_us, now_s = self._clock.now(), loop.time()
            expected_us = before_us + int((now_s - before_s) * MICROS_PER_SECOND)
            if abs(now_us - expected_us) > LARGEST_STEP_S * MICROS_PER_SECOND:
                self._record(expected_us, now_us)
            before_us, before_s = now_us, now_s

    def _newest_us(self) -> int:
        entries = self._ledger.read(self._ledger.committed - 1, 1) if self._ledger.committed else []
        return entries[0].recorded_at if entries else 0

    def _record(self, before_us: int, after_us: int) -> None:
        event = ClockStepped(before_us=before_us, after_us=after_us, accepted_by=self._accepted_by)
        placed = self._ledger.submit(Unit(events=(NewEvent(self._ledger.named_stream("governance", "clock"), event),)))
        self._unsettled = placed.positions[-1]
        self._behind_us = before_us if after_us < before_us else 0
        self._on_step()
