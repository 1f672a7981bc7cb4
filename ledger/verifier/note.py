"""C2SP signed notes and checkpoints, Ed25519 keys."""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = 1
_CHECKPOINT_LINES = 3
_HASH_BYTES = 32


class Untrusted(Exception):
    """What was read can not be believed; the text says why."""


def _key(text: str) -> tuple[str, bytes, bytes]:
    """(name, key id, public key) of a verifier key."""
    name, key_id, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    wanted = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[0] != _ED25519 or len(raw) != 1 + _HASH_BYTES or wanted.hex() != key_id:
        raise Untrusted(f"not an Ed25519 verifier key: {text}")
    return name, wanted, raw[1:]


def read_note(note: str, vkeys: Sequence[str]) -> str:
    """The text of a note signed by one of ``vkeys``."""
    cut = note.rfind("\n\n")
    if cut < 0:
        raise Untrusted("there is no signature")
    text, lines = note[: cut + 1], note[cut + 2 :].splitlines()
    keys = [_key(vkey) for vkey in vkeys]
    trusted = False
    for line in lines:
        dash, name, encoded = (*line.split(" ", 2), "", "")[:3]
        if dash != "\u2014":
            raise Untrusted("a line below the text is not a signature")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise Untrusted("a signature is not base64") from error
        for key_name, key_id, public in keys:
            if key_name == name and key_id == raw[:4]:
                try:
                    Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
                except InvalidSignature as error:
                    raise Untrusted(f"the signature of {name} is wrong") from error
                trusted = True
    if not trusted:
        raise Untrusted("no trusted key signed this")
    return text


def read_checkpoint(note: str, vkeys: Sequence[str]) -> tuple[str, int, bytes]:
    """(origin, size, root) of a signed checkpoint."""
    lines = read_note(note, vkeys).splitlines()
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as error:
        raise Untrusted("this is not a checkpoint") from error
    if len(lines) < _CHECKPOINT_LINES or len(root) != _HASH_BYTES or str(size) != lines[1]:
        raise Untrusted("this is not a checkpoint")
    return origin, size, root
