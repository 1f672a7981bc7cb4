"""Keeps the map of stream heads close behind the log: every minute, after so many events, and when somebody asks.

A round is done in small steps between other work of the loop, and rounds together take a small share of its time: under
load there are fewer of them and each takes in more. Whoever needs the newest state (a bundle of evidence) forces a
round and waits for it.
"""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

from contracts.ports import Clock, Principal
from ledger.events import KeyAdded
from ledger.heads_log import HeadsLog
from ledger.unit import NewEvent, Unit
from ledger.writer import Writer

_SHARE: Final = 0.05
"""How much of the loop's time rounds may take that nobody asked for."""
_LONGEST_PAUSE_S: Final = 60.0
_PURPOSE: Final = "heads"


class HeadsJob:
    """The rounds of one heads log: one at least every ``interval_s`` seconds, and every ``events`` new events."""

    def __init__(self, heads: HeadsLog, ledger: Writer, clock: Clock, *, interval_s: float, events: int) -> None:
        self.heads = heads
        self._ledger = ledger
        self._clock = clock
        self._interval_s = interval_s
        self._events = events
        self._turn = asyncio.Lock()

    async def announce(self) -> int:
        """Say on the log, once, by which key the heads log is signed; the position of that leaf, 0 when it is there."""
        stream = self._ledger.named_stream("governance", "keys")
        for entry in self._ledger.read_stream(stream):
            event = entry.event
            if isinstance(event, KeyAdded) and (event.purpose, event.vkey) == (_PURPOSE, self.heads.vkey):
                return 0
        now, vkey = self._clock.now(), self.heads.vkey
        origin = self.heads.origin.removesuffix("/heads")
        statement = f"hub/key/v1\nadd\n{origin}\n{_PURPOSE}\n{vkey}\n{now}\n"
        event = KeyAdded(
            vkey=vkey,
            purpose=_PURPOSE,
            added_at=now,
            by=self._ledger.vkey,
            signature=self._ledger.attest(statement),
        )
        placed = self._ledger.submit(Unit(events=(NewEvent(stream, event),)))
        await self._ledger.durable(placed.positions[0])
        return placed.positions[0]

    async def run(self) -> None:
        """Follow the log for ever.

        Raises:
            IntegrityViolation: ``ledger.corrupt``, ``ledger.rollback`` or ``ledger.unavailable``; nothing more is
                signed, and the hub must stop.
        """
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await self.force()
            took = loop.time() - started
            await asyncio.sleep(min(took / _SHARE, _LONGEST_PAUSE_S))
            await self._ledger.wait_beyond(self.heads.input_size + self._events - 1, self._interval_s)

    async def force(self) -> str:
        """Take in everything that is committed now; returns the newest checkpoint of the heads log.

        Raises:
            IntegrityViolation: see ``run``.
        """
        wanted = self._ledger.committed
        async with self._turn:
            while self.heads.input_size < wanted:
                with closing(self.heads.steps()) as steps:
                    for _ in steps:
                        await asyncio.sleep(0)
        return self.heads.checkpoint()

    async def heads_now(self, _principal: Principal, _values: Mapping[str, Any]) -> Any:
        """``heads.now``: a heads checkpoint over everything that is committed now."""
        note = await self.force()
        return {"checkpoint": note, "size": self.heads.size, "input_size": self.heads.input_size}

    def lag(self) -> int:
        """How many events of the log no heads checkpoint covers yet."""
        return self._ledger.committed - self.heads.input_size
