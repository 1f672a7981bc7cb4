"""A small world to deliver in: a real ledger, one invented format, and a desk that takes what is sent to it.

The desk behaves like the systems the hub really meets: a batch is taken whole or not at all, creating what exists and
updating what does not is refused without naming the record, and rows sent twice are there twice.
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from contracts.delivery import Outcome, Rendering, Unrenderable, Verdict
from contracts.delivery import Standing as Answer
from contracts.envelope import Envelope
from contracts.facts import AnyFact, DossierSubmitted, ProcessingStepRecorded, Step
from contracts.moment import Moment
from contracts.picture import Due, Picture
from contracts.ports import Address, Profile, Source, Transport
from contracts.reading import Reading
from hub.deliver import Delivery, Limits, Target
from hub.dossiers import Dossiers
from hub.lanes.backoff import Patience
from hub.plan import DuePlan
from hub.route import Route
from hub.world import DiskFiles
from hub.world_seeded import SeededEntropy, SteppedClock
from ledger.events import (
    AcceptedItem,
    Event,
    FactRecorded,
    MessageAccepted,
    SyncConfirmed,
    SyncParked,
    SyncRefused,
    TransitionQuestioned,
)
from ledger.port import Entry
from ledger.unit import NewEvent, NewPart, Standing, Unit
from ledger.writer import Writer, open_ledger

SOURCE = "mot-cua-mau"
TARGET = "cong-mau"
OTHER = "bo-mau"
ROUTES = (Route(source="*", to=(TARGET, OTHER)),)
QUICK = Patience(first_s=0.002, longest_s=0.02, limit=6)


class PlainFormat:
    """An adapter of an invented format: one JSON object per record, one per row."""

    name = "plain"
    edition = "1"
    types: tuple[str, ...] = ()

    def __init__(self, *, batch_limit: int = 100, needs: str = "") -> None:
        self.batch_limit = batch_limit
        self.needs = needs
        self.breaks_on = ""

    def for_profile(self, profile: Profile) -> "PlainFormat":
        return self

    def mapping_hash(self) -> str:
        return "00" * 32

    def recognise(self, body: bytes, content_type: str) -> str:
        return ""

    def read(self, envelope: Envelope, profile: Profile) -> Reading:
        raise NotImplementedError

    def project(self, picture: Picture, profile: Profile) -> Mapping[str, Any]:
        return {name: value for name, value in picture.fields.items() if name in {"subject", "phone"}}

    def carries_rows(self) -> bool:
        return True

    def write(self, due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
        if due.code == self.breaks_on:
            raise RuntimeError("a mistake in a mapping")
        if due.record and self.needs and self.needs not in due.picture.fields:
            return Unrenderable(code="park.missing_for_target", missing=(self.needs,))
        written = []
        if due.record:
            body = json.dumps({"code": due.code, "subject": due.picture.fields.get("subject", "")}).encode()
            written.append(
                Rendering(lane=f"record/{due.known}", service="record", updating=due.known, code=due.code, body=body)
            )
        for step in due.steps:
            body = json.dumps({"code": due.code, "row": step.step.content}).encode()
            written.append(
                Rendering(lane="rows", service="rows", updating=False, code=due.code, body=body, rows=(step.position,))
            )
        return tuple(written)

    def remote(self, address: Address, transport: Transport, profile: Profile) -> "Desk":
        raise NotImplementedError

    def source(self, address: Address, transport: Transport, party: str, now: Callable[[], int]) -> Source | None:
        return None


Fault = Literal["retry", "cut-before", "cut-after", "crash", "permanent"]


class Desk:
    """The far end. ``plan`` holds faults for the next requests; ``poison`` names dossiers it never takes."""

    def __init__(self, *, askable: bool = True, tells_rows: bool = True, tells_record: bool = False) -> None:
        self.records: dict[str, str] = {}
        self.rows: dict[str, list[str]] = {}
        self.plan: deque[Fault | None] = deque()
        self.poison: set[str] = set()
        self.sickening: set[str] = set()
        self.down = False
        self.askable = askable
        self.tells_rows = tells_rows
        self.tells_record = tells_record
        self.bodies: dict[str, bytes] = {}
        self.digests: dict[str, list[bytes]] = {}
        self.batches: list[list[str]] = []
        self.asked: list[str] = []
        self.now_sending = 0
        self.most_sending = 0
        self.gate: asyncio.Event | None = None
        self.on_send: Callable[[], None] | None = None
        self.closed = False

    async def send(self, batch: Sequence[Rendering]) -> Outcome:
        assert len({rendering.lane for rendering in batch}) == 1, "a batch is homogeneous"
        self.now_sending += 1
        self.most_sending = max(self.most_sending, self.now_sending)
        try:
            await (self.gate.wait() if self.gate is not None else asyncio.sleep(0))
            if self.on_send is not None:
                self.on_send()
            return self._take(batch)
        finally:
            self.now_sending -= 1

    def _take(self, batch: Sequence[Rendering]) -> Outcome:
        codes = [rendering.code for rendering in batch]
        self.batches.append(codes)
        fault = self.plan.popleft() if self.plan else None
        if self.down or fault == "retry" or any(code in self.sickening for code in codes):
            return Outcome(verdict="retry", phrase="busy")
        if fault == "cut-before":
            return Outcome(verdict="unknown", phrase="cut")
        if fault == "crash":
            raise RuntimeError("a mistake in a client")
        verdict = self._verdict(batch, codes)
        if fault == "permanent":
            verdict = "permanent"
        if verdict == "done":
            for rendering in batch:
                self._keep(rendering)
        if fault == "cut-after":
            return Outcome(verdict="unknown", phrase="cut")
        return Outcome(verdict=verdict, phrase=f"said {verdict}")

    def _verdict(self, batch: Sequence[Rendering], codes: list[str]) -> Verdict:
        if any(code in self.poison for code in codes):
            return "permanent"
        known = [code in self.records for code in codes]
        if batch[0].service == "record" and not batch[0].updating:
            return "exists" if any(known) else "done"
        return "done" if all(known) else "missing"

    def _keep(self, rendering: Rendering) -> None:
        if rendering.rows:
            self.rows.setdefault(rendering.code, []).append(json.loads(rendering.body)["row"])
        else:
            self.records[rendering.code] = json.loads(rendering.body)["subject"]
            self.bodies[rendering.code] = rendering.body

    async def ask(self, code: str) -> Answer:
        self.asked.append(code)
        if not self.askable:
            return Answer(askable=False)
        rows = tuple(self.digests.get(code, ())) if self.tells_rows else None
        record = self.bodies.get(code, b"") if self.tells_record else b""
        return Answer(askable=True, known=code in self.records, record=record, rows=rows)

    async def close(self) -> None:
        self.closed = True


class World:
    """One ledger and what happens on it."""

    def __init__(self, directory: Path, *, store: Literal["sqlite", "memory"] = "memory") -> None:
        self.directory = directory
        self.store = store
        self.clock = SteppedClock()
        self.entropy = SeededEntropy(7)
        self.streams: dict[str, bytes] = {}
        self.told = 0
        self.ledger = self._open()
        self.dossiers = Dossiers(self.ledger)

    def _open(self) -> Writer:
        return open_ledger(
            files=DiskFiles(self.directory),
            directory=str(self.directory),
            origin="log.mau.example",
            clock=self.clock,
            entropy=self.entropy,
            store=self.store,
        )

    def reopen(self) -> None:
        """As after a crash of the process, when everything durable is kept."""
        self.ledger.close()
        self.ledger = self._open()
        self.dossiers = Dossiers(self.ledger)

    def tell(self, *codes: str, subject: str = "Đề nghị mẫu", rows: Sequence[str] = (), party: str = SOURCE) -> int:
        """A message about these dossiers: a record where ``subject`` is given, and rows of progress."""
        facts: list[tuple[str, AnyFact]] = []
        for code in codes:
            if subject:
                facts.append((code, DossierSubmitted(dossier=code, subject=subject)))
            for content in rows:
                at = Moment(1_767_000_000_000_000 + 1_000_000 * self.told)
                self.told += 1
                facts.append((code, ProcessingStepRecorded(dossier=code, at=at, step=Step(content=content))))
        return self.record(facts, party=party, codes=codes)

    def record(self, facts: Sequence[tuple[str, AnyFact]], *, codes: Sequence[str], party: str = SOURCE) -> int:
        """One message with these facts, as intake and decide would place it."""
        message = self.ledger.next_position()
        items = [AcceptedItem(index=n, stream=self.stream(code).hex(), state="applied") for n, code in enumerate(codes)]
        accepted = MessageAccepted(
            message_id=f"{message:032x}",
            party=party,
            adapter="plain",
            standard="plain",
            edition="1",
            service="record",
            accepted_at=self.clock.now(),
            body_bytes=2,
            items=tuple(items),
        )
        events: list[NewEvent] = [NewEvent(self.ledger.named_stream("party", party), accepted)]
        for code, fact in facts:
            at_us = fact.at.us if fact.at else accepted.accepted_at
            event = FactRecorded(party=party, message=message, fact=fact, at_us=at_us, at_assumed=fact.at is None)
            events.append(NewEvent(self.stream(code), event))
        return self._place(Unit(events=tuple(events), parts=(NewPart("glue", b"{}"),)))

    def _place(self, unit: Unit) -> int:
        placed = self.ledger.submit(unit)
        for event in unit.events:
            self.dossiers.forget(event.stream)
        return placed.positions[-1]

    def insist(self, code: str, subject: str, party: str = TARGET) -> None:
        """A party that does not own it says it all the same: a message and a questioned fact."""
        message = self.tell(party=party)
        fact = DossierSubmitted(dossier=code, subject=subject)
        event = TransitionQuestioned(
            party=party, message=message, fact=fact, at_us=self.clock.now(), reason="not_authoritative"
        )
        self._place(Unit(events=(NewEvent(self.stream(code), event),)))

    def assert_standing(self, code: str, through: int, party: str = TARGET) -> None:
        """A message of the party proves that it holds the dossier as of ``through``."""
        accepted = MessageAccepted(
            message_id="ab" * 16,
            party=party,
            adapter="plain",
            standard="plain",
            edition="1",
            service="record",
            accepted_at=self.clock.now(),
            body_bytes=2,
            items=(AcceptedItem(index=0, stream=self.stream(code).hex(), state="echo", position=through),),
        )
        event = NewEvent(self.ledger.named_stream("party", party), accepted)
        standing = Standing(stream=self.stream(code), target=party, through=through)
        self._place(Unit(events=(event,), parts=(NewPart("glue", b"{}"),), standings=(standing,)))

    def stream(self, code: str) -> bytes:
        if code not in self.streams:
            self.streams[code] = self.ledger.new_stream()
        return self.streams[code]

    def log(self) -> list[Entry]:
        """Everything durable, in order."""
        self.ledger.flush()
        entries: list[Entry] = []
        while more := self.ledger.read(entries[-1].position if entries else 0, 200):
            entries += more
        return entries

    def events(self, kind: type[Event]) -> list[Any]:
        """All events of one kind."""
        return [entry.event for entry in self.log() if isinstance(entry.event, kind)]

    def standing(self, code: str, target: str = TARGET) -> Standing | None:
        return self.ledger.standings(self.stream(code)).get(target)

    def confirmed(self) -> Counter[str]:
        """How often each dossier's record or rows were confirmed, by code."""
        names = {stream.hex(): code for code, stream in self.streams.items()}
        return Counter(names[item.stream] for event in self.events(SyncConfirmed) for item in event.items)

    def parked(self) -> dict[str, str]:
        """Code of the dossier → reason, for everything parked by the log."""
        names = {stream.hex(): code for code, stream in self.streams.items()}
        return {names[event.stream]: event.code for event in self.events(SyncParked)}

    def refusals(self) -> list[SyncRefused]:
        return self.events(SyncRefused)

    def delivery(
        self,
        *desks: Desk,
        format_: PlainFormat | None = None,
        patience: Patience = QUICK,
        limits: Limits | None = None,
        others: Sequence[Target] = (),
        watcher: Any = None,
    ) -> Delivery:
        target = Target(party=TARGET, adapter=format_ or PlainFormat(), profile=Profile(), remotes=desks)
        return Delivery(
            [target, *others],
            ledger=self.ledger,
            plan=DuePlan(self.ledger, self.dossiers, ROUTES),
            clock=self.clock,
            entropy=self.entropy,
            limits=limits or Limits(linger_s=0.0, patience=patience),
            watcher=watcher,
        )


@asynccontextmanager
async def running(delivery: Delivery, deadline_s: float = 5.0) -> AsyncIterator[Delivery]:
    """Deliver while the block runs, then stop in good order."""
    task = asyncio.create_task(delivery.run())
    try:
        yield delivery
    finally:
        await delivery.stop(deadline_s)
        if not task.cancelled():
            await task


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Let the loop run until something holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # what is waited for happens on a far end that tells nobody
            await asyncio.sleep(0.001)


async def settled(world: World, delivery: Delivery) -> None:
    """Let delivery come to the end of the log, with nothing open, twice: outcomes are on the log too."""
    await until(lambda: delivery.idle(world.ledger.committed) and world.ledger.placed == world.ledger.committed)
