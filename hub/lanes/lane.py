"""One target's lane: it learns what changed, sends it in batches, and puts every outcome on the log.

Following the log is the only way work comes in, at start as at any other time: the lane reads on from the target's
cursor. What is due is not a list of events but a difference, computed when a dossier's turn comes.

Invariants: at most one delivery of a dossier is under way; a record is confirmed before its rows are sent; a target
that does not answer holds up only this lane; a dossier that fails alone is isolated by halving its batch and parks
alone; whatever a former process may have sent without noting the outcome is asked for first, or sent once more and
marked as doubtful. Not here: what is due (``hub.route``), how it is written and sent (adapters).
"""

import asyncio
from collections.abc import Collection
from typing import Final

from contracts.delivery import Outcome
from contracts.picture import Due
from contracts.ports import Clock, Entropy, Remote
from hub.lanes.backlog import Mark
from hub.lanes.bounds import Limits, Target, Watcher
from hub.lanes.circuit import Circuit
from hub.lanes.docket import Docket
from hub.lanes.plan import Plan
from hub.lanes.scribe import Scribe
from hub.lanes.verdicts import MISSING, Verdicts
from hub.lanes.work import Batch, Work
from ledger.events import FactRecorded, MessageAccepted, TransitionQuestioned
from ledger.port import Entry, Ledger

READ_SLICE: Final = 64
"""Entries read before the loop gets a turn: old ones are opened from the disk."""
RENDER_SLICE: Final = 25
"""Dossiers rendered before the loop gets a turn: about a millisecond."""
ASK_SLICE: Final = 32
WAIT_S: Final = 30.0
SELF_RESUMING: Final = (MISSING, "park.target_missing", "park.target_refused")
"""Parked for the bytes we had; a later event makes other bytes. A dispute and spent retries wait for a person."""


class Lane:
    """Delivery to one target. ``run`` follows and sends until ``stop``."""

    def __init__(
        self,
        target: Target,
        *,
        ledger: Ledger,
        plan: Plan,
        clock: Clock,
        entropy: Entropy,
        limits: Limits,
        watcher: Watcher,
    ) -> None:
        self.target = target
        self._ledger = ledger
        self._plan = plan
        self._limits = limits
        self._watcher = watcher
        most = max(1, min(limits.batch_records, target.adapter.batch_limit))
        self._docket = Docket(most=most, most_open=10 * most * len(target.remotes))
        self._circuit = Circuit(limits.patience, entropy.stream("jitter"), opens_after=limits.circuit_after)
        self._overruled: dict[bytes, None] = {}
        self._scribe = Scribe(
            ledger,
            target=target.party,
            mapping_hash=target.adapter.mapping_hash(),
            clock=clock,
            ids=entropy.stream("batches"),
            backlog=self._docket.backlog,
        )
        self._verdicts = Verdicts(
            target,
            docket=self._docket,
            circuit=self._circuit,
            scribe=self._scribe,
            limits=limits,
            watcher=watcher,
        )
        self._uncertain_through = ledger.committed
        self._message = (0, 0)
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._stopping = False
        self._brakes = 0
        self._at_work = 0
        self._rest = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None

    # ── what others may know ─────────────────────────────────────────────────────────────────────

    @property
    def pending(self) -> int:
        """Dossiers with something open at this target."""
        return len(self._docket.backlog)

    @property
    def oldest(self) -> Mark | None:
        """The oldest open change."""
        return self._docket.backlog.oldest()

    @property
    def read(self) -> int:
        """The position through which this lane has read the log."""
        return self._scribe.read

    @property
    def behind(self) -> int:
        """Events this lane has not read yet and dossiers it has not dealt with."""
        return self._ledger.committed - self._scribe.read + self.pending

    @property
    def down(self) -> bool:
        """Whether the target failed so often in a row that only one batch at a time probes it."""
        return self._circuit.open

    def under_way(self, stream: bytes) -> Due | None:
        """What was sent for a dossier without a known outcome yet: an equal assertion of the target is an echo."""
        work = self._docket.find(stream)
        if work is None:
            return None
        work.watched = True
        return work.due if work.sent or work.ask else None

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Follow and send until stopped; a fault of the ledger ends it with that error."""
        async with asyncio.TaskGroup() as group:
            self._follower = group.create_task(self._follow())
            for remote in self.target.remotes:
                group.create_task(self._send_on(remote))
            if self._stopping:
                self._follower.cancel()

    def stop(self) -> None:
        """Take up nothing more; ``run`` ends when the batches in flight have their outcome."""
        self._stopping = True
        self._wake.set()
        if self._follower is not None:
            self._follower.cancel()

    async def requeue(self, stream: bytes, *, by: str, note: str) -> bool:
        """Put a parked dossier back; False when it is not parked here."""
        standing = self._plan.standing(stream, self.target)
        if not standing.parked:
            return False
        self._overruled[stream] = None
        position = await self._scribe.requeued(standing, by=by, note=note)
        self._docket.backlog.note(stream, Mark(position, self._scribe.now(), ""))
        self._wake.set()
        return True

    async def dismiss(self, stream: bytes, *, by: str, note: str) -> int:
        """Settle that nobody will see to a parked dossier; 0 when it is not parked here, else the position."""
        standing = self._plan.standing(stream, self.target)
        return await self._scribe.dismissed(standing, by=by, note=note) if standing.parked else 0

    # ── standing still ───────────────────────────────────────────────────────────────────────────

    def hold(self) -> None:
        """Take nothing up until ``release``."""
        self._brakes += 1
        self._wake.set()

    async def rest(self) -> None:
        """Wait until no exchange is under way and every outcome is placed."""
        while self._at_work:
            self._rest.clear()
            await self._rest.wait()

    def withdraw(self, streams: Collection[bytes]) -> list[bytes]:
        """Drop what was made ready for these dossiers, while the lane stands still; those something was open for."""
        waiting = self._docket.backlog
        found = dict.fromkeys(self._docket.withdraw(streams))
        found.update(dict.fromkeys([stream for stream in streams if waiting.is_open(stream)]))
        return list(found)

    def release(self) -> None:
        """Go on."""
        self._brakes -= 1
        self._wake.set()

    # ── learning what changed ────────────────────────────────────────────────────────────────────

    async def _follow(self) -> None:
        while not self._stopping:
            entries = self._ledger.read(self._scribe.read, READ_SLICE)
            for entry in entries:
                self._learn(entry)
            if entries:
                self._scribe.read = entries[-1].position
                self._wake.set()
                await asyncio.sleep(0)
                await self._wait_for_room()
            else:
                await self._ledger.wait_beyond(self._scribe.read, WAIT_S)

    async def _wait_for_room(self) -> None:
        while self.pending > self._limits.high_water and not self._stopping:
            self._room.clear()
            await self._room.wait()

    def _learn(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, FactRecorded):
            accepted_at = self._message[1] if self._message[0] == event.message else entry.recorded_at
            self._docket.backlog.note(entry.stream, Mark(entry.position, accepted_at, event.party))
        elif isinstance(event, MessageAccepted):
            self._message = (entry.position, event.accepted_at)
        elif isinstance(event, TransitionQuestioned) and event.party == self.target.party:
            # What the target itself says is no reason to send, but it may differ from what it was told.
            self._docket.backlog.note(entry.stream, Mark(entry.position, entry.recorded_at, event.party))

    # ── preparing ────────────────────────────────────────────────────────────────────────────────

    async def _fill(self) -> None:
        """Take dossiers in order and render what is due, until a full batch waits."""
        taken = 0
        while not self._docket.full and not self._stopping:
            opened = self._docket.take()
            if opened is None:
                return
            await self._prepare(*opened)
            taken += 1
            if taken % RENDER_SLICE == 0:
                await asyncio.sleep(0)

    async def _prepare(self, stream: bytes, mark: Mark) -> None:
        """Render what is due to one dossier; whatever is wrong with it stays with it."""
        standing = self._plan.standing(stream, self.target)
        try:
            waits = standing.parked and standing.parked not in SELF_RESUMING
            due = None if waits else self._plan.due(stream, self.target, standing)
            work = Work(mark, due, standing) if due is not None else None
            wanting = None if work is None else work.render(self.target.adapter, self.target.profile, self._docket.most)
        except Exception as error:  # noqa: BLE001  # one dossier that trips a rule of ours must not stop the others
            self._watcher.failed(self.target.party, "render", error)
            self._docket.settle(stream)
            await self._scribe.parked(standing, mark.position, "hub.internal", detail=type(error).__name__)
            self._watcher.parked(self.target.party, "hub.internal")
            return
        if work is None or (wanting is not None and standing.parked == MISSING):
            self._docket.settle(stream)
        elif wanting is not None:
            await self._verdicts.park(work, MISSING, detail=",".join(wanting.missing))
        elif not work.segments:
            self._docket.settle(stream)
        elif due is not None and due.record and due.known and self._disputed(stream):
            await self._verdicts.park(work, "sync.disputed")
        else:
            await self._open(work)

    def _disputed(self, stream: bytes) -> bool:
        if stream in self._overruled:
            del self._overruled[stream]
            return False
        return self._plan.disputed(stream, self.target)

    async def _open(self, work: Work) -> None:
        self._docket.open(work)
        if work.known.parked:
            await self._scribe.requeued(work.known, note="event")
        work.uncertain = work.ask = work.mark.position <= self._uncertain_through
        self._docket.enqueue(work)

    # ── sending ──────────────────────────────────────────────────────────────────────────────────

    def _held(self) -> bool:
        """Whether nothing may be sent now: a pause, a probe under way, or an outcome that is not placed yet."""
        return self._brakes > 0 or self._scribe.busy or self._circuit.holds()

    async def _send_on(self, remote: Remote) -> None:
        """One worker: it has one remote, so one request at a time."""
        while not self._stopping:
            self._wake.clear()
            self._at_work += 1
            try:
                worked = await self._work(remote)
            finally:
                self._at_work -= 1
                self._rest.set()
            if not worked:
                await self._idle()
            if self.pending <= self._limits.high_water:
                self._room.set()

    async def _work(self, remote: Remote) -> bool:
        """Do what is next; False when there is nothing to do now."""
        if not self._docket.asks and not self._held():
            self._docket.ripen(asyncio.get_running_loop().time())
            if not self._docket.has_ready:
                await self._fill()
        if self._held():
            return False
        if self._docket.asks:
            await self._verdicts.ask(remote, self._docket.take_asks(ASK_SLICE))
            self._wake.set()
        elif (batch := self._docket.next_batch()) is not None:
            await self._attempt(remote, batch)
        else:
            return False
        return True

    async def _idle(self) -> None:
        """Wait for a change or the end of a pause; then let a little gather, so that a burst is one batch."""
        now = asyncio.get_running_loop().time()
        pause_ends = self._circuit.resume_at
        ripe = self._docket.next_ripe()
        moment = pause_ends if pause_ends > now else ripe if ripe is not None else now + WAIT_S
        if pause_ends <= now and self._held():
            # A probe, a brake or an outcome that waits for room: whoever ends it wakes the lane. What is ripe meanwhile
            # may not go, and waiting for a moment that is past would turn the loop without end.
            moment = now + WAIT_S
        try:
            async with asyncio.timeout_at(moment):
                await self._wake.wait()
        except TimeoutError:
            return
        if 0 < self._docket.backlog.waiting < self._docket.most and not self._stopping:
            await asyncio.sleep(self._limits.linger_s)

    async def _attempt(self, remote: Remote, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        if self._docket.backlog.waiting or self._docket.has_ready:
            self._wake.set()  # another remote may take what is left
        for work in batch.works:
            work.sent = True
        sent_at, began = self._scribe.now(), loop.time()
        self._circuit.in_flight += 1
        try:
            outcome = await remote.send(batch.renderings)
        except Exception as error:  # noqa: BLE001  # a fault in a client tells nothing about what the target got
            self._watcher.failed(self.target.party, "send", error)
            outcome = Outcome(verdict="unknown", phrase="hub.internal")
        finally:
            self._circuit.in_flight -= 1
        self._watcher.attempted(self.target.party, outcome.verdict, len(batch.works), loop.time() - began)
        await self._verdicts.conclude(batch, outcome, sent_at)
        self._wake.set()
