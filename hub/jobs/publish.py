"""Publishes the logs while the hub runs: at most once in an interval, in small steps between other work of the loop.

Nothing on the way of a message waits for it. A disk that fails leaves what was published as it is, and the next round
tries again; a log that is not what was published ends the job, and with it the hub.
"""

import asyncio
from typing import Final

from contracts.errors import IntegrityViolation
from contracts.ports import Files
from ledger.publication import LOG_PREFIX, Publication, PublishableLog
from monitoring.logs import get_logger

BUDGET_S: Final = 0.5
"""How long a start waits for the first round, so that a hub that is ready has a checkpoint to show; and a stop for the
last one."""


class Publisher:
    """The publications of one hub, in order: the log first, then the logs over it."""

    def __init__(self, files: Files, *, interval_s: float, enabled: bool = True, anew: bool = False) -> None:
        """Without ``enabled`` nothing is published; ``anew``: the logs are kept in memory and begin at every start."""
        self._files = files
        self._interval_s = interval_s
        self._enabled = enabled
        self._anew = anew
        self._publications: list[Publication] = []
        self._failing = False
        self._log = get_logger("publish")

    def follow(self, log: PublishableLog, prefix: str = LOG_PREFIX) -> None:
        """Publish this log below ``prefix``; at once it is held to what was published of it.

        Raises:
            IntegrityViolation: ``ledger.rollback`` or ``ledger.corrupt``, see ``Publication.open``.
            Misconfigured: ``ledger.other_origin``.
        """
        if not self._enabled:
            return
        publication = Publication(self._files, log, prefix)
        if self._anew:
            publication.forget()
        publication.open()
        self._publications.append(publication)

    @property
    def size(self) -> int:
        """How many entries of the log itself are published, 0 where publishing is turned off."""
        return self._publications[0].size if self._publications else 0

    async def run(self) -> None:
        """Publish for ever; a round begins no sooner than one interval after the last one began.

        Raises:
            IntegrityViolation: ``ledger.rollback`` or ``ledger.corrupt``; nothing more may be published.
        """
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await self.publish()
            await asyncio.sleep(max(0.0, started + self._interval_s - loop.time()))

    async def finish(self, budget_s: float) -> None:
        """Publish what was committed last, when the hub stops; what is left is published at the next start."""
        try:
            await self.publish(budget_s)
        except IntegrityViolation as error:
            self._log.error("publishing failed", code=error.code, exc_info=error)

    async def publish(self, budget_s: float = float("inf")) -> bool:
        """One round over everything, at most ``budget_s`` seconds of it; whether all is published."""
        loop = asyncio.get_running_loop()
        end = loop.time() + budget_s
        try:
            for publication in self._publications:
                for _ in publication.steps():
                    if loop.time() > end:
                        return False
                    await asyncio.sleep(0)
        except OSError as error:
            if not self._failing:
                self._log.error("publishing failed", exc_info=error)
            self._failing = True
            return False
        if self._failing:
            self._log.info("publishing again")
        self._failing = False
        return True
