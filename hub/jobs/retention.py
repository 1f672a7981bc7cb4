"""Refused messages are kept to see what was wrong with them, and only so long: then their keys are destroyed.

One ``ItemErased`` names many parts. A round that a crash cut short, or that could not empty a write-ahead log, is gone
through again: what has no key any more is passed over.
"""

import asyncio
from typing import Final

from contracts.errors import IntegrityViolation
from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Clock
from hub.erase import Eraser
from ledger.writer import Writer
from monitoring.logs import get_logger

GROUND: Final = "retention"
BY: Final = "hub"
MOST: Final = 1_000
"""Parts that one event names."""
_DAY_US: Final = 86_400 * MICROS_PER_SECOND


class Retention:
    """Erases what was refused more than ``refused_days`` ago; 0 keeps it for ever."""

    def __init__(self, eraser: Eraser, ledger: Writer, *, clock: Clock, refused_days: int, interval_s: float) -> None:
        self._eraser = eraser
        self._ledger = ledger
        self._clock = clock
        self._days = refused_days
        self._interval_s = interval_s
        self._done = 0
        self._log = get_logger("retention")

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except IntegrityViolation as error:
                if self._ledger.ailment():
                    raise
                self._log.warning("retention waits", code=error.code, detail=error.detail)
            await asyncio.sleep(self._interval_s)

    async def sweep(self) -> int:
        """Erase everything that is due by now; how many parts that were."""
        if not self._days:
            return 0
        through = self._ledger.erasure.before(self._clock.now() - self._days * _DAY_US)
        erased = 0
        while self._done < through:
            self._done, count = await self._eraser.expire(self._done, through, ground=GROUND, by=BY, most=MOST)
            erased += count
        if erased:
            self._log.info("refused content erased", parts=erased, through=through)
        return erased
