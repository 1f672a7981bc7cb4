"""Asking a party for its messages: poll, admit, and only then acknowledge."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from contracts.errors import MessageRefused, Overloaded, TargetUnavailable
from contracts.ports import Admit, Source


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What one round of asking did. ``stopped_by`` is the error's code when the round ended early, else ""."""

    polled: int = 0
    admitted: int = 0
    refused: int = 0
    acknowledged: int = 0
    stopped_by: str = ""
    wait_s: float = 0.0


class Puller:
    """Asks one ``Source`` every ``interval_s`` seconds until stopped; at once again while it keeps giving messages.

    A message is acknowledged when it is durable: admitted, or refused with the refusal on the log (else one bad
    message would come back for ever and hold up the others). ``Overloaded`` and a party that does not answer end the
    round with nothing acknowledged that is not durable; failures in a row back off up to ``longest_s``, jittered by
    ``jitter`` (a float in [0, 1)), so that many hubs do not ask in step. An ``IntegrityViolation`` passes through.
    """

    def __init__(
        self,
        source: Source,
        admit: Admit,
        *,
        interval_s: float,
        jitter: Callable[[], float],
        longest_s: float = 300.0,
        seen: Callable[[Round], None] | None = None,
    ) -> None:
        self._source: Final = source
        self._admit: Final = admit
        self._interval_s: Final = interval_s
        self._longest_s: Final = max(longest_s, interval_s)
        self._jitter: Final = jitter
        self._seen: Final = seen
        self._failures = 0
        self._stop: Final = asyncio.Event()

    async def run(self) -> None:
        """Ask until ``stop``; the message under way is finished and acknowledged first."""
        while not self._stop.is_set():
            done = await self.once()
            if self._seen is not None:
                self._seen(done)
            pause = self._pause(done)
            if pause > 0:
                await self._sleep(pause)

    def stop(self) -> None:
        """End ``run`` after the message under way."""
        self._stop.set()

    async def once(self) -> Round:
        """One round: everything that waits now, oldest first, one after the other."""
        polled = admitted = refused = acknowledged = 0
        stopped_by, wait_s = "", 0.0
        try:
            waiting = await self._source.poll()
            polled = len(waiting)
            for one in waiting:
                if self._stop.is_set():
                    break
                try:
                    await self._admit(one.envelope)
                    admitted += 1
                except MessageRefused:
                    refused += 1
                await self._source.acknowledge(one.handle)
                acknowledged += 1
        except (TargetUnavailable, Overloaded) as error:
            stopped_by, wait_s = error.code, error.retry_after_s
        self._failures = self._failures + 1 if stopped_by else 0
        return Round(
            polled=polled,
            admitted=admitted,
            refused=refused,
            acknowledged=acknowledged,
            stopped_by=stopped_by,
            wait_s=wait_s,
        )

    def _pause(self, done: Round) -> float:
        if done.acknowledged and not done.stopped_by:
            return 0.0
        backed_off = self._interval_s * 2.0 ** min(self._failures, 30)
        longest = min(backed_off if done.stopped_by else self._interval_s, self._longest_s)
        return float(max(done.wait_s, longest * (0.5 + 0.5 * self._jitter())))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
