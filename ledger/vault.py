"""Personal data at rest: AES-256-GCM under one data key per dossier, salted commitments, destruction of keys.

A sealed item is ``nonce ‖ ciphertext``; what is sealed is ``flag ‖ salt ‖ content``, so destroying the key destroys the
salt too, and with it every way to confirm a guess against the commitment in the leaf. The associated data is
origin ‖ stream ‖ revision ‖ role: an item moved to another place does not open.

Keys are made ahead in pools and committed before use, so that a commit of the log waits for one disk only.
"""

import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from contracts.errors import HubError, IntegrityViolation
from contracts.ports import Clock, Entropy
from ledger.ids import Draws
from ledger.keystore import KeyStore, missing_keys

NONCE_BYTES: Final = 12
SALT_BYTES: Final = 32
KEY_BYTES: Final = 32
OVERHEAD_BYTES: Final = 1 + SALT_BYTES
POOL: Final = 256
_LOW: Final = 128
_RANDOM_BITS: Final = 22
_CACHED_KEYS: Final = 8_192
_PLAIN: Final = b"\x00"
_DEFLATED: Final = b"\x01"
_HUB: Final = "hub"


class DataKey:
    """One data key in use."""

    __slots__ = ("aes", "id", "raw")

    def __init__(self, key_id: int, raw: bytes) -> None:
        self.id = key_id
        self.raw = raw
        self.aes = AESGCM(raw)


class Vault:
    """Seals and opens. One per ledger; ``compress_from`` is the size in bytes from which content is deflated first."""

    def __init__(
        self, store: KeyStore, wrapping_key: bytes, clock: Clock, entropy: Entropy, *, compress_from: int
    ) -> None:
        self._store = store
        self._wrapping_key = wrapping_key
        self._clock = clock
        self._keys = Draws(entropy, "data-keys")
        self.salts = Draws(entropy, "salts")
        self.nonces = Draws(entropy, "nonces")
        self._compress_from = compress_from
        self._pool: list[DataKey] = []
        self._cache: dict[int, DataKey] = {}
        self._newest = store.newest()
        self.secret = self._hub_secret()
        self.refill()

    def _hub_secret(self) -> bytes:
        wrapped = self._store.secret(_HUB)
        if wrapped is not None:
            return self._unwrap(wrapped)
        secret = self._keys.take(KEY_BYTES)
        self._store.put_secret(_HUB, aes_key_wrap(self._wrapping_key, secret))
        return secret

    def _unwrap(self, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._wrapping_key, wrapped)
        except (InvalidUnwrap, ValueError) as error:
            raise IntegrityViolation("vault.key_missing", "the wrapping key does not open keys.db") from error

    # ── keys ────────────────────────────────────────────────────────────────────────────────────

    @property
    def runs_low(self) -> bool:
        """Whether the pool should be refilled when there is a quiet moment."""
        return len(self._pool) < _LOW

    def refill(self) -> None:
        """Make keys ahead and commit them."""
        millis = max(self._clock.now() // 1_000, (self._newest >> _RANDOM_BITS) + 1)
        fresh: dict[int, DataKey] = {}
        while len(fresh) < POOL:
            low = int.from_bytes(self._keys.take(3), "big") >> 24 - _RANDOM_BITS
            key_id = (millis << _RANDOM_BITS) | low
            if key_id not in fresh:
                fresh[key_id] = DataKey(key_id, self._keys.take(KEY_BYTES))
        ordered = sorted(fresh)
        self._store.add([(key_id, aes_key_wrap(self._wrapping_key, fresh[key_id].raw)) for key_id in ordered])
        self._newest = ordered[-1]
        self._pool = [fresh[key_id] for key_id in reversed(ordered)] + self._pool

    def take(self) -> DataKey:
        """A key nobody used before, already committed."""
        if not self._pool:
            self.refill()
        key = self._pool.pop()
        self._remember(key)
        return key

    def key(self, key_id: int) -> DataKey:
        """The key of this id. ``vault.erased`` when it was destroyed, ``vault.key_missing`` when it is lost."""
        key = self._cache.get(key_id)
        if key is None:
            wrapped = self._store.get(key_id)
            if wrapped is None:
                raise IntegrityViolation("vault.key_missing", f"key {key_id:x}")
            if not wrapped:
                raise HubError("vault.erased")
            key = DataKey(key_id, self._unwrap(wrapped))
            self._remember(key)
        return key

    def _remember(self, key: DataKey) -> None:
        cache = self._cache
        cache[key.id] = key
        if len(cache) > _CACHED_KEYS:
            del cache[next(iter(cache))]

    def destroy(self, key_id: int) -> None:
        """Make everything under this key unreadable for ever; returns when that would survive a power cut."""
        self._cache.pop(key_id, None)
        self._store.destroy(key_id)

    def check(self, used: Iterator[Sequence[int]]) -> None:
        """Refuse (``vault.key_missing``) when a key the log names is neither here nor destroyed."""
        lost = next(missing_keys(self._store, used), None)
        if lost is not None:
            raise IntegrityViolation("vault.key_missing", f"key {lost:x}")

    def close(self) -> None:
        """Forget the keys and give the store back."""
        self._pool.clear()
        self._cache.clear()
        self._store.close()

    # ── sealing ─────────────────────────────────────────────────────────────────────────────────

    def seal(self, key: DataKey, salt: bytes, content: bytes, aad: bytes) -> bytes:
        """``salt`` and ``content`` under ``key``, bound to ``aad``."""
        flag = _PLAIN
        if len(content) >= self._compress_from:
            smaller = zlib.compress(content, 1)
            if len(smaller) < len(content):
                flag, content = _DEFLATED, smaller
        nonce = self.nonces.take(NONCE_BYTES)
        return nonce + key.aes.encrypt(nonce, flag + salt + content, aad)

    def open(self, key: DataKey, sealed: bytes, aad: bytes) -> tuple[bytes, bytes]:
        """(salt, content) of a sealed item; ``ledger.corrupt`` when it was changed or moved."""
        try:
            plain = key.aes.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError) as error:
            raise IntegrityViolation("ledger.corrupt", "a sealed item does not open") from error
        salt, content = plain[1:OVERHEAD_BYTES], plain[OVERHEAD_BYTES:]
        return salt, zlib.decompress(content) if plain[:1] == _DEFLATED else content

    def blind(self, purpose: bytes, *names: bytes) -> bytes:
        """32 bytes that stand for ``names`` and tell nobody without the hub's secret what they are."""
        return hmac_digest(self.secret, purpose + b"\x00" + b"\x00".join(names), "sha256")


def glue_salt(seed: bytes, index: int) -> bytes:
    """The salt of a glue part: all glue of a message is sealed together with one seed."""
    return sha256(b"glue\x00" + seed + index.to_bytes(4, "big")).digest()


def fingerprint(key: DataKey, material: bytes) -> bytes:
    """16 bytes of HMAC-SHA256 over ``material`` under a dossier's key."""
    return hmac_digest(key.raw, b"fingerprint\x00" + material, "sha256")[:16]
