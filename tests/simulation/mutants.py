"""Planted bugs: a simulation that finds nothing proves nothing. They live here and never in the product.

Each is a change of the running program for the rest of a child's life, with the number of seeds within which the sweep
must find it: the first hit when it was planted, with a margin.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import structlog

from adapters.transports.pull import Puller, Round
from contracts.delivery import Outcome
from contracts.errors import IntegrityViolation, MessageRefused, Overloaded, TargetUnavailable
from hub.api.access import Access
from hub.lanes.lane import Lane
from hub.lanes.verdicts import Verdicts
from hub.views.views import Views
from ledger import merkle
from ledger.access import Readable
from ledger.chain import Chain
from ledger.place import Placer
from ledger.stores import connect
from ledger.writer import Writer


def silence() -> None:
    """No log lines from the worlds."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _set(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def answer_before_commit() -> None:
    """Nobody waits for the commit."""

    async def durable(self: Writer, position: int) -> None:
        self._check()

    _set(Writer, "durable", durable)


def answer_before_sync(file: str) -> Callable[[], None]:
    """COMMIT returns before its bytes are on the disk: what follows it (answers, checkpoints) leads the log."""

    def plant() -> None:
        true_pragma = connect.pragma

        def pragma(connection: Any, name: str, value: Any, expected: Any) -> None:
            if name == "synchronous" and connection.filename.endswith(file):
                true_pragma(connection, name, "OFF", 0)
            else:
                true_pragma(connection, name, value, expected)

        _set(connect, "pragma", pragma)

    return plant


def cursor_before_confirmation() -> None:
    """An outcome is written as confirmed before the target has it."""

    async def attempt(self: Lane, remote: Any, batch: Any) -> None:
        for work in batch.works:
            work.sent = True
        await self._verdicts.conclude(batch, Outcome(verdict="done"), self._scribe.now())
        await remote.send(batch.renderings)
        self._wake.set()

    _set(Lane, "_attempt", attempt)


def dedupe_in_memory() -> None:
    """Message ids are known only to the life that took them."""
    true_find, true_init = Readable.find_message, Writer.__init__

    def init(self: Any, **options: Any) -> None:
        true_init(self, **options)
        self.born_at = self.committed

    def find(self: Any, party: str, source_id: str, content: bytes) -> Any:
        found = true_find(self, party, source_id, content)
        return None if found is not None and found.position <= self.born_at else found

    _set(Writer, "__init__", init)
    _set(Readable, "find_message", find)


def _goes_on(self: Writer, gathering: Any) -> None:
    try:
        self._chain.commit(gathering.batch)
    except Exception as error:  # noqa: BLE001  # the planted bug
        self._chain.store.abandon()
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_exception(IntegrityViolation("ledger.unavailable", repr(error)))
        return
    self._units -= gathering.units
    self._bytes -= gathering.bytes
    self._overlay.forget(gathering.batch, self._chain.committed)
    self._reader.remember(gathering.entries)
    self._wake()


def tree_before_commit() -> None:
    """The tree is adopted before COMMIT, and the hub goes on when COMMIT failed."""
    true_commit = Chain.commit

    def commit(self: Chain, batch: Any) -> None:
        try:
            true_commit(self, batch)
        except Exception:
            size = self._frontier.size + len(batch.hashes)
            self._frontier.extend(batch.hashes)
            self.committed = size
            self.note = self.scribe.sign(size, self._frontier.root())
            raise

    _set(Chain, "commit", commit)
    _set(Writer, "_commit", _goes_on)


def retry_without_asking() -> None:
    """What may have arrived is simply sent again, and the log says nothing of a doubt."""
    true_fail = Verdicts._fail

    async def fail(self: Verdicts, attempt: Any, move: Any) -> None:
        await true_fail(self, attempt, "wait" if move == "ask" else move)
        for work in attempt.batch.works:
            work.uncertain = work.ask = False

    _set(Verdicts, "_fail", fail)


def resume_without_doubt() -> None:
    """After a restart what was in flight is sent again as if it never had been."""

    async def open_(self: Any, work: Any) -> None:
        self._docket.open(work)
        if work.known.parked:
            await self._scribe.requeued(work.known, note="event")
        self._docket.enqueue(work)

    _set(Lane, "_open", open_)


def order_lost_across_reconnect() -> None:
    """What waited is sent newest first."""
    true_attempt = Lane._attempt

    async def attempt(self: Any, remote: Any, batch: Any) -> None:
        await true_attempt(self, cast("Any", _Reversing(remote)), batch)

    _set(Lane, "_attempt", attempt)


class _Reversing:
    def __init__(self, remote: Any) -> None:
        self._remote = remote

    async def send(self, batch: Any) -> Any:
        return await self._remote.send(batch[::-1])


def session_shared_between_parties() -> None:
    """Whoever logs in gets the session of whoever logged in first."""
    true_login = Access.login

    def login(self: Any, username: str, password: str) -> Any:
        session = true_login(self, username, password)
        grant = next(one for one in self._grants.values() if one.kind == "mapi")
        body = f"{grant.id}.{session.split('.')[1]}.00" if session else ""
        return f"{body}.{self._mac(body)}" if session else None

    _set(Access, "login", login)


def acknowledged_before_admitted() -> None:
    """A pulled message is acknowledged before it is durable."""

    async def once(self: Any) -> Round:
        try:
            for one in await self._source.poll():
                await self._source.acknowledge(one.handle)
                try:
                    await self._admit(one.envelope)
                except MessageRefused:
                    continue
        except (TargetUnavailable, Overloaded) as error:
            return Round(stopped_by=error.code)
        return Round()

    _set(Puller, "once", once)


def views_count_twice() -> None:
    """The read models go on from a little before where they were."""
    true_resume = Views._resume
    _set(Views, "_resume", lambda self: max(0, true_resume(self) - 4))


def record_time_goes_back() -> None:
    """Record times follow a clock that is set back."""
    true_place = Placer.place

    def place(self: Any, unit: Any) -> Any:
        self._tr = 0
        return true_place(self, unit)

    _set(Placer, "place", place)


def receipt_of_today() -> None:
    """A receipt proves to the newest checkpoint, so that the same message gets another one each time."""

    def prove(self: Any, position: int) -> Any:
        return self.store.leaf(position), merkle.inclusion(position - 1, self.committed, self._stored_node), self.note

    _set(Chain, "prove", prove)


MUTANTS: Final[dict[str, tuple[Callable[[], None], int]]] = {
    "answer before commit": (answer_before_commit, 10),
    "checkpoint before it is durable": (answer_before_sync("ledger.db"), 10),
    "events before their keys": (answer_before_sync("keys.db"), 10),
    "cursor before confirmation": (cursor_before_confirmation, 10),
    "dedupe in memory": (dedupe_in_memory, 10),
    "tree before COMMIT": (tree_before_commit, 60),
    "retry without asking": (retry_without_asking, 50),
    "resume without doubt": (resume_without_doubt, 110),
    "order lost across reconnect": (order_lost_across_reconnect, 10),
    "session shared between parties": (session_shared_between_parties, 10),
    "acknowledged before admitted": (acknowledged_before_admitted, 10),
    "views count twice": (views_count_twice, 10),
    "record time goes back": (record_time_goes_back, 90),
    "receipt of today": (receipt_of_today, 10),
}
"""By name: how to plant it, and the number of seeds within which it must be found."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The product with one bug in it, for the rest of this child's life; "" = none."""
    if name:
        MUTANTS[name][0]()
    yield
