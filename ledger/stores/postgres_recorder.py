"""Recorders over a log that several processes append to: what they follow is woken by NOTIFY, and true by position.

A notification carries nothing and may be lost: it only makes a follower look sooner. Whoever follows asks for what lies
beyond the last position seen, and positions become visible in their order and without gaps; so nothing is missed when
a session breaks, and the follower looks by itself every ``LOOK_S`` seconds.
"""

from threading import Event, Thread
from typing import Final

import psycopg
from eventsourcing.persistence import ProcessRecorder

from contracts.errors import HubError
from contracts.ports import Clock, Entropy
from ledger.chain import Chain
from ledger.stores.postgres import PostgresStore
from ledger.stores.recorder import LedgerApplicationRecorder

LOOK_S: Final = 1.0
_STOP_S: Final = 0.1


class Waker:
    """Sets events whenever somebody committed to a log, from a session and a thread of its own."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._events: list[Event] = []
        self._ended = Event()
        self._thread: Thread | None = None

    def add(self, event: Event) -> None:
        """Set ``event`` from now on; the first one starts the thread."""
        self._events = [*self._events, event]
        if self._thread is None:
            self._thread = Thread(target=self._run, name=f"listen {self._store.channel}", daemon=True)
            self._thread.start()

    def discard(self, event: Event) -> None:
        """Stop setting ``event``."""
        self._events = [one for one in self._events if one is not event]

    def end(self) -> None:
        """End the thread and wait for it."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except (psycopg.Error, HubError):
                self._wake()
                self._ended.wait(LOOK_S)

    def _listen(self) -> None:
        with self._store.second_session() as session:
            session.execute(f"LISTEN {self._store.channel}".encode())
            self._wake()  # what was committed before we listened
            waited = 0.0
            while not self._ended.is_set():
                told = list(session.notifies(timeout=_STOP_S, stop_after=1))
                waited = 0.0 if told else waited + _STOP_S
                if told or waited >= LOOK_S:
                    waited = 0.0
                    self._wake()

    def _wake(self) -> None:
        for event in self._events:
            event.set()


class PostgresApplicationRecorder(LedgerApplicationRecorder):
    """An application's events; subscriptions hear of the commits of every process."""

    def __init__(self, chain: Chain, clock: Clock, entropy: Entropy) -> None:
        super().__init__(chain, clock, entropy)
        store = chain.store
        if not isinstance(store, PostgresStore):
            raise TypeError("the chain lies in another store")
        self._waker = Waker(store)

    def listen(self, event: Event) -> None:
        """See ``LedgerApplicationRecorder.listen``."""
        super().listen(event)
        self._waker.add(event)

    def unlisten(self, event: Event) -> None:
        """See ``LedgerApplicationRecorder.unlisten``."""
        super().unlisten(event)
        self._waker.discard(event)

    def close(self) -> None:
        """See ``LedgerRecorder.close``."""
        self._waker.end()
        super().close()


class PostgresProcessRecorder(PostgresApplicationRecorder, ProcessRecorder):
    """Events and tracking in one transaction, by whichever process comes first."""
