"""C2SP tlog-proof: the inclusion of one leaf under a signed checkpoint, as text."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.errors import IntegrityViolation
from ledger import checkpoint, merkle, note

HEADER: Final = "c2sp.org/tlog-proof@v1"


class LogProof(msgspec.Struct, frozen=True):
    """What a proof text says, not yet believed."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def write(index: int, path: Sequence[bytes], signed_checkpoint: str) -> str:
    """The proof text of leaf ``index`` to ``signed_checkpoint``."""
    lines = "".join([f"{b64encode(node).decode()}\n" for node in path])
    return f"{HEADER}\nindex {index}\n{lines}\n{signed_checkpoint}"


def parse(text: str) -> LogProof:
    """Read a proof text; ``ledger.corrupt`` where it is none."""
    head, blank, signed = text.partition("\n\n")
    lines = head.split("\n")
    try:
        extra = b64decode(lines.pop(1)[6:], validate=True) if lines[1].startswith("extra ") else b""
        index = int(lines[1].removeprefix("index "))
        path = tuple(b64decode(line, validate=True) for line in lines[2:])
    except (IndexError, ValueError, Base64Error) as error:
        raise IntegrityViolation("ledger.corrupt", "not a log proof") from error
    if lines[0] != HEADER or not blank or lines[1] != f"index {index}":
        raise IntegrityViolation("ledger.corrupt", "not a log proof")
    return LogProof(index, path, signed, extra)


def verify(text: str, entry: bytes, keys: Sequence[note.VerifierKey]) -> checkpoint.Checkpoint:
    """The checkpoint under which ``entry`` is proved to stand; ``ledger.corrupt`` where it is not."""
    proof = parse(text)
    head = checkpoint.open_checkpoint(proof.checkpoint, keys)
    root = merkle.root_from_inclusion(proof.index, head.size, merkle.leaf_hash(entry), proof.path)
    if root != head.root:
        raise IntegrityViolation("ledger.corrupt", f"leaf {proof.index} is not under this checkpoint")
    return head
