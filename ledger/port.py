"""The ledger as the hub sees it: one door to append, the log in order, and what must be looked up to decide.

Two moments matter. *Placed*: a unit has positions and everything that decides after it sees it (its codes, message
ids, fingerprints, standings and events), but it may still be lost with the process. *Durable*: its transaction is
committed and synced; only then may anybody outside learn of it. A failed COMMIT stops the ledger, so a placed unit
that is not durable never had a reader outside the process.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from ledger.events import AnyEvent
from ledger.unit import Placed, Standing, Unit


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event of the log, opened. ``event`` is None where its content was erased."""

    position: int
    stream: bytes
    rev: int
    topic: str
    recorded_at: int
    leaf_hash: bytes
    event: AnyEvent | None


class FoundMessage(msgspec.Struct, frozen=True):
    """Where a message id was first used, and whether the content offered now is the same."""

    position: int
    same_content: bool


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt carries to be checked without the hub (interfaces: receipt).

    ``checkpoint`` is the signed note of the commit that took the message in, ``proof`` the C2SP tlog-proof text of its
    leaf to that checkpoint, ``leaf`` the exact leaf bytes, ``opening`` the salts (hex) of the message's own parts.
    """

    position: int
    leaf_hash: bytes
    leaf: bytes
    checkpoint: str
    proof: str
    opening: dict[str, str]


class Ledger(Protocol):
    """One ledger. All methods are called on the hub's loop; none starts a thread."""

    @property
    def committed(self) -> int:
        """The newest durable position; 0 = empty."""
        ...

    @property
    def placed(self) -> int:
        """The newest placed position (≥ ``committed``)."""
        ...

    def new_stream(self) -> bytes:
        """A fresh 16-byte stream id (UUIDv7 from Clock and Entropy). Its data key exists before first use."""
        ...

    def named_stream(self, kind: str, name: str) -> bytes:
        """The stream of a party ("party"), a target ("target") or governance ("governance"); created on first use."""
        ...

    def submit(self, unit: Unit, *, unhurried: bool = False) -> Placed:
        """Place a unit and schedule its commit with everything else that gathers meanwhile.

        ``unhurried``: nobody waits for this unit; it goes with the next one that somebody waits for, or alone after a
        few milliseconds.

        MUST assign dense positions, ``rev`` and ``prev`` at once, so that a later unit of the same loop step can refer
        to them. Raises ``Overloaded`` when the bounded queue is full (nothing is placed), ``IntegrityViolation`` after
        a failed COMMIT.
        """
        ...

    async def durable(self, position: int) -> None:
        """Return once ``position`` would survive a power cut; raises ``IntegrityViolation`` if it never will."""
        ...

    def next_position(self) -> int:
        """The position the first event of the next submitted unit will get."""
        ...

    def find_message(self, party: str, source_id: str, content: bytes) -> FoundMessage | None:
        """Whether this party used this message id before (placed or durable), for ever.

        Raises:
            MessageRefused: ``intake.erased`` when a part of that message was erased: nobody can say any more whether
                this is the same content.
        """
        ...

    def find_stream(self, code_key: str) -> bytes | None:
        """The dossier stream a code key was linked to (placed or durable)."""
        ...

    def erased(self, stream: bytes) -> bool:
        """Whether a dossier's content was erased: no code leads to it, and nothing of it can be opened."""
        ...

    def expect(self, code_keys: Iterable[str]) -> None:
        """These codes will be asked for next: look them up at once. Answers stay true whatever is placed meanwhile."""
        ...

    def fingerprint(self, stream: bytes, material: bytes) -> bytes:
        """16 bytes of a MAC over ``material`` under the dossier's key."""
        ...

    def seen(self, stream: bytes) -> dict[str, list[bytes]]:
        """Fingerprints accepted for a dossier by lane, in acceptance order (placed ones included)."""
        ...

    def standings(self, stream: bytes) -> dict[str, Standing]:
        """What is known at each target for a dossier (placed included)."""
        ...

    def parked(self, target: str = "") -> Sequence[Standing]:
        """Deliveries that wait parked, for one target or all."""
        ...

    def cursor(self, target: str) -> int:
        """Outcomes to this target are complete through this position; 0 at first."""
        ...

    def read_stream(self, stream: bytes, *, after_rev: int = -1) -> list[Entry]:
        """A stream's events in order (placed included). Opens sealed content: for the hub's own folding."""
        ...

    def read(self, after: int, limit: int) -> list[Entry]:
        """Durable events with position > ``after``, at most ``limit``, in order, opened."""
        ...

    async def wait_beyond(self, position: int, timeout_s: float) -> int:
        """Return the committed position once it exceeds ``position``, or after ``timeout_s`` whatever it is."""
        ...

    def raw_message(self, position: int) -> bytes:
        """The exact bytes of the message accepted at ``position``. ``vault.erased`` when a part was erased."""
        ...

    def prove(self, position: int) -> Proof:
        """The receipt's proof for a durable message position; the same answer for ever."""
        ...

    def checkpoint(self) -> str:
        """The newest committed checkpoint (signed note)."""
        ...

    def close(self) -> None:
        """Commit what is placed, then close the files."""
        ...
