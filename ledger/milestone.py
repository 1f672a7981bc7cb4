"""How far the log of this place is known to have come: its newest checkpoint, kept apart from the log itself.

A signed log must never show two histories. If ``ledger.db`` is lost or an old copy is put in its place while the
signing key is still there, a hub that simply went on would sign other leaves at positions that were signed before, and
every receipt given since would be worth nothing. So the newest checkpoint is also kept beside the key when the log
begins, at every start and at every orderly end, and a log that is shorter or another is not continued.

Whoever restores the whole directory from an old copy restores this file too: only somebody outside who keeps
checkpoints can notice that.
"""

from typing import Final, Protocol

from contracts.errors import IntegrityViolation
from ledger import checkpoint

MILESTONE_FILE: Final = "keys/log.begun"
_LOST: Final = (
    "Put the newest ledger.db and keys.db back into this directory, or their newest state back into the databases. "
    "Only if they are lost for good, begin a new log: "
    "under another ledger.origin, in an empty directory, and tell whoever holds receipts of this one."
)
_OLDER: Final = (
    "Put the newest ledger.db and keys.db back into this directory, or their newest state back into the databases. "
    "Going on from here makes the receipts given since "
    f"void; only whoever has told their holders may remove {MILESTONE_FILE} and start."
)


class Files(Protocol):
    """What a milestone needs of ``contracts.ports.Files``."""

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """See ``Files.write_durable``."""
        ...

    def read(self, name: str) -> bytes:
        """See ``Files.read``."""
        ...


class Checkpoints(Protocol):
    """What a milestone asks of ``ledger.stores.store.Store``."""

    def size(self) -> int:
        """See ``Store.size``."""
        ...

    def checkpoint_covering(self, position: int) -> tuple[int, str] | None:
        """See ``Store.checkpoint_covering``."""
        ...


class Milestone:
    """The newest known checkpoint of the log in one place."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._reached = ""

    def check(self, log: Checkpoints) -> None:
        """Make sure that the log holds what was reached before; nothing is known of a place without the file.

        Raises:
            IntegrityViolation: ``ledger.rollback`` for a log that is empty, shorter or another; ``ledger.corrupt`` for
                a file that is no checkpoint.
        """
        try:
            self._reached = self._files.read(MILESTONE_FILE).decode("utf-8", "replace")
        except FileNotFoundError:
            return
        text = _text(self._reached)
        head = checkpoint.parse(text)
        size = log.size()
        if size < head.size:
            found = f"{MILESTONE_FILE} says {head.size} events were signed, ledger.db holds {size}."
            raise IntegrityViolation("ledger.rollback", f"{found} {_OLDER if size else _LOST}")
        covering = log.checkpoint_covering(head.size)
        if covering is None or covering[0] != head.size or _text(covering[1]) != text:
            found = f"The first {head.size} events of ledger.db are not those that {MILESTONE_FILE} signs."
            raise IntegrityViolation("ledger.rollback", f"{found} {_OLDER}")

    def reach(self, signed: str) -> None:
        """Note a newer checkpoint; what it signs MUST be durable already."""
        if signed != self._reached:
            self._files.write_durable(MILESTONE_FILE, signed.encode())
            self._reached = signed


def _text(signed: str) -> str:
    """What a signed note says, without its signatures: the log's own are verified when it is opened."""
    return signed.rpartition("\n\n")[0] + "\n"
