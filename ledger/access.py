"""What may be asked of an open ledger: the half of ``ledger.port.Ledger`` that changes nothing."""

from collections.abc import Iterable, Sequence

from contracts.errors import IntegrityViolation
from ledger.chain import Chain
from ledger.erasure import Erasure
from ledger.overlay import Overlay
from ledger.place import Placer
from ledger.port import Entry, FoundMessage, Proof
from ledger.publication import LogTree
from ledger.reader import Reader
from ledger.unit import Standing
from ledger.vault import Vault, fingerprint


class Readable:
    """Lookups, reading and proofs over one chain, placed units included where the port says so."""

    def __init__(self, chain: Chain, vault: Vault, placer: Placer) -> None:
        self._chain = chain
        self._vault = vault
        self._placer = placer
        self._overlay = Overlay(chain.store, vault)
        self._reader = Reader(chain, vault, placer, self._overlay)
        self.erasure = Erasure(chain, vault, self._reader, self._overlay)
        """What destroys the keys of erased content."""
        self._stopped: IntegrityViolation | None = None

    # ── state ───────────────────────────────────────────────────────────────────────────────────

    @property
    def committed(self) -> int:
        """See ``Ledger.committed``."""
        return self._chain.committed

    @property
    def placed(self) -> int:
        """See ``Ledger.placed``."""
        return self._placer.position

    @property
    def root_hash(self) -> bytes:
        """The RFC 6962 root of the committed tree."""
        return self._chain.root()

    @property
    def vkey(self) -> str:
        """The verifier key of the log."""
        return self._chain.scribe.key.text()

    def attest(self, statement: str) -> str:
        """See ``Scribe.attest``."""
        return self._chain.scribe.attest(statement)

    def tree(self) -> LogTree:
        """The log as it is published: committed leaves, nodes and checkpoint, nothing opened."""
        return LogTree(self._chain)

    def ailment(self) -> str:
        """Why the ledger takes nothing more, "" while it is well. For readiness."""
        return "" if self._stopped is None else self._stopped.code

    def _check(self) -> None:
        if self._stopped is not None:
            raise IntegrityViolation("ledger.unavailable", self._stopped.detail)

    # ── looking up ──────────────────────────────────────────────────────────────────────────────

    def find_message(self, party: str, source_id: str, content: bytes) -> FoundMessage | None:
        """See ``Ledger.find_message``."""
        self._check()
        return self._overlay.find_message(party, source_id, content, self._reader.whole_opening)

    def find_stream(self, code_key: str) -> bytes | None:
        """See ``Ledger.find_stream``."""
        self._check()
        return self._overlay.find_stream(code_key)

    def erased(self, stream: bytes) -> bool:
        """See ``Ledger.erased``."""
        return self.erasure.is_erased(stream)

    def expect(self, code_keys: Iterable[str]) -> None:
        """See ``Ledger.expect``."""
        self._check()
        self._overlay.expect(code_keys)

    def fingerprint(self, stream: bytes, material: bytes) -> bytes:
        """See ``Ledger.fingerprint``. ``vault.erased`` for a dossier whose key was destroyed."""
        self._check()
        return fingerprint(self._placer.key(stream), material)

    def seen(self, stream: bytes) -> dict[str, list[bytes]]:
        """See ``Ledger.seen``."""
        self._check()
        return self._overlay.seen(stream)

    def standings(self, stream: bytes) -> dict[str, Standing]:
        """See ``Ledger.standings``."""
        self._check()
        return self._overlay.standings(stream)

    def parked(self, target: str = "") -> Sequence[Standing]:
        """See ``Ledger.parked``."""
        self._check()
        return self._overlay.parked(target)

    def cursor(self, target: str) -> int:
        """See ``Ledger.cursor``."""
        self._check()
        return self._overlay.cursor(target)

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    def read_stream(self, stream: bytes, *, after_rev: int = -1) -> list[Entry]:
        """See ``Ledger.read_stream``."""
        self._check()
        return self._reader.read_stream(stream, after_rev)

    def read(self, after: int, limit: int) -> list[Entry]:
        """See ``Ledger.read``. May return fewer than ``limit`` before the end: go on from the last position."""
        self._check()
        return self._reader.read(after, limit)

    def raw_message(self, position: int) -> bytes:
        """See ``Ledger.raw_message``. KeyError when no message was accepted there."""
        self._check()
        return self._reader.raw_message(position)

    def message_parts(self, position: int) -> list[tuple[int, bytes | None]]:
        """(role, content) of every part of a message; None for what was erased."""
        self._check()
        return self._reader.message_parts(position)

    def opened(self, position: int) -> tuple[bytes, bytes] | None:
        """(salt, stored state) of a durable event, for evidence; None where its key was destroyed."""
        self._check()
        return self._reader.opened(position)

    def opened_parts(self, position: int) -> tuple[list[bytes], list[tuple[bytes, bytes] | None]]:
        """The commitments of all parts of a message, and (salt, content) of each, None for what was erased."""
        self._check()
        return self._reader.opened_parts(position)

    def named_stream_of(self, kind: str, name: str) -> bytes:
        """The stream of that name, b"" where it was never used; unlike ``named_stream`` it begins none."""
        found = (stream for known, called, stream in self._chain.store.names() if (known, called) == (kind, name))
        return next(found, b"")

    def audit(self, position: int) -> tuple[int, int]:
        """(opened, erased) items at a position; ``ledger.corrupt`` when one is not what was committed to."""
        self._check()
        return self._reader.audit(position)

    def prove(self, position: int) -> Proof:
        """See ``Ledger.prove``. KeyError when the position is not durable."""
        self._check()
        return self._reader.prove(position)

    def checkpoint(self) -> str:
        """See ``Ledger.checkpoint``. "" for an empty log."""
        self._check()
        return self._chain.note
