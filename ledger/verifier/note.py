"""C2SP signed notes, checkpoints and cosignatures, read strictly; Ed25519 keys."""

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = 1
COSIGNATURE = 4
_HASH_BYTES = 32
_STAMPED_BYTES = 76
_CHECKPOINT_LINES = 3
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class Untrusted(Exception):
    """What was read can not be believed; the text says why, ``code`` by which rule."""

    def __init__(self, detail: str, code: str = "NOTE_FORMAT") -> None:
        super().__init__(detail)
        self.code = code


class Key(NamedTuple):
    """A C2SP verifier key: its name, the four bytes that name it in a signature, its type and its 32 public bytes."""

    name: str
    id: bytes
    kind: int
    public: bytes
    text: str


class Signature(NamedTuple):
    """One signature line: key name, key id, and what follows the id."""

    name: str
    id: bytes
    content: bytes


class Checkpoint(NamedTuple):
    """A checkpoint: whose, how many entries, their root; the text that is signed, and the signature lines under it."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[Signature, ...]


def read_key(text: str) -> Key:
    """A verifier key of type Ed25519 or Ed25519 cosignature."""
    fields = text.strip().split("+", 2)
    try:
        name, key_id, encoded = fields
        raw = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise Untrusted(f"not a verifier key: {text}") from error
    wanted = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or len(raw) != 1 + _HASH_BYTES or raw[0] not in {ED25519, COSIGNATURE} or wanted.hex() != key_id:
        raise Untrusted(f"not an Ed25519 verifier key: {text}")
    return Key(name, wanted, raw[0], raw[1:], text.strip())


def read_signatures(lines: str) -> tuple[Signature, ...]:
    """The signature lines of a note, each with its line feed."""
    if not lines or not lines.endswith("\n"):
        raise Untrusted("a note ends with a signature line and a line feed")
    found = []
    for line in lines[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise Untrusted("a line below the text is not a signature")
        try:
            raw = base64.b64decode(match[2], validate=True)
        except ValueError as error:
            raise Untrusted("a signature is not base64") from error
        if len(raw) <= 4 or base64.b64encode(raw).decode() != match[2]:  # noqa: PLR2004  # the key id alone
            raise Untrusted("a signature is not base64 in its one form")
        found.append(Signature(match[1], raw[:4], raw[4:]))
    return tuple(found)


def split_note(note: str) -> tuple[str, tuple[Signature, ...]]:
    """(text with its last line feed, signatures) of a note."""
    if _CONTROL.search(note):
        raise Untrusted("a control character")
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not text:
        raise Untrusted("there is no signature")
    return text + "\n", read_signatures(lines)


def parse_checkpoint(note: str) -> Checkpoint:
    """A checkpoint whose signatures nobody looked at yet."""
    text, signatures = split_note(note)
    lines = text[:-1].split("\n")
    if len(lines) < _CHECKPOINT_LINES or not all(lines):
        raise Untrusted("a checkpoint has an origin, a size and a root, one a line, and no empty line")
    if not _SIZE.fullmatch(lines[1]):
        raise Untrusted(f"the size is not written as a number: {lines[1]!r}")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except ValueError as error:
        raise Untrusted("the root is not base64") from error
    if len(root) != _HASH_BYTES or base64.b64encode(root).decode() != lines[2]:
        raise Untrusted("the root is not a SHA-256 hash in base64")
    return Checkpoint(lines[0], int(lines[1]), root, text, signatures)


def _believes(key: Key, signature: Signature, text: str) -> bool:
    if key.kind == ED25519:
        signed, content = text.encode(), signature.content
    else:
        if len(signature.content) != _STAMPED_BYTES - 4:
            return False
        at_s = int.from_bytes(signature.content[:8], "big")
        signed, content = f"cosignature/v1\ntime {at_s}\n{text}".encode(), signature.content[8:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(content, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed_by(text: str, signatures: Sequence[Signature], keys: Sequence[Key], code: str) -> list[tuple[Key, int]]:
    """The keys that signed, each once, with the time (s) a cosignature states (else 0); unknown lines are ignored.

    Raises:
        Untrusted: by ``code`` where the line of a known key does not verify, beside whatever valid ones.
    """
    found: dict[bytes, tuple[Key, int]] = {}
    for signature in signatures:
        for key in keys:
            if key.name != signature.name or key.id != signature.id:
                continue
            if not _believes(key, signature, text):
                raise Untrusted(f"the signature of {key.name} is wrong", code)
            at_s = int.from_bytes(signature.content[:8], "big") if key.kind == COSIGNATURE else 0
            if key.public not in found or found[key.public][1] < at_s:
                found[key.public] = (key, at_s)
    return list(found.values())


def read_note(note: str, vkeys: Sequence[str]) -> str:
    """The text of a note signed by one of ``vkeys``."""
    text, signatures = split_note(note)
    if not signed_by(text, signatures, [read_key(vkey) for vkey in vkeys], "NOTE_SIGNATURE"):
        raise Untrusted("no trusted key signed this", "NOTE_SIGNATURE")
    return text


def read_checkpoint(note: str, vkeys: Sequence[str]) -> tuple[str, int, bytes]:
    """(origin, size, root) of a signed checkpoint, which must be that of the key that signed it."""
    found = parse_checkpoint(note)
    signers = signed_by(found.text, found.signatures, [read_key(vkey) for vkey in vkeys], "NOTE_SIGNATURE")
    if not signers:
        raise Untrusted("no trusted key signed this", "NOTE_SIGNATURE")
    if found.origin not in [key.name for key, _ in signers]:
        raise Untrusted(f"{found.origin} is not the log of the key that signed", "ORIGIN")
    return found.origin, found.size, found.root
