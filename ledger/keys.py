"""Keys that lie in files: the log's signing key and the key that wraps the data keys."""

import contextlib
from base64 import b64decode, b64encode
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import Misconfigured
from contracts.ports import Entropy
from ledger import note

LOG_KEY_FILE: Final = "keys/log.key"
VERIFIER_KEY_FILE: Final = "keys/log.vkey"
"""The public half, for whoever verifies."""
WRAPPING_KEY_FILE: Final = "keys/wrapping.key"
_OWNER_ONLY: Final = 0o600
_SEED_BYTES: Final = 32
_FIELDS: Final = 3
_MARK: Final = "PRIVATE+KEY+"


class KeyFiles(Protocol):
    """What keys need of ``contracts.ports.Files``."""

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """See ``Files.write_durable``."""
        ...

    def read(self, name: str) -> bytes:
        """See ``Files.read``."""
        ...


class FileSigner:
    """An Ed25519 key kept in a file of its own, in the C2SP signer form ``PRIVATE+KEY+<name>+<id>+<base64>``."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()

    @property
    def name(self) -> str:
        """The origin this key signs for."""
        return self._name

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature over ``message``, 64 bytes."""
        return self._key.sign(message)

    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self._public


def log_signer(files: KeyFiles, entropy: Entropy, origin: str, *, create: bool, name: str = "log") -> FileSigner:
    """The signing key of ``origin``; with ``create`` made and kept (mode 0600) where there is none yet.

    A log that has leaves never gets a new key in silence: then ``create`` is false. ``name`` is that of the key's
    files, "log" for the main log.

    Raises:
        Misconfigured: ``config.missing`` without a key, ``config.invalid`` for a file that holds none,
            ``ledger.other_origin`` for another log's key.
    """
    key_file, vkey_file = f"keys/{name}.key", f"keys/{name}.vkey"
    try:
        text = files.read(key_file).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        if not create:
            raise Misconfigured("config.missing", name=key_file) from None
        seed = entropy.stream(f"{name}-key").bytes(_SEED_BYTES)
        signer = FileSigner(origin, seed)
        identity = note.key_id(origin, signer.public_key()).hex()
        text = f"{_MARK}{origin}+{identity}+{b64encode(note.ED25519 + seed).decode()}\n"
        files.write_durable(key_file, text.encode(), mode=_OWNER_ONLY)
        files.write_durable(vkey_file, f"{note.vkey_of(signer)}\n".encode())
        return signer
    fields = text.removeprefix(_MARK).split("+", 2)
    raw = b""
    with contextlib.suppress(ValueError):
        raw = b64decode(fields[-1], validate=True)
    if not text.startswith(_MARK) or len(fields) != _FIELDS or len(raw) != _SEED_BYTES + 1:
        raise Misconfigured("config.invalid", "not a signing key", name=key_file)
    if fields[0] != origin:
        raise Misconfigured("ledger.other_origin", f"the key signs for {fields[0]}, not for {origin}")
    return FileSigner(origin, raw[1:])


def wrapping_key(files: KeyFiles, entropy: Entropy, *, create: bool) -> bytes:
    """The 32-byte key that wraps all data keys; with ``create`` made and kept (mode 0600) where there is none yet."""
    try:
        text = files.read(WRAPPING_KEY_FILE)
    except FileNotFoundError:
        if not create:
            raise Misconfigured("config.missing", name=WRAPPING_KEY_FILE) from None
        key = entropy.stream("wrapping-key").bytes(_SEED_BYTES)
        files.write_durable(WRAPPING_KEY_FILE, key.hex().encode("ascii") + b"\n", mode=_OWNER_ONLY)
        return key
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError as error:
        raise Misconfigured("config.invalid", "not a wrapping key", name=WRAPPING_KEY_FILE) from error
    if len(key) != _SEED_BYTES:
        raise Misconfigured("config.invalid", "not a wrapping key", name=WRAPPING_KEY_FILE)
    return key
