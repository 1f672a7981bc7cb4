"""The PostgreSQL store below the recorders: one row lock, one epoch, no unknown outcome left unasked."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from threading import Event, Thread

import psycopg
import pytest

from contracts.errors import IntegrityViolation, Misconfigured
from hub.world_seeded import MemoryFiles, SeededEntropy
from ledger import leaf, merkle
from ledger.chain import Chain
from ledger.checkpoint import Scribe
from ledger.keys import log_signer
from ledger.shared_chain import SharedChain
from ledger.stores import postgres_connect
from ledger.stores.postgres import PostgresStore
from ledger.stores.schema import APPEND_ONLY
from ledger.stores.store import Batch, Moved
from tests.postgres_server import PostgresServer

A, B = bytes(15) + b"a", bytes(15) + b"b"
ORIGIN = "mau.example/log"


def _scribe() -> Scribe:
    return Scribe(log_signer(MemoryFiles(), SeededEntropy("mau"), ORIGIN, create=True))


def _leaf(position: int, stream: bytes, rev: int) -> bytes:
    return leaf.compose(
        cfg="",
        eid="",
        idx=position - 1,
        kind="event",
        msg=0,
        pc=f'{{"c":"{bytes(32).hex()}","r":"body"}}',
        prev=leaf.NO_PREV,
        rev=rev,
        sid=stream.hex(),
        src="",
        sv=1,
        tr="2026-01-05T00:00:00.000000Z",
        typ="dossier.received",
    )


def _batch(first: int, *streams: bytes, rev: int = 0) -> Batch:
    batch = Batch()
    for position, stream in enumerate(streams, first):
        entry = _leaf(position, stream, rev)
        batch.events.append((position, stream, rev + 1, "dossier.received", entry, b"state", None))
        batch.hashes.append(merkle.leaf_hash(entry))
        batch.heads[stream] = (7, rev, position, batch.hashes[-1])
    return batch


@contextmanager
def _opened(dsn: str, opening: str = "alone") -> Iterator[PostgresStore]:
    store = PostgresStore(dsn, opening=opening)  # type: ignore[arg-type]  # literals of this file
    try:
        yield store
    finally:
        store.close()


def _cut(server: PostgresServer) -> None:
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lienthong ledger'")


def test_rows_of_the_log_can_not_be_changed_by_accident(postgres_dsn: str) -> None:
    with _opened(postgres_dsn) as store:
        Chain(store, _scribe()).commit(_batch(1, A))
        for table in (*APPEND_ONLY, "log_head"):
            for verb in ("DELETE FROM", "TRUNCATE"):
                with pytest.raises(psycopg.DatabaseError, match="append-only"):
                    store.session.execute(f"{verb} {table}".encode())
        with pytest.raises(psycopg.DatabaseError, match="append-only"):
            store.session.execute("UPDATE events SET leaf = ''")
        with pytest.raises(psycopg.DatabaseError, match="never goes back"):
            store.session.execute("UPDATE log_head SET epoch = 0")


def test_a_server_on_which_an_answered_message_could_be_lost_is_refused(
    postgres_dsn: str, postgres_server: PostgresServer
) -> None:
    for setting in ("fsync", "full_page_writes"):
        postgres_server.ask(f"ALTER SYSTEM SET {setting} = off")
        postgres_server.ask("SELECT pg_reload_conf()")
        try:
            for _ in range(200):  # the postmaster tells its children in its own time
                if postgres_server.ask(f"SHOW {setting}") == [("off",)]:
                    break
            with pytest.raises(Misconfigured, match=f"{setting} is off"):
                PostgresStore(postgres_dsn)
            PostgresStore(postgres_dsn, durable=False).close()
        finally:
            postgres_server.ask(f"ALTER SYSTEM RESET {setting}")
            postgres_server.ask("SELECT pg_reload_conf()")
            for _ in range(200):
                if postgres_server.ask(f"SHOW {setting}") == [("on",)]:
                    break


def test_what_is_not_a_usable_database_is_refused_by_name(postgres_dsn: str, postgres_server: PostgresServer) -> None:
    with pytest.raises(Misconfigured, match="PostgreSQL"):
        PostgresStore("host=/nowhere dbname=mau user=mau password=bi-mat connect_timeout=1")
    with pytest.raises(Misconfigured, match="schema"):
        PostgresStore(postgres_dsn, schema='x"; DROP TABLE events')
    with pytest.raises(Misconfigured, match="no log has begun"):
        PostgresStore(postgres_dsn, opening="read")
    postgres_server.ask("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(Misconfigured, match="UTF8"):
        PostgresStore(postgres_server.dsn("latin"))


def test_a_second_hub_is_refused_while_the_first_lives_and_fences_it_once_it_took_over(postgres_dsn: str) -> None:
    with _opened(postgres_dsn) as first:
        chain = Chain(first, _scribe())
        chain.commit(_batch(1, A))
        for opening in ("alone", "join"):
            with pytest.raises(Misconfigured, match=r"ledger\.locked"), _opened(postgres_dsn, opening):
                pass
        with _opened(postgres_dsn, "take") as second:
            assert second.epoch > first.epoch
            with pytest.raises(IntegrityViolation, match=r"ledger\.fenced"):
                chain.commit(_batch(2, B))
            Chain(second, _scribe()).commit(_batch(2, B))
            assert (first.size(), second.size()) == (2, 2)


def test_whoever_is_fenced_between_writing_and_commit_signs_nothing(postgres_dsn: str) -> None:
    with _opened(postgres_dsn) as first:
        Chain(first, _scribe()).commit(_batch(1, A))
        first.begin(_batch(2, B))
        first.session.execute("UPDATE log_head SET epoch = epoch + 1")
        with pytest.raises(IntegrityViolation, match=r"ledger\.fenced"):
            first.finish(1, bytes(64), 2, "note 2")
        assert first.size() == 1
        assert first.newest_checkpoint() is not None


def test_positions_with_a_gap_are_never_committed(postgres_dsn: str) -> None:
    with _opened(postgres_dsn) as store:
        store.begin(_batch(1, A))
        with pytest.raises(IntegrityViolation, match="not dense"):
            store.finish(0, bytes(96), 2, "note 2")
        assert store.size() == 0


def test_a_batch_placed_before_somebody_else_committed_is_refused_and_decided_again(postgres_dsn: str) -> None:
    with _opened(postgres_dsn, "join") as one, _opened(postgres_dsn, "join") as other:
        first, second = SharedChain(one, _scribe()), SharedChain(other, _scribe())
        assert first.head(A) is None
        second.commit(_batch(1, A))
        with pytest.raises(Moved):
            first.commit(_batch(1, A))
        assert (first.committed, first.root()) == (second.committed, second.root())
        head = first.head(A)
        assert head is not None
        assert head[1] == 0
        first.commit(_batch(2, A, rev=1))
        assert second.refresh()
        assert not second.refresh()
        assert second.root() == first.root()
        assert second.newest() == 2


def test_only_what_was_decided_for_a_stream_that_moved_on_is_decided_again(postgres_dsn: str) -> None:
    party, other_dossier = bytes(15) + b"p", bytes(15) + b"o"
    with _opened(postgres_dsn, "join") as one, _opened(postgres_dsn, "join") as other:
        first, second = SharedChain(one, _scribe()), SharedChain(other, _scribe())
        expected = {A: -1, other_dossier: -1}
        assert first.moved_on(expected) == []
        second.commit(_batch(1, party, A))
        with first.turn() as moved:
            assert moved
            assert first.moved_on(expected) == [A]
            head = first.head(party)
            assert head is not None
            batch = _batch(3, party, rev=head[1] + 1)  # a party's revision is whatever comes next under the lock
            entry = _batch(4, other_dossier)
            for name in ("events", "hashes"):
                getattr(batch, name).extend(getattr(entry, name))
            batch.heads |= entry.heads
            first.commit(batch)
        with second.turn():
            assert second.moved_on({party: 1, A: 0, other_dossier: 0}) == []


def test_a_writer_that_stands_still_within_its_turn_loses_it(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _opened(postgres_dsn, "join") as other:
        second = SharedChain(other, _scribe())
        monkeypatch.setattr(postgres_connect, "IDLE_IN_TRANSACTION_MS", 300)
        with _opened(postgres_dsn, "join") as one:
            first = SharedChain(one, _scribe())
            one.begin(_batch(1, A))
            second.commit(_batch(1, B))  # waits until the server has ended the other session
            with pytest.raises(IntegrityViolation, match=r"ledger\.unavailable"):
                one.finish(0, bytes(32), 1, "note 1")
            assert first.refresh()
            assert first.root() == second.root()


def test_a_turn_that_ends_without_a_commit_leaves_nothing(postgres_dsn: str) -> None:
    with _opened(postgres_dsn, "join") as one, _opened(postgres_dsn, "join") as other:
        first = SharedChain(one, _scribe())
        with first.turn():
            one.begin(_batch(1, A))
        second = SharedChain(other, _scribe())
        with second.turn() as moved:
            assert not moved
            second.commit(_batch(1, B))
        with first.turn() as moved:
            assert moved


def test_writers_take_turns_without_gaps_and_whoever_follows_sees_everything_once(postgres_dsn: str) -> None:
    writers, commits = 4, 25
    done = Event()
    seen: list[int] = []

    def write(number: int) -> int:
        with _opened(postgres_dsn, "join") as store:
            chain = SharedChain(store, _scribe())
            again = 0
            for step in range(commits):
                streams = [(number << 16 | step << 1 | one).to_bytes(16, "big") for one in (0, 1)]
                while True:
                    batch = _batch(chain.committed + 1, *streams)
                    with suppress(Moved):
                        chain.commit(batch)
                        break
                    again += 1
            return again

    def follow() -> None:
        with _opened(postgres_dsn, "read") as store:
            while True:
                was_done = done.is_set()
                rows = store.leaves(seen[-1] if seen else 0, 100)
                seen.extend(row[0] for row in rows)
                if was_done and not rows:
                    return

    with _opened(postgres_dsn, "join"):
        follower = Thread(target=follow)
        follower.start()
        with ThreadPoolExecutor(writers) as pool:
            conflicts = sum(pool.map(write, range(writers)))
        done.set()
        follower.join()
    assert seen == list(range(1, 2 * writers * commits + 1))
    with _opened(postgres_dsn) as store:
        leaves = [(row[0], row[4]) for row in store.leaves(0, 10_000)]
        notes = store.checkpoints(0, 10_000)
        assert len(notes) == writers * commits
        assert conflicts >= 0
        frontier = merkle.Frontier()
        frontier.extend([merkle.leaf_hash(entry) for _, entry in leaves])
        assert frontier.root() == Chain(store, _scribe()).root()


def test_a_session_lost_between_commits_is_opened_again(postgres_dsn: str, postgres_server: PostgresServer) -> None:
    with _opened(postgres_dsn) as store:
        chain = Chain(store, _scribe())
        chain.commit(_batch(1, A))
        _cut(postgres_server)
        assert store.size() == 1
        _cut(postgres_server)
        chain.commit(_batch(2, B))
        assert store.size() == 2


def test_a_session_lost_before_its_commit_was_told_leaves_nothing(
    postgres_dsn: str, postgres_server: PostgresServer
) -> None:
    with _opened(postgres_dsn) as store:
        Chain(store, _scribe()).commit(_batch(1, A))
        store.begin(_batch(2, B))
        _cut(postgres_server)
        with pytest.raises(IntegrityViolation, match="did not commit"):
            store.finish(1, bytes(64), 2, "note 2")
        assert store.size() == 1


class Cable:
    """A cable to the server that can swallow answers: what was sent arrives, what comes back does not."""

    def __init__(self, folder: str, server: str) -> None:
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen()
        self._listener.settimeout(0.05)
        self.swallow = False
        self._over = Event()
        self._sockets = [self._listener]
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._sockets += [client, server]
                for pair in ((client, server, False), (server, client, True)):
                    self._threads.append(Thread(target=self._pump, args=pair))
                    self._threads[-1].start()

    def _pump(self, source: socket.socket, sink: socket.socket, back: bool) -> None:  # noqa: FBT001  # a direction
        with suppress(OSError):
            while data := source.recv(65_536):
                if back and self.swallow:
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()


def test_when_the_answer_to_commit_is_lost_the_database_is_asked(
    postgres_dsn: str, postgres_server: PostgresServer
) -> None:
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        host = dict(word.split("=") for word in postgres_dsn.split())["host"]
        cable = Cable(folder, f"{host}/.s.PGSQL.5432")
        try:
            with _opened(postgres_dsn.replace(host, folder)) as store:
                chain = Chain(store, _scribe())
                chain.commit(_batch(1, A))
                finish = store.finish

                def swallowed(first_node: int, nodes: bytes, size: int, note: str) -> None:
                    cable.swallow = True
                    reopen = store._reopen

                    def heal() -> None:
                        cable.swallow = False
                        reopen()

                    store._reopen = heal  # type: ignore[method-assign]
                    finish(first_node, nodes, size, note)

                store.finish = swallowed  # type: ignore[method-assign]
                chain.commit(_batch(2, B))
                assert (chain.committed, store.size()) == (2, 2)
                assert store.newest_checkpoint() == (2, chain.note)
        finally:
            cable.close()
