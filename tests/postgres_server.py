"""A real PostgreSQL server for tests, started from the system's binaries when the first test asks for it.

One server serves a whole test session (under xdist: one for each worker). It listens on a Unix socket in a short
temporary directory only. PostgreSQL refuses to run as root, so root starts it as the user ``postgres`` or ``nobody``.
Without the binaries the tests are skipped with a reason; under ``CI=true`` they fail.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

_PLACES: Final = "/usr/lib/postgresql/*/bin"
_CONFIGURATION: Final = {
    "listen_addresses": "''",
    "fsync": "on",
    "shared_buffers": "'64MB'",
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'1h'",
    "max_connections": "60",
    "autovacuum": "off",
    "wal_recycle": "off",
    "log_min_messages": "warning",
}
SUPERUSER: Final = "postgres"


def binaries() -> Path | None:
    """The directory of ``postgres`` and ``initdb``, None where there is none."""
    found = shutil.which("postgres")
    if found is not None and (Path(found).resolve().parent / "initdb").exists():
        return Path(found).resolve().parent
    places = sorted(Path("/").glob(f"{_PLACES[1:]}/postgres"))
    return places[-1].parent if places else None


def _owner() -> str | None:
    """Whom to become: nobody else than ourselves, unless we are root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


class PostgresServer:
    """One server with its data directory; started, stopped and killed by the test that owns it."""

    def __init__(self, place: Path, **settings: str) -> None:
        self._binaries = place
        self._owner = _owner()
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.data = self._folder / "data"
        self._settings = _CONFIGURATION | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        if self._owner is not None:
            shutil.chown(self._folder, self._owner)
        self._folder.chmod(0o755)
        self._call("initdb", "-D", str(self.data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        lines = "".join(f"{name} = {value}\n" for name, value in self._settings.items())
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(lines + f"unix_socket_directories = '{self._folder}'\n")

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            user=self._owner,
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def pid(self) -> int:
        """The process of the postmaster."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", str(self.data)],
                user=self._owner,
                cwd=self._folder,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait()

    @property
    def running(self) -> bool:
        """Whether the postmaster lives."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> None:
        """Wait until it takes connections."""
        for _ in range(600):
            assert self.running, (self._folder / "log").read_text("utf-8", "replace")
            try:
                psycopg.connect(self.dsn("postgres")).close()
            except psycopg.OperationalError:
                signal.sigtimedwait([], 0.05)
                continue
            return
        raise TimeoutError((self._folder / "log").read_text("utf-8", "replace"))

    def stop(self, mode: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is "fast", SIGQUIT is "immediate" (no checkpoint: the next start recovers from the log)."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(mode)
            process.wait(60)

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def dsn(self, database: str) -> str:
        """How to reach a database."""
        return f"host={self._folder} user={SUPERUSER} dbname={database}"

    def new_database(self) -> str:
        """A fresh database; returns its DSN."""
        self._databases += 1
        name = f"d{self._databases}"
        self.ask(f"CREATE DATABASE {name}")
        return self.dsn(name)

    def ask(self, statement: str, dsn: str = "") -> list[tuple[object, ...]]:
        """Run one statement as superuser."""
        with psycopg.connect(dsn or self.dsn("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def available() -> Path:
    """The binaries; skips the test without them, or fails it under ``CI=true``."""
    place = binaries()
    if place is None:
        reason = "no PostgreSQL server binaries (postgres in PATH or /usr/lib/postgresql/*/bin)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return place


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server."""
    server = PostgresServer(available())
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _shared_database(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


@pytest.fixture
def postgres_dsn(postgres_server: PostgresServer, _shared_database: str) -> str:
    """A database with no ledger in it: the one schema that tests use is dropped first."""
    postgres_server.ask("DROP SCHEMA IF EXISTS ledger CASCADE", _shared_database)
    return _shared_database


@pytest.fixture(scope="session")
def _shared_keys(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


@pytest.fixture
def postgres_keys_dsn(postgres_server: PostgresServer, _shared_keys: str) -> str:
    """Another database, for keys."""
    postgres_server.ask("DROP SCHEMA IF EXISTS keys CASCADE", _shared_keys)
    return _shared_keys
