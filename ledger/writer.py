"""Group commit: the only door to append.

``submit`` places a unit at once and schedules one flush for everything that gathers in the same step of the loop; what
arrives while a commit runs waits for the next. No timer where somebody waits: a linger would only add latency. What
nobody waits for (outcomes of deliveries) goes along with what comes within the next moment. One transaction holds
events, parts, leaves, nodes, heads and the signed checkpoint; only after its COMMIT is anybody told.

An error from COMMIT means *unknown*. Nothing is rolled back and continued: every waiter and every later call gets
``ledger.unavailable``, and the truth is read from the files at the next start.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Literal

from contracts.errors import HubError, IntegrityViolation, Misconfigured, Overloaded
from contracts.ports import Clock, Entropy, Files, Lock, Signer
from ledger.access import Readable
from ledger.chain import Chain
from ledger.checkpoint import Scribe
from ledger.events import KeyAdded
from ledger.keys import wrapping_key
from ledger.keystore import KeyStore, MemoryKeys, SqliteKeys
from ledger.milestone import Milestone
from ledger.place import Placer
from ledger.port import Entry
from ledger.rotation import LogKeys
from ledger.stores.memory import MemoryStore
from ledger.stores.open import open_postgres, open_postgres_keys
from ledger.stores.sqlite import SqliteStore
from ledger.stores.store import Batch, Store
from ledger.unit import NewEvent, Placed, Unit
from ledger.vault import Vault

COMMIT_EVENTS: Final = 250
"""A batch that reached this size is committed as it is; what comes next gathers anew."""
LEDGER_FILE: Final = "ledger.db"
KEYS_FILE: Final = "keys.db"
LOCK_FILE: Final = "ledger.lock"
COMPRESS_FROM_BYTES: Final = 4_096
UNHURRIED_S: Final = 0.005
"""How long a unit that nobody waits for may wait for company, seconds."""
_SMOOTHING: Final = 0.2
_EVENT_BYTES: Final = 1_024


class Gathering:
    """A batch that still grows, with what must happen when it is durable."""

    __slots__ = ("batch", "bytes", "entries", "units")

    def __init__(self) -> None:
        self.batch = Batch()
        self.entries: list[Entry] = []
        self.units = 0
        self.bytes = 0


class Writer(Readable):
    """The ledger of one process: implements ``ledger.port.Ledger``."""

    def __init__(
        self,
        *,
        chain: Chain,
        vault: Vault,
        placer: Placer,
        lock: Lock,
        queue_units: int,
        queue_bytes: int,
        milestone: Milestone | None = None,
        log_keys: LogKeys,
    ) -> None:
        super().__init__(chain, vault, placer)
        self.log_keys = log_keys
        """The log's own key files, and what may be said about keys."""
        self._milestone = milestone
        self._lock = lock
        self._queue_units = queue_units
        self._queue_bytes = queue_bytes
        self._units = 0
        self._bytes = 0
        self._batches: deque[Gathering] = deque()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._commit_s = 0.001
        """Smoothed time of one commit, seconds."""
        self.on_commit: Callable[[int, float], None] | None = None
        """Told of every commit of the loop: events in it, seconds it took. MUST be cheap and MUST NOT raise."""

    @property
    def queued(self) -> tuple[int, int]:
        """(units, bytes) placed and not durable yet."""
        return self._units, self._bytes

    @property
    def commit_seconds(self) -> float:
        """The smoothed duration of a commit."""
        return self._commit_s

    # ── appending ───────────────────────────────────────────────────────────────────────────────

    def new_stream(self) -> bytes:
        """See ``Ledger.new_stream``."""
        self._check()
        return self._placer.new_stream()

    def named_stream(self, kind: str, name: str) -> bytes:
        """See ``Ledger.named_stream``."""
        self._check()
        return self._placer.named_stream(kind, name)

    def next_position(self) -> int:
        """See ``Ledger.next_position``."""
        return self._placer.position + 1

    def submit(self, unit: Unit, *, unhurried: bool = False) -> Placed:
        """See ``Ledger.submit``. Without a running loop nothing is scheduled: call ``flush``."""
        self._check()
        if self._units >= self._queue_units or self._bytes >= self._queue_bytes:
            batches = max(1, len(self._batches))
            raise Overloaded(retry_after_s=max(0.05, batches * self._commit_s * 2))
        placing = self._placer.place(unit)
        gathering = self._gathering()
        self._placer.adopt(placing, gathering.batch)
        self._overlay.place(unit, placing.entries, placing.eid, gathering.batch, placing.opening)
        if placing.opening is not None:
            self._reader.remember_opening(placing.placed.positions[0], placing.opening)
        weight = len(placing.entries) * _EVENT_BYTES + (len(placing.message[3]) if placing.message else 0)
        gathering.entries.extend(placing.entries)
        gathering.units += 1
        gathering.bytes += weight
        self._units += 1
        self._bytes += weight
        self._schedule(unhurried=unhurried)
        return placing.placed

    def _gathering(self) -> Gathering:
        if not self._batches or len(self._batches[-1].entries) >= COMMIT_EVENTS:
            self._batches.append(Gathering())
        return self._batches[-1]

    def _schedule(self, *, unhurried: bool = False) -> None:
        if self._scheduled or (unhurried and self._timer is not None):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if unhurried:
            self._timer = loop.call_later(UNHURRIED_S, self._step, loop)
        else:
            self._scheduled = True
            loop.call_soon(self._step, loop)

    def _step(self, loop: asyncio.AbstractEventLoop) -> None:
        """One commit, then the loop may do other work before the next."""
        self._scheduled = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stopped is not None or not self._batches:
            return
        started = loop.time()
        gathering = self._batches.popleft()
        self._commit(gathering)
        seconds = loop.time() - started
        self._commit_s += _SMOOTHING * (seconds - self._commit_s)
        if self.on_commit is not None:
            self.on_commit(len(gathering.entries), seconds)
        if self._batches:
            self._schedule()

    def _commit(self, gathering: Gathering) -> None:
        try:
            self._chain.commit(gathering.batch)
        except BaseException as error:
            self._stop(error)
            if not isinstance(error, Exception):
                raise
            return
        self._units -= gathering.units
        self._bytes -= gathering.bytes
        self._overlay.forget(gathering.batch, self._chain.committed)
        self._reader.remember(gathering.entries)
        self._wake()
        if self._vault.runs_low:
            try:
                self._vault.refill()
            except Exception as error:  # noqa: BLE001  # what the key store raises; nobody else would hear of it
                self._stop(error)

    def halt(self, why: IntegrityViolation) -> None:
        """Sign nothing more: what is not committed never will be; waiters and callers get ``ledger.unavailable``."""
        if self._stopped is None:
            self._stop(why)

    def _stop(self, error: BaseException) -> None:
        self._stopped = IntegrityViolation("ledger.unavailable", f"{type(error).__name__}: {error}")
        self._stopped.__cause__ = error
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_exception(IntegrityViolation("ledger.unavailable", self._stopped.detail))

    def _wake(self) -> None:
        committed = self._chain.committed
        waiting: list[tuple[int, asyncio.Future[None]]] = []
        for position, waiter in self._waiters:
            if position > committed:
                waiting.append((position, waiter))
            elif not waiter.done():
                waiter.set_result(None)
        self._waiters = waiting

    def flush(self) -> None:
        """Commit everything that is placed, now. Raises ``ledger.unavailable`` when that fails."""
        while self._batches and self._stopped is None:
            self._commit(self._batches.popleft())
        self._check()

    async def durable(self, position: int) -> None:
        """See ``Ledger.durable``."""
        if position <= self._chain.committed:
            return
        self._check()
        if position > self._placer.position:
            raise ValueError(f"position {position} is not placed")
        self._schedule(unhurried=self._timer is not None)  # it may have been placed before there was a loop
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((position, waiter))
        await waiter

    async def wait_beyond(self, position: int, timeout_s: float) -> int:
        """See ``Ledger.wait_beyond``."""
        self._check()
        if self._chain.committed <= position:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.append((position + 1, waiter))
            timer = loop.call_later(timeout_s, _release, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                waiter.cancel()
        return self._chain.committed

    def sign_with(self, scribe: Scribe, unit: Unit | None = None) -> int:
        """Let other keys sign from now on, beginning with the commit of ``unit`` alone; returns its last position.

        Everything placed before is committed first, under the old keys.
        """
        self.flush()
        placed = None if unit is None else self.submit(unit)
        self._chain.scribe = scribe
        self.flush()
        return self.committed if placed is None else placed.positions[-1]

    def destroy_key(self, stream: bytes) -> None:
        """Destroy the data key of a stream; returns when nothing under it can be opened again, by anybody."""
        self._check()
        head = self._chain.head(stream)
        if head is None:
            raise HubError("query.not_found")
        self.flush()
        self._reader.forget()
        self._vault.destroy(head[0])

    def close(self) -> None:
        """See ``Ledger.close``. A ledger that stopped is closed without another write."""
        with ExitStack() as closing:  # each of them also where the disk fails the one before
            closing.callback(self._lock.release)
            closing.callback(self._vault.close)
            closing.callback(self._chain.store.close)
            closing.callback(self._stop, RuntimeError("the ledger is closed"))
            if self._stopped is None:
                self.flush()
                if self._milestone is not None:
                    self._milestone.reach(self._chain.note)


def _release(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def open_ledger(  # noqa: PLR0913  # one door, every choice by name
    *,
    files: Files,
    directory: str,
    origin: str,
    clock: Clock,
    entropy: Entropy,
    store: Literal["sqlite", "memory", "postgres"] | Store = "sqlite",
    keys: KeyStore | None = None,
    vfs: str = "",
    dsn: str = "",
    keys_dsn: str = "",
    queue_units: int = 20_000,
    queue_bytes: int = 256 * 1024 * 1024,
    compress_from: int = COMPRESS_FROM_BYTES,
    passphrase: bytes = b"",
    token: Signer | None = None,
) -> Writer:
    """Open the ledger of ``origin``, making it where there is none. ``directory`` is the place ``files`` is rooted in.

    ``store`` and ``keys`` may be given ready-made (tests); ``vfs`` names an SQLite VFS; ``compress_from`` is the size
    from which content is deflated before it is sealed. ``dsn`` and ``keys_dsn`` name the databases of the log and of
    its data keys where the store is ``postgres``; the keys of the log itself always lie in ``directory``, encrypted
    where there is a ``passphrase``; with a ``token`` the log's own key lies there and nowhere else.

    Raises:
        Misconfigured: ``ledger.locked`` (another process), ``ledger.other_origin``, ``config.missing`` (a log without
            its key).
        IntegrityViolation: ``ledger.corrupt`` (the tree is not what was signed), ``vault.key_missing``,
            ``ledger.rollback`` (the log in this place was longer, or another, when it was closed last).
    """
    lock = files.lock(LOCK_FILE)
    opened: list[Store | KeyStore] = []
    try:
        log = open_postgres(dsn) if store == "postgres" else _store(store, directory, vfs)
        opened.append(log)
        empty = log.size() == 0
        # A log in memory is meant to begin anew; one on a disk never begins twice.
        milestone = None if isinstance(log, MemoryStore) else Milestone(files)
        if milestone is not None and empty:
            milestone.check(log)
        log_keys = LogKeys(files, entropy, origin, passphrase, token)
        scribe = log_keys.load(create=empty)
        wrapping = wrapping_key(files, entropy, create=empty)
        if keys is None and store == "postgres":
            keys = open_postgres_keys(keys_dsn)
        elif keys is None:
            keys = SqliteKeys(f"{directory}/{KEYS_FILE}", vfs=vfs) if isinstance(log, SqliteStore) else MemoryKeys()
        opened.append(keys)
        chain = Chain(log, scribe)
        if milestone is not None:
            milestone.check(log)
        vault = Vault(keys, wrapping, clock, entropy, compress_from=compress_from)
        vault.check(log.key_blocks())
        placer = Placer(chain, vault, clock, entropy, origin)
        writer = Writer(
            chain=chain,
            vault=vault,
            placer=placer,
            lock=lock,
            queue_units=queue_units,
            queue_bytes=queue_bytes,
            milestone=milestone,
            log_keys=log_keys,
        )
        if empty:
            _add_key(writer, clock)
        else:
            log_keys.settle(writer)
            writer.erasure.finish()
        if milestone is not None:
            milestone.reach(writer.checkpoint())
    except BaseException:
        for item in opened:
            item.close()
        lock.release()
        raise
    return writer


def _store(store: Literal["sqlite", "memory", "postgres"] | Store, directory: str, vfs: str) -> Store:
    if store == "sqlite":
        return SqliteStore(f"{directory}/{LEDGER_FILE}", vfs=vfs)
    if store == "memory":
        return MemoryStore()
    if isinstance(store, str):
        raise Misconfigured("config.invalid", f"no store is called {store}", name="ledger.store")
    return store


def _add_key(writer: Writer, clock: Clock) -> None:
    stream = writer.named_stream("governance", "keys")
    event = KeyAdded(vkey=writer.vkey, purpose="log", added_at=clock.now())
    writer.submit(Unit(events=(NewEvent(stream, event),)))
    writer.flush()
