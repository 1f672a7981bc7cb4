"""C2SP signed notes with Ed25519 keys (signature type 0x01): text, blank line, signature lines."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.errors import IntegrityViolation
from contracts.ports import Signer

ED25519: Final = b"\x01"
_DASH: Final = "\u2014 "
_KEY_BYTES: Final = 33
_FIELDS: Final = 3


def key_id(name: str, public_key: bytes, kind: bytes = ED25519) -> bytes:
    """First four bytes of SHA-256(name ‖ newline ‖ kind ‖ public key); ``kind`` is the signature type, one byte."""
    return sha256(name.encode() + b"\n" + kind + public_key).digest()[:4]


def vkey_text(name: str, public_key: bytes, kind: bytes = ED25519) -> str:
    """The C2SP verifier key ``<name>+<hex key id>+<base64 of kind and key>``."""
    return f"{name}+{key_id(name, public_key, kind).hex()}+{b64encode(kind + public_key).decode('ascii')}"


def read_vkey(text: str, kind: bytes) -> tuple[str, bytes]:
    """(name, the 32 bytes of the public key) of a verifier key.

    Raises:
        ValueError: it is none, of another type than ``kind``, or its id does not fit.
    """
    fields = text.strip().split("+", 2)
    if len(fields) != _FIELDS:
        raise ValueError("a verifier key has three fields: name+id+key")
    name, claimed, encoded = fields
    try:
        raw = b64decode(encoded, validate=True)
    except Base64Error as error:
        raise ValueError("the key is not base64") from error
    if len(raw) != _KEY_BYTES or raw[:1] != kind:
        raise ValueError(f"not an Ed25519 key of type 0x{kind.hex()}")
    if key_id(name, raw[1:], kind).hex() != claimed:
        raise ValueError("the key id does not fit the key")
    return name, raw[1:]


class VerifierKey(msgspec.Struct, frozen=True):
    """A key that may sign notes: its name and the 32 raw bytes of an Ed25519 public key."""

    name: str
    public_key: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        return key_id(self.name, self.public_key)

    def text(self) -> str:
        """See ``vkey_text``."""
        return vkey_text(self.name, self.public_key)


def parse_vkey(text: str) -> VerifierKey:
    """Read a log's verifier key; ValueError where it is not one or its id does not fit."""
    return VerifierKey(*read_vkey(text, ED25519))


def vkey_of(signer: Signer) -> str:
    """The verifier key of a signer."""
    return VerifierKey(signer.name, signer.public_key()).text()


def signature_line(text: str, signer: Signer, signer_id: bytes) -> str:
    """One signature line over ``text``; ``signer_id`` is the signer's ``key_id``."""
    return f"{_DASH}{signer.name} {b64encode(signer_id + signer.sign(text.encode())).decode()}\n"


def sign(text: str, signer: Signer, signer_id: bytes) -> str:
    """``text`` (ending in a newline) as a signed note; ``signer_id`` is the signer's ``key_id``."""
    return f"{text}\n{signature_line(text, signer, signer_id)}"


def open_note(note: str, keys: Sequence[VerifierKey]) -> str:
    """The text of a note that at least one of ``keys`` signed; ``ledger.corrupt`` otherwise.

    Lines of unknown keys are ignored; a line of a known key that does not verify spoils the whole note.
    """
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise IntegrityViolation("ledger.corrupt", "not a signed note")
    text += "\n"
    good = 0
    for line in lines.removesuffix("\n").split("\n"):
        name, space, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space:
            raise IntegrityViolation("ledger.corrupt", "not a signature line")
        good += _verifies(text, name, encoded, keys)
    if not good:
        raise IntegrityViolation("ledger.corrupt", "no known key signed this note")
    return text


def _verifies(text: str, name: str, encoded: str, keys: Sequence[VerifierKey]) -> bool:
    try:
        raw = b64decode(encoded, validate=True)
    except Base64Error as error:
        raise IntegrityViolation("ledger.corrupt", "a signature is not base64") from error
    for key in keys:
        if key.name == name and key.id == raw[:4]:
            try:
                Ed25519PublicKey.from_public_bytes(key.public_key).verify(raw[4:], text.encode())
            except InvalidSignature as error:
                raise IntegrityViolation("ledger.corrupt", f"the signature of {name} does not verify") from error
            return True
    return False
