"""Delivery: every target hears what it must, in order, at least once, with every outcome on the log.

One lane per target, fully independent of the others (``hub.lanes``). A lane follows the log from the target's cursor;
nothing is handed to it in any other way, so what happens after a crash is what happens always. Delivery keeps no state
of its own that the log does not hold: what is known at a target is the ledger's standing, what is due is the
difference to the dossier as it stands (``hub.route``).

``stop`` ends taking up, lets the exchanges in flight come to their outcome within a deadline, and abandons the rest; an
abandoned exchange is one whose outcome we never learned, and is treated so at the next start.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from contracts.errors import Misconfigured
from contracts.picture import Due
from contracts.ports import Clock, Entropy
from hub.lanes.bounds import Limits, NobodyWatches, Target, Watcher
from hub.lanes.lane import Lane
from hub.lanes.plan import Plan
from ledger.port import Ledger

__all__ = ["Delivery", "LaneStatus", "Limits", "NobodyWatches", "Plan", "Target", "Watcher"]


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One lane at a glance. ``oldest_accepted_at`` is microseconds UTC, 0 when nothing is open."""

    target: str
    pending: int
    oldest_position: int
    oldest_accepted_at: int
    read: int
    down: bool


class Delivery:
    """All lanes of one hub. Build it before messages are admitted: what is on the log by then may have been sent."""

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        ledger: Ledger,
        plan: Plan,
        clock: Clock,
        entropy: Entropy,
        limits: Limits | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._lanes: dict[str, Lane] = {}
        for target in targets:
            if target.party in self._lanes or not target.remotes:
                raise Misconfigured("config.invalid", "a target needs one lane and a remote", name=target.party)
            self._lanes[target.party] = Lane(
                target,
                ledger=ledger,
                plan=plan,
                clock=clock,
                entropy=entropy.stream(f"deliver/{target.party}"),
                limits=limits or Limits(),
                watcher=watcher or NobodyWatches(),
            )
        self._running: asyncio.Task[None] | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The parties that have a lane, in configured order."""
        return tuple(self._lanes)

    async def run(self) -> None:
        """Deliver until ``stop``. Ends with the ledger's error when the ledger fails."""
        self._running = asyncio.current_task()
        try:
            async with asyncio.TaskGroup() as group:
                for lane in self._lanes.values():
                    group.create_task(lane.run())
        finally:
            for lane in self._lanes.values():
                for remote in lane.target.remotes:
                    await remote.close()

    async def stop(self, deadline_s: float) -> None:
        """Take up nothing more and wait for the exchanges in flight, at most ``deadline_s``; then abandon them."""
        for lane in self._lanes.values():
            lane.stop()
        running = self._running
        if running is None or running.done():
            return
        await asyncio.wait((running,), timeout=deadline_s)
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))

    async def requeue(self, target: str, stream: bytes, *, by: str, note: str = "") -> bool:
        """Put a parked dossier back for one target; False when there is no such lane or it is not parked there."""
        lane = self._lanes.get(target)
        return lane is not None and await lane.requeue(stream, by=by, note=note)

    async def dismiss(self, target: str, stream: bytes, *, by: str, note: str) -> int:
        """Settle that nobody will see to a parked dossier at one target; 0 when it is not parked there, else where."""
        lane = self._lanes.get(target)
        return 0 if lane is None else await lane.dismiss(stream, by=by, note=note)

    @asynccontextmanager
    async def standing_still(self, streams: Collection[bytes]) -> AsyncIterator[Mapping[str, Sequence[bytes]]]:
        """Send nothing for the block, and nothing that was made ready for these dossiers after it.

        Waits until the exchanges in flight have their outcome on the log: as long as a target takes to answer or to be
        given up. Yields, by target, the dossiers that something was open for.
        """
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.hold()
        try:
            for lane in lanes:
                await lane.rest()
            yield {lane.target.party: lane.withdraw(streams) for lane in lanes}
        finally:
            for lane in lanes:
                lane.release()

    def under_way(self, target: str, stream: bytes) -> Due | None:
        """What was sent to a target for a dossier and has no known outcome: its equal assertion is an echo.

        Asked when a message of the target is judged; a standing that this judgement places is respected by the lane.
        """
        lane = self._lanes.get(target)
        return None if lane is None else lane.under_way(stream)

    def status(self) -> Sequence[LaneStatus]:
        """Every lane at a glance, in configured order."""
        return [_status(lane) for lane in self._lanes.values()]

    def idle(self, through: int) -> bool:
        """Whether every lane has read the log through a position and has nothing open."""
        return all(lane.read >= through and not lane.pending for lane in self._lanes.values())

    def behind(self) -> int:
        """Dossiers and events that the lane furthest behind still has to see to, lanes to dead targets left out."""
        return max((lane.behind for lane in self._lanes.values() if not lane.down), default=0)

    def pending(self) -> Mapping[str, int]:
        """Open dossiers by target."""
        return {name: lane.pending for name, lane in self._lanes.items()}


def _status(lane: Lane) -> LaneStatus:
    oldest = lane.oldest
    return LaneStatus(
        target=lane.target.party,
        pending=lane.pending,
        oldest_position=0 if oldest is None else oldest.position,
        oldest_accepted_at=0 if oldest is None else oldest.accepted_at,
        read=lane.read,
        down=lane.down,
    )
