"""C2SP tlog-cosignature v1: a witness says *at this time, this was the largest consistent tree of this log I knew*.

A cosignature is one signature line on a checkpoint: key id, seconds since the epoch (8 bytes, big-endian), and an
Ed25519 signature over ``cosignature/v1``, ``time N`` and the note text. Key ids hash the type byte 0x04, so that a
witness line is never taken for a log's own. Source: C2SP tlog-cosignature 1.0 and signed-note 1.0.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.errors import IntegrityViolation
from contracts.ports import Signer
from ledger.note import key_id, read_vkey, vkey_text

COSIGNATURE_V1: Final = b"\x04"
DASH: Final = "\u2014 "
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_LINE_BYTES: Final = 76
_LATEST_S: Final = 1 << 53


class WitnessKey(msgspec.Struct, frozen=True):
    """A witness as its key says it: the key name and the 32 raw bytes of its Ed25519 public key."""

    name: str
    public_key: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        return key_id(self.name, self.public_key, COSIGNATURE_V1)

    def text(self) -> str:
        """The C2SP verifier key, see ``ledger.note.vkey_text``."""
        return vkey_text(self.name, self.public_key, COSIGNATURE_V1)


class Cosignature(msgspec.Struct, frozen=True):
    """A verified cosignature: whose, the time it states (seconds since the epoch), and its line without line feed."""

    key: WitnessKey
    at_s: int
    line: str


def parse_witness_key(text: str) -> WitnessKey:
    """Read a witness' verifier key; ValueError where it is not one, is of another type, or its id does not fit."""
    name, public_key = read_vkey(text, COSIGNATURE_V1)
    if not name or any(char.isspace() for char in name):
        raise ValueError("the key has no proper name")
    return WitnessKey(name, public_key)


def message(text: str, at_s: int) -> bytes:
    """The bytes a witness signs: header, time, and the whole note text with its final newline."""
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def cosign(text: str, signer: Signer, at_s: int) -> str:
    """The signature line (with line feed) of a witness under the checkpoint ``text`` at ``at_s``."""
    key = WitnessKey(signer.name, signer.public_key())
    signature = key.id + at_s.to_bytes(_TIME_BYTES, "big") + signer.sign(message(text, at_s))
    return f"{DASH}{key.name} {b64encode(signature).decode('ascii')}\n"


def split_note(signed: str) -> tuple[str, str]:
    """(text with its final newline, signature lines) of a signed note; ``testimony.invalid`` where it is not one."""
    text, blank, lines = signed.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise IntegrityViolation("testimony.invalid", "not a signed note")
    return text + "\n", lines


def find_cosignatures(text: str, lines: str, keys: Sequence[WitnessKey]) -> list[Cosignature]:
    """The cosignatures of ``keys`` among signature lines, in the order of the lines, each key once (its newest time).

    Lines of unknown keys are ignored. ``testimony.invalid`` for what is no signature line, and where the line of a
    known key does not verify.
    """
    found: dict[bytes, Cosignature] = {}
    for line in lines.split("\n")[:-1] if lines else ():
        name, space, encoded = line.removeprefix(DASH).partition(" ")
        if not line.startswith(DASH) or not space:
            raise IntegrityViolation("testimony.invalid", "not a signature line")
        cosignature = _verified(text, line, name, encoded, keys)
        if cosignature is None:
            continue
        known = found.get(cosignature.key.public_key)
        if known is None or known.at_s < cosignature.at_s:
            found[cosignature.key.public_key] = cosignature
    return list(found.values())


def _verified(text: str, line: str, name: str, encoded: str, keys: Sequence[WitnessKey]) -> Cosignature | None:
    try:
        raw = b64decode(encoded, validate=True)
    except (Base64Error, ValueError) as error:
        raise IntegrityViolation("testimony.invalid", "a signature is not base64") from error
    key = next((one for one in keys if one.name == name and one.id == raw[:_ID_BYTES]), None)
    if key is None:
        return None
    at_s = int.from_bytes(raw[_ID_BYTES : _ID_BYTES + _TIME_BYTES], "big")
    if len(raw) != _LINE_BYTES or at_s >= _LATEST_S:
        raise IntegrityViolation("testimony.invalid", f"the cosignature of {name} has the wrong form")
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(raw[_ID_BYTES + _TIME_BYTES :], message(text, at_s))
    except InvalidSignature as error:
        raise IntegrityViolation("testimony.invalid", f"the cosignature of {name} does not verify") from error
    return Cosignature(key, at_s, line)


def with_lines(signed: str, cosignatures: Iterable[Cosignature]) -> str:
    """A signed checkpoint with cosignature lines added, those it has already left out."""
    present = signed.rpartition("\n\n")[2].split("\n")
    return signed + "".join(f"{one.line}\n" for one in cosignatures if one.line not in present)
