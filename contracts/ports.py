"""The Protocols between packages, each with the moment its promise becomes true.

MUST, MUST NOT and MAY are meant as in RFC 2119. ``hub/wiring.py`` is the only place that chooses drivers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from contracts.delivery import Outcome, Rendering, Reply, Request, Standing, Unrenderable
from contracts.envelope import Envelope
from contracts.errors import FieldError
from contracts.facts import State
from contracts.picture import Due, Picture
from contracts.reading import Note, Reading

# ── the world ────────────────────────────────────────────────────────────────────────────────────


class Clock(Protocol):
    """Time of day. Durations and timers come from the running loop only."""

    def now(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z. MAY step; the ledger records and guards steps."""
        ...


class Entropy(Protocol):
    """Randomness. One named stream per purpose, so that a new draw in one does not move the others."""

    def stream(self, purpose: str) -> "Entropy":
        """The stream for one purpose ("ids", "salts", "jitter", …)."""
        ...

    def bytes(self, n: int) -> bytes:
        """``n`` bytes; MUST be fit for keys in production."""
        ...

    def random(self) -> float:
        """A float in [0, 1), for jitter only."""
        ...


class Files(Protocol):
    """Files other than databases: keys, tiles, bundles, spool. Names are relative, with ``/`` between parts."""

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace ``name``; on return it MUST survive a power cut (temp, fsync, rename, fsync of the directory)."""
        ...

    def append_durable(self, name: str, content: bytes) -> None:
        """Append to ``name``; on return it MUST survive a power cut."""
        ...

    def read(self, name: str) -> bytes:
        """The whole content; FileNotFoundError when there is none."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Names under ``prefix``, sorted."""
        ...

    def delete(self, name: str) -> None:
        """Remove ``name`` durably; absent is fine."""
        ...

    def lock(self, name: str) -> "Lock":
        """Take an exclusive lock for the life of the process; Misconfigured ``ledger.locked`` when another holds it."""
        ...


class Lock(Protocol):
    """An exclusive lock on a file."""

    def release(self) -> None:
        """Give it back; a dead process gives it back by dying."""
        ...


class Signer(Protocol):
    """One signing key. The private part MAY live elsewhere (file, token)."""

    @property
    def name(self) -> str:
        """C2SP key name: the log's origin."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature over ``message``, 64 bytes."""
        ...

    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""
        ...


# ── messages in ──────────────────────────────────────────────────────────────────────────────────


class RecordOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one record. ``state``: applied · unchanged · echo · duplicate · questioned · parked · refused.

    Without a new event, ``position`` and ``leaf_hash`` are those of the event that already says it, else None.
    """

    index: int
    code: str
    state: str
    position: int | None = None
    leaf_hash: str | None = None
    errors: tuple[FieldError, ...] = ()
    warnings: tuple[Note, ...] = ()


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The fate of one message, durable when the caller holds it. ``position`` None when every record was refused."""

    message_id: str
    position: int
    accepted_at: int
    duplicate: bool
    records: tuple[RecordOutcome, ...]
    warnings: tuple[Note, ...] = ()


class Admit(Protocol):
    """The one door for messages."""

    async def __call__(self, envelope: Envelope) -> Admitted:
        """Take one message.

        MUST NOT return before what it says would survive a power cut. A whole message refused (unreadable envelope,
        conflict) raises ``MessageRefused`` after the refusal is durable; ``Overloaded`` keeps nothing.
        """
        ...


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling, as the credential proves it. ``role``: party · auditor · operator · admin."""

    party: str
    role: str
    adapter: str = ""
    agencies: tuple[str, ...] = ()


class Gate(Protocol):
    """What a served endpoint may do: authenticate, admit, and read what concerns its caller."""

    @property
    def admit(self) -> Admit:
        """The door for messages."""
        ...

    def now(self) -> int:
        """The hub's clock, microseconds UTC."""
        ...

    def by_bearer(self, token: str) -> Principal | None:
        """The holder of a bearer token, or None."""
        ...

    def by_path(self, secret: str) -> Principal | None:
        """The party whose secret path segment this is (``/p/<secret>/…``), or None."""
        ...

    def login(self, username: str, password: str) -> str | None:
        """A new legacy session (mapi) for these credentials, or None. Sessions live at least 30 minutes."""
        ...

    def by_session(self, session: str) -> Principal | None:
        """The holder of a live session, or None."""
        ...

    async def find_dossier(self, principal: Principal, code: str) -> Picture | None:
        """The dossier as it stands, if it concerns the caller."""
        ...

    def catalogue(self, name: str) -> Sequence[Mapping[str, Any]]:
        """A served catalogue: ``procedures``, ``agencies``, ``fields``; each row with the wire's own names."""
        ...


# ── adapters ─────────────────────────────────────────────────────────────────────────────────────


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """How one party of a format differs from the others: data of the configuration, part of the mapping's hash.

    ``date_zone`` is assumed where a text states no offset. ``statuses`` overrides the adapter's status table.
    ``options`` are the adapter's own switches, documented in its README.
    """

    date_zone: str = "Asia/Ho_Chi_Minh"
    statuses: Mapping[str, State] = {}  # msgspec copies mutable defaults
    options: Mapping[str, str] = {}


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a remote party listens and how to log in. ``secret`` is never logged."""

    base_url: str
    username: str = ""
    secret: str = ""
    agency: str = ""
    timeout_s: float = 30.0


class Transport(Protocol):
    """Makes one exchange. One conformance suite, run by every driver."""

    async def exchange(self, request: Request) -> Reply:
        """Send and wait for the reply.

        MUST raise ``TargetUnavailable`` with code ``target.unavailable`` when the request surely did not reach the
        target (no connection) and ``target.unknown`` when it may have (cut or timeout after sending).
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class Fetch(Protocol):
    """Asks something outside that is no party: a witness, a timestamping authority. One suite, run by every driver."""

    async def __call__(self, request: Request) -> Reply:
        """Ask once; redirects are not followed, nothing is sent again.

        The reply is whole and no larger than the driver's limit, whatever its status. MUST raise ``TargetUnavailable``
        (``target.unavailable`` or ``target.unknown``) for everything else, within the request's ``timeout_s``.
        """
        ...

    async def close(self) -> None:
        """Release connections; later calls are ``target.unavailable``."""
        ...


class Remote(Protocol):
    """One connected party as a target. Holds its session; one request at a time per instance."""

    async def send(self, batch: Sequence[Rendering]) -> Outcome:
        """Send one homogeneous batch (equal ``lane``); the outcome is of the whole batch. Never raises HubError."""
        ...

    async def ask(self, code: str) -> Standing:
        """Ask what the target holds for one dossier. MAY raise ``TargetUnavailable``."""
        ...

    async def close(self) -> None:
        """Log out where the format has it."""
        ...


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """One message fetched from a pull source; ``handle`` is what its acknowledgement needs."""

    envelope: Envelope
    handle: str


class Source(Protocol):
    """A party that is asked for messages and told when they are safe."""

    async def poll(self) -> Sequence[Pulled]:
        """What waits at the party now, oldest first. MAY raise ``TargetUnavailable``."""
        ...

    async def acknowledge(self, handle: str) -> None:
        """Tell the party. MUST be called only after the message is durable; calling twice is harmless."""
        ...


class Adapter(Protocol):
    """One party format. ``read``, ``project`` and ``write`` are pure: no I/O, no clock, no randomness."""

    name: str
    edition: str
    types: tuple[str, ...]
    """Message types it reads, ``<standard>/<name>``."""
    batch_limit: int
    """Most records one request may carry (1 where the format has no arrays)."""

    def for_profile(self, profile: Profile) -> "Adapter":
        """The adapter as agreed with one party: the profile MAY change ``batch_limit``. Itself where it does not."""
        ...

    def mapping_hash(self) -> str:
        """SHA-256 (hex) over the mapping: code version and tables. Stored with every delivery."""
        ...

    def recognise(self, body: bytes, content_type: str) -> str:
        """The message type this body looks like, "" if none of mine."""
        ...

    def read(self, envelope: Envelope, profile: Profile) -> Reading:
        """Understand one message. Raises ``MessageRefused`` only when the whole message is unreadable."""
        ...

    def project(self, picture: Picture, profile: Profile) -> Mapping[str, Any]:
        """The part of a picture this format can carry in a record, as comparable values by canonical name.

        Two pictures with equal projections are the same record to this party. MUST be cheap.
        """
        ...

    def carries_rows(self) -> bool:
        """Whether the format carries rows of progress beside the record."""
        ...

    def write(self, due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
        """Render what is due, in sending order (record before rows). Empty when the format has nothing to say."""
        ...

    def remote(self, address: Address, transport: Transport, profile: Profile) -> Remote:
        """A client of one remote party."""
        ...

    def source(self, address: Address, transport: Transport, party: str, now: Callable[[], int]) -> Source | None:
        """The pull side, None where the format pushes."""
        ...
