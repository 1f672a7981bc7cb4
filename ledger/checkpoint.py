"""C2SP tlog-checkpoint: origin, size and root of the tree as the text of a signed note."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.errors import IntegrityViolation
from contracts.ports import Signer
from ledger import note

_LINES: Final = 3
_HASH_BYTES: Final = 32


class Checkpoint(msgspec.Struct, frozen=True):
    """A tree head: ``root`` is the RFC 6962 root over the first ``size`` leaves of the log ``origin``."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


class Scribe:
    """Signs the checkpoints of one log: with one key, or while keys change with several, the oldest first."""

    def __init__(self, first: Signer, *others: Signer) -> None:
        self._signers = tuple((one, note.key_id(one.name, one.public_key())) for one in (first, *others))
        self.origin = first.name
        self.key = note.VerifierKey(first.name, first.public_key())
        """The oldest of the keys: it speaks for the log where one signature is asked for."""
        self.keys = tuple(note.VerifierKey(one.name, one.public_key()) for one in (first, *others))

    def sign(self, size: int, root: bytes) -> str:
        """The signed note of a tree head, with a line of every key."""
        text = Checkpoint(self.origin, size, root).text()
        signer, signer_id = self._signers[0]
        signed = note.sign(text, signer, signer_id)
        for signer, signer_id in self._signers[1:]:
            signed += note.signature_line(text, signer, signer_id)
        return signed

    def attest(self, statement: str) -> str:
        """The oldest key's plain signature over a statement that is no checkpoint, base64."""
        return b64encode(self._signers[0][0].sign(statement.encode())).decode("ascii")


def parse(text: str) -> Checkpoint:
    """Read the note text; ``ledger.corrupt`` where it is not exactly a checkpoint."""
    lines = text.removesuffix("\n").split("\n")
    try:
        origin, size, root = lines[0], int(lines[1]), b64decode(lines[2], validate=True)
    except (IndexError, ValueError, Base64Error) as error:
        raise IntegrityViolation("ledger.corrupt", "not a checkpoint") from error
    found = Checkpoint(origin, size, root)
    if len(lines) != _LINES or len(root) != _HASH_BYTES or found.text() != text:
        raise IntegrityViolation("ledger.corrupt", "not a canonical checkpoint")
    return found


def open_checkpoint(signed: str, keys: Sequence[note.VerifierKey]) -> Checkpoint:
    """Verify a signed checkpoint against known keys and read it."""
    return parse(note.open_note(signed, keys))
