"""Persistence for ordinary applications of the ``eventsourcing`` library: ``PERSISTENCE_MODULE=ledger.library``.

``LEDGER_DIRECTORY`` names the directory of the log; without it everything is in memory. ``LEDGER_ORIGIN`` names it.
With ``LEDGER_POSTGRES_DSN`` the log lies in that database, several processes may append to it, and the directory holds
the signing key that they share; ``LEDGER_POSTGRES_SCHEMA`` (default ``ledger``) is the prefix of its schemas.
The library builds its infrastructure from the environment, so the clock, randomness and key files of this module come
from the library and the operating system and not from the hub's ports; the hub does not use it.
"""

from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.domain import datetime_now_with_tzinfo
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
)
from eventsourcing.utils import resolve_topic

from contracts.errors import Misconfigured
from contracts.moment import from_datetime
from ledger.chain import Chain
from ledger.checkpoint import Scribe
from ledger.keys import log_signer
from ledger.shared_chain import SharedChain
from ledger.stores.memory import MemoryStore
from ledger.stores.recorder import (
    LedgerAggregateRecorder,
    LedgerApplicationRecorder,
    LedgerProcessRecorder,
    LedgerRecorder,
    LedgerTrackingRecorder,
)
from ledger.stores.sqlite import SqliteStore
from ledger.stores.store import Store

_AES_BITS = 256
KeptRecorder = TypeVar("KeptRecorder", bound=LedgerRecorder)


class _Now:
    """The library's own idea of now."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        now: datetime = datetime_now_with_tzinfo()
        return from_datetime(now)


class _KeyMaterial:
    """Randomness from the key generator of ``cryptography``."""

    def stream(self, purpose: str) -> "_KeyMaterial":  # noqa: ARG002  # one source serves all purposes
        """The same source."""
        return self

    def bytes(self, n: int) -> bytes:
        """``n`` bytes fit for keys."""
        material = b"".join(AESGCM.generate_key(_AES_BITS) for _ in range(n // (_AES_BITS // 8) + 1))
        return material[:n]

    def random(self) -> float:
        """Not used by a recorder."""
        return int.from_bytes(self.bytes(4), "big") / (1 << 32)


class _Folder:
    """Key files of one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace a file."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as temporary:
            temporary.write(content)
        Path(temporary.name).chmod(mode)
        Path(temporary.name).replace(path)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self._root / name).read_bytes()


class _Nowhere(_Folder):
    """Keys that live as long as the process."""

    def __init__(self) -> None:
        super().__init__(Path())
        self._kept: dict[str, bytes] = {}

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:  # noqa: ARG002  # no file, no mode
        """Keep the content."""
        self._kept[name] = content

    def read(self, name: str) -> bytes:
        """The kept content."""
        try:
            return self._kept[name]
        except KeyError:
            raise FileNotFoundError(name) from None


class LedgerFactory(InfrastructureFactory[LedgerTrackingRecorder]):
    """Builds recorders whose events are leaves of a signed log, one log per purpose."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._opened: list[LedgerRecorder] = []

    @property
    def _dsn(self) -> str:
        return self.env.get("LEDGER_POSTGRES_DSN", "") or ""

    def _shared_chain(self, purpose: str, origin: str) -> Chain:
        directory = self.env.get("LEDGER_DIRECTORY", "") or ""
        if not directory:
            raise Misconfigured("config.missing", "the signing key lies there", name="LEDGER_DIRECTORY")
        from ledger.stores.postgres import PostgresStore  # noqa: PLC0415  # psycopg is an extra

        files = _Folder(Path(directory) / purpose)
        prefix = self.env.get("LEDGER_POSTGRES_SCHEMA", "") or "ledger"
        store = PostgresStore(self._dsn, schema=f"{prefix}_{purpose}", opening="join")
        try:
            with store.turn() as size:  # two processes that begin a log at once make one key
                signer = log_signer(files, _KeyMaterial(), origin, create=size == 0)
            return SharedChain(store, Scribe(signer))
        except BaseException:
            store.close()
            raise

    def _chain(self, purpose: str) -> Chain:
        directory = self.env.get("LEDGER_DIRECTORY", "") or ""
        origin = f"{self.env.get('LEDGER_ORIGIN', '') or 'library.example/log'}/{purpose}"
        if self._dsn:
            return self._shared_chain(purpose, origin)
        files: _Folder = _Nowhere()
        store: Store = MemoryStore()
        if directory:
            folder = Path(directory) / purpose
            folder.mkdir(parents=True, exist_ok=True)
            files = _Folder(folder)
            store = SqliteStore(str(folder / "ledger.db"))
        signer = log_signer(files, _KeyMaterial(), origin, create=store.size() == 0)
        return Chain(store, Scribe(signer))

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """A recorder of snapshots or other streams without a shared order."""
        return self._keep(LedgerAggregateRecorder(self._chain(purpose), _Now(), _KeyMaterial(), gaps=True))

    def application_recorder(self) -> ApplicationRecorder:
        """A recorder of one application's events."""
        if self._dsn:
            from ledger.stores.postgres_recorder import PostgresApplicationRecorder  # noqa: PLC0415  # an extra

            return self._keep(PostgresApplicationRecorder(self._chain("application"), _Now(), _KeyMaterial()))
        return self._keep(LedgerApplicationRecorder(self._chain("application"), _Now(), _KeyMaterial()))

    def tracking_recorder(
        self, tracking_recorder_class: type[LedgerTrackingRecorder] | None = None
    ) -> LedgerTrackingRecorder:
        """A recorder of positions only."""
        if tracking_recorder_class is None:
            topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
            tracking_recorder_class = resolve_topic(topic) if topic else LedgerTrackingRecorder
        return self._keep(tracking_recorder_class(self._chain("tracking"), _Now(), _KeyMaterial()))

    def process_recorder(self) -> ProcessRecorder:
        """A recorder of events and positions in one transaction."""
        if self._dsn:
            from ledger.stores.postgres_recorder import PostgresProcessRecorder  # noqa: PLC0415  # an extra

            return self._keep(PostgresProcessRecorder(self._chain("process"), _Now(), _KeyMaterial()))
        return self._keep(LedgerProcessRecorder(self._chain("process"), _Now(), _KeyMaterial()))

    def close(self) -> None:
        """Give all files back."""
        for recorder in self._opened:
            recorder.close()
        self._opened.clear()

    def _keep(self, recorder: KeptRecorder) -> KeptRecorder:
        self._opened.append(recorder)
        return recorder
