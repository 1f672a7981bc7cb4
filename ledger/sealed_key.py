"""A signing key at rest: in the C2SP signer form, plain or encrypted with a passphrase.

Plain: ``PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>``. Encrypted: ``ENCRYPTED+KEY+<name>+<key id>+<base64>``,
where the bytes are salt (16), nonce (12) and AES-256-GCM of type and seed; the key is scrypt of the passphrase
(RFC 7914, N = 2^15, r = 8, p = 1: 32 MiB and about a tenth of a second), and everything before the last ``+`` is
authenticated, so that no ciphertext can be put under another name.
"""

from base64 import b64decode, b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from contracts.errors import Misconfigured
from contracts.ports import Entropy
from ledger import note

_PLAIN: Final = "PRIVATE+KEY+"
_SEALED: Final = "ENCRYPTED+KEY+"
_SEED_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_FIELDS: Final = 3
_COST: Final = 2**15


def write_key(origin: str, seed: bytes, passphrase: bytes, entropy: Entropy) -> str:
    """The text of a key file; encrypted where there is a passphrase."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    name = f"{origin}+{note.key_id(origin, public).hex()}"
    if not passphrase:
        return f"{_PLAIN}{name}+{b64encode(note.ED25519 + seed).decode()}\n"
    salt, nonce = entropy.bytes(_SALT_BYTES), entropy.bytes(_NONCE_BYTES)
    head = f"{_SEALED}{name}"
    sealed = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, note.ED25519 + seed, head.encode())
    return f"{head}+{b64encode(salt + nonce + sealed).decode()}\n"


def read_key(text: str, passphrase: bytes, file: str) -> tuple[str, bytes]:
    """(name, seed) of a key file; ``file`` is named in errors, neither key nor passphrase ever is.

    Raises:
        Misconfigured: ``config.invalid`` for what is no key or does not open, ``config.missing`` for an encrypted key
            without a passphrase.
    """
    mark = _SEALED if text.startswith(_SEALED) else _PLAIN
    fields = text.strip().removeprefix(mark).split("+", 2)
    if not text.startswith(mark) or len(fields) != _FIELDS:
        raise Misconfigured("config.invalid", "not a signing key", name=file)
    try:
        raw = b64decode(fields[2], validate=True)
    except ValueError as error:
        raise Misconfigured("config.invalid", "not a signing key: cut off or damaged", name=file) from error
    if mark == _SEALED:
        raw = _opened(raw, f"{mark}{fields[0]}+{fields[1]}", passphrase, file)
    if len(raw) != _SEED_BYTES + 1 or raw[:1] != note.ED25519:
        raise Misconfigured("config.invalid", "not a signing key", name=file)
    return fields[0], raw[1:]


def _opened(raw: bytes, head: str, passphrase: bytes, file: str) -> bytes:
    if not passphrase:
        raise Misconfigured("config.missing", f"{file} is encrypted", name="ledger.key_passphrase_file")
    if len(raw) != _SALT_BYTES + _NONCE_BYTES + 1 + _SEED_BYTES + _TAG_BYTES:
        raise Misconfigured("config.invalid", "not a signing key: cut off or damaged", name=file)
    salt, nonce = raw[:_SALT_BYTES], raw[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES]
    try:
        return AESGCM(_stretched(passphrase, salt)).decrypt(nonce, raw[_SALT_BYTES + _NONCE_BYTES :], head.encode())
    except InvalidTag:
        raise Misconfigured("config.invalid", "the passphrase does not open the signing key", name=file) from None


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase)
