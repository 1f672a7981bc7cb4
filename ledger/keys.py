"""Keys that lie in files: the log's signing key and the key that wraps the data keys."""

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import Misconfigured
from contracts.ports import Entropy
from ledger import note
from ledger.sealed_key import read_key, write_key

LOG_KEY_FILE: Final = "keys/log.key"
VERIFIER_KEY_FILE: Final = "keys/log.vkey"
"""The public half, for whoever verifies."""
WRAPPING_KEY_FILE: Final = "keys/wrapping.key"
_OWNER_ONLY: Final = 0o600
_SEED_BYTES: Final = 32


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

    def seed(self) -> bytes:
        """The private part, to be kept in a file of its own and nowhere else."""
        return self._key.private_bytes_raw()


def log_signer(
    files: KeyFiles, entropy: Entropy, origin: str, *, create: bool, name: str = "log", passphrase: bytes = b""
) -> FileSigner:
    """The signing key of ``origin``; with ``create`` made and kept (mode 0600) where there is none yet.

    A log that has leaves never gets a new key in silence: then ``create`` is false. ``name`` is that of the key's
    files, "log" for the main log. With a ``passphrase`` a new key is kept encrypted; a plain file is read all the same.

    Raises:
        Misconfigured: ``config.missing`` without a key or its passphrase, ``config.invalid`` for a file that holds
            none, that the passphrase does not open or that others may read, ``ledger.other_origin`` for another log's
            key.
    """
    key_file = f"keys/{name}.key"
    try:
        text = files.read(key_file).decode("utf-8", "replace")
    except FileNotFoundError:
        if not create:
            raise Misconfigured("config.missing", name=key_file) from None
        signer = FileSigner(origin, entropy.stream(f"{name}-key").bytes(_SEED_BYTES))
        keep_signer(files, entropy, signer, name=name, passphrase=passphrase)
        return signer
    check_private(files, key_file)
    held_by, seed = read_key(text, passphrase, key_file)
    if held_by != origin:
        raise Misconfigured("ledger.other_origin", f"the key signs for {held_by}, not for {origin}")
    signer = FileSigner(origin, seed)
    if f"+{note.key_id(origin, signer.public_key()).hex()}+" not in text:
        raise Misconfigured("config.invalid", "not a signing key: its id is another's", name=key_file)
    return signer


def keep_signer(files: KeyFiles, entropy: Entropy, signer: FileSigner, *, name: str, passphrase: bytes) -> None:
    """Write a key's two files durably, the private one first and for its owner alone."""
    text = write_key(signer.name, signer.seed(), passphrase, entropy.stream(f"{name}-key-file"))
    files.write_durable(f"keys/{name}.key", text.encode(), mode=_OWNER_ONLY)
    files.write_durable(f"keys/{name}.vkey", f"{note.vkey_of(signer)}\n".encode())


def check_private(files: KeyFiles, name: str) -> None:
    """Refuse a secret that others than its owner may read; ``config.invalid`` says how to mend it.

    Files without modes (in memory) are nobody else's.
    """
    mode_of = getattr(files, "mode", None)
    mode = mode_of(name) if mode_of is not None else _OWNER_ONLY
    if mode & ~_OWNER_ONLY:
        raise Misconfigured("config.invalid", f"mode {mode:04o}: others may read it; chmod 600 {name}", name=name)


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
