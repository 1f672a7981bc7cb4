"""Personal data at rest: AES-256-GCM under one data key per dossier, salted commitments, destruction of keys.

A sealed item is ``nonce ‖ ciphertext``; what is sealed is ``flag ‖ salt ‖ content``, so destroying the key destroys the
salt too, and with it every way to confirm a guess against the commitment in the leaf. The associated data is
origin ‖ stream ‖ revision ‖ role: an item moved to another place does not open.

Keys are made ahead in pools and committed before use, so that a commit of the log waits for one disk only.
"""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b, sha256
from hmac import digest as hmac_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.errors import HubError, IntegrityViolation
from contracts.ports import Clock, Entropy
from ledger.ids import Draws
from ledger.keystore import SLOT_BITS, SLOTS, KeyStore, missing_blocks

NONCE_BYTES: Final = 12
SALT_BYTES: Final = 32
KEY_BYTES: Final = 32
OVERHEAD_BYTES: Final = 1 + SALT_BYTES
_DRAW: Final = SALT_BYTES + NONCE_BYTES
_BLOCKS_AHEAD: Final = 32
_LOW: Final = 4 * SLOTS
_RANDOM_BITS: Final = 16
_CACHED_KEYS: Final = 32_768
_WARM_CIPHERS: Final = 512
"""Keys whose cipher is kept ready; one takes 2.5 kB, a key alone a tenth of that."""
_ERASED: Final = bytes(KEY_BYTES)
_PLAIN: Final = b"\x00"
_DEFLATED: Final = b"\x01"
_HUB: Final = "hub"


class DataKey:
    """One data key in use."""

    __slots__ = ("cipher", "id", "raw")

    def __init__(self, key_id: int, raw: bytes) -> None:
        self.id = key_id
        self.raw = raw
        self.cipher: AESGCM | None = None


class Vault:
    """Seals and opens. One per ledger; ``compress_from`` is the size in bytes from which content is deflated first."""

    def __init__(
        self, store: KeyStore, wrapping_key: bytes, clock: Clock, entropy: Entropy, *, compress_from: int
    ) -> None:
        self._store = store
        self._wrapping = AESGCM(wrapping_key)
        self._clock = clock
        self._keys = Draws(entropy, "data-keys")
        self.draws = Draws(entropy, "salts")
        self._compress_from = compress_from
        self._pool: list[tuple[int, bytes]] = []
        self._cache: dict[int, DataKey] = {}
        self._warm: deque[DataKey] = deque()
        self._newest = store.newest()
        self.secret = self._hub_secret()
        self.refill()

    def _hub_secret(self) -> bytes:
        wrapped = self._store.secret(_HUB)
        if wrapped is not None:
            return self._unwrap(wrapped, _HUB.encode())
        secret = self._keys.take(KEY_BYTES)
        self._store.put_secret(_HUB, self._wrap(secret, _HUB.encode()))
        return secret

    def _wrap(self, keys: bytes, name: bytes) -> bytes:
        nonce = self._keys.take(NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, keys, name)

    def _unwrap(self, wrapped: bytes, name: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], name)
        except (InvalidTag, ValueError) as error:
            raise IntegrityViolation("vault.key_missing", "the wrapping key does not open keys.db") from error

    # ── keys ────────────────────────────────────────────────────────────────────────────────────

    @property
    def runs_low(self) -> bool:
        """Whether the pool should be refilled when there is a quiet moment."""
        return len(self._pool) < _LOW

    def refill(self) -> None:
        """Make keys ahead and commit them."""
        rows: list[tuple[int, bytes]] = []
        fresh: list[tuple[int, bytes]] = []
        for _ in range(_BLOCKS_AHEAD):
            millis = max(self._clock.now() // 1_000, (self._newest >> _RANDOM_BITS) + 1)
            block = (millis << _RANDOM_BITS) | int.from_bytes(self._keys.take(_RANDOM_BITS // 8), "big")
            keys = self._keys.take(KEY_BYTES * SLOTS)
            rows.append((block, self._wrap(keys, _block_name(block))))
            first = block << SLOT_BITS
            fresh.extend((first + slot, keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]) for slot in range(SLOTS))
            self._newest = block
        self._store.add(rows)
        fresh.reverse()
        self._pool[:0] = fresh

    def take(self, *, keep: bool = True) -> DataKey:
        """A key nobody used before, already committed; not to be ``keep``-t in memory where it seals but once."""
        if not self._pool:
            self.refill()
        key = DataKey(*self._pool.pop())
        if keep:
            self._remember(key)
        return key

    def key(self, key_id: int) -> DataKey:
        """The key of this id. ``vault.erased`` when it was destroyed, ``vault.key_missing`` when it is lost."""
        key = self._cache.get(key_id)
        if key is None:
            raw = self._slot(self._block(key_id), key_id)
            if raw == _ERASED:
                raise HubError("vault.erased")
            key = DataKey(key_id, raw)
            self._remember(key)
        return key

    def _block(self, key_id: int) -> bytes:
        block = key_id >> SLOT_BITS
        wrapped = self._store.get(block)
        if wrapped is None:
            raise IntegrityViolation("vault.key_missing", f"key {key_id:x}")
        return self._unwrap(wrapped, _block_name(block))

    @staticmethod
    def _slot(keys: bytes, key_id: int) -> bytes:
        at = (key_id & SLOTS - 1) * KEY_BYTES
        return keys[at : at + KEY_BYTES]

    def _remember(self, key: DataKey) -> None:
        cache = self._cache
        cache[key.id] = key
        if len(cache) > _CACHED_KEYS:
            del cache[next(iter(cache))]

    def destroy(self, key_id: int) -> None:
        """Make everything under this key unreadable for ever; returns when that would survive a power cut."""
        self.destroy_all((key_id,))

    def destroy_all(self, key_ids: Iterable[int]) -> int:
        """As ``destroy``, for many keys in one go; how many of them still existed."""
        blocks: dict[int, bytes] = {}
        destroyed = 0
        for key_id in key_ids:
            self._cache.pop(key_id, None)
            block = key_id >> SLOT_BITS
            keys = blocks.get(block) or self._block(key_id)
            if self._slot(keys, key_id) != _ERASED:
                at = (key_id & SLOTS - 1) * KEY_BYTES
                blocks[block] = keys[:at] + _ERASED + keys[at + KEY_BYTES :]
                destroyed += 1
        self._warm.clear()
        if blocks:
            self._store.replace_all([(block, self._wrap(keys, _block_name(block))) for block, keys in blocks.items()])
        return destroyed

    def alive(self, key_ids: Iterable[int]) -> bool:
        """Whether any of these keys still exists."""
        return any(self._slot(self._block(key_id), key_id) != _ERASED for key_id in key_ids)

    def scrub(self) -> None:
        """Make sure that no destroyed key lies beside the table of keys, after a crash on the way."""
        self._store.scrub()

    def check(self, used: Iterator[Sequence[int]]) -> None:
        """Refuse (``vault.key_missing``) when a block of keys that the log names is not here."""
        lost = next(missing_blocks(self._store, used), None)
        if lost is not None:
            raise IntegrityViolation("vault.key_missing", f"block {lost:x}")

    def close(self) -> None:
        """Forget the keys and give the store back."""
        self._pool.clear()
        self._cache.clear()
        self._warm.clear()
        self._store.close()

    # ── sealing ─────────────────────────────────────────────────────────────────────────────────

    def _cipher(self, key: DataKey) -> AESGCM:
        """The key's cipher, made when first needed and let go when many others were needed since."""
        cipher = key.cipher
        if cipher is None:
            cipher = key.cipher = AESGCM(key.raw)
            self._warm.append(key)
            if len(self._warm) > _WARM_CIPHERS:
                self._warm.popleft().cipher = None
        return cipher

    def seal(self, key: DataKey, content: bytes, aad: bytes) -> tuple[bytes, bytes]:
        """(fresh salt, ``content`` and the salt under ``key``, bound to ``aad``)."""
        draw = self.draws.take(_DRAW)
        salt, nonce = draw[:SALT_BYTES], draw[SALT_BYTES:]
        if len(content) >= self._compress_from:
            smaller = zlib.compress(content, 1)
            if len(smaller) < len(content):
                return salt, nonce + self._cipher(key).encrypt(nonce, b"".join((_DEFLATED, salt, smaller)), aad)
        return salt, nonce + self._cipher(key).encrypt(nonce, b"".join((_PLAIN, salt, content)), aad)

    def open(self, key: DataKey, sealed: bytes, aad: bytes) -> tuple[bytes, bytes]:
        """(salt, content) of a sealed item; ``ledger.corrupt`` when it was changed or moved."""
        try:
            plain = self._cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError) as error:
            raise IntegrityViolation("ledger.corrupt", "a sealed item does not open") from error
        salt, content = plain[1:OVERHEAD_BYTES], plain[OVERHEAD_BYTES:]
        return salt, zlib.decompress(content) if plain[:1] == _DEFLATED else content

    def blind(self, purpose: bytes, *names: bytes) -> bytes:
        """32 bytes that stand for ``names`` and tell nobody without the hub's secret what they are."""
        return hmac_digest(self.secret, purpose + b"\x00" + b"\x00".join(names), "sha256")

    def hide(self, purpose: bytes, name: bytes, size: int) -> bytes:
        """``size`` bytes that stand for ``name`` in our own tables; keyed BLAKE2b (RFC 7693), as ``fingerprint``."""
        return blake2b(name, digest_size=size, key=self.secret, person=purpose).digest()


def glue_salt(seed: bytes, index: int) -> bytes:
    """The salt of a glue part: all glue of a message is sealed together with one seed."""
    return sha256(b"hub/glue/v1\x00" + seed + index.to_bytes(4, "big")).digest()


def _block_name(block: int) -> bytes:
    return b"block\x00" + block.to_bytes(8, "big")


def fingerprint(key: DataKey, material: bytes) -> bytes:
    """16 bytes of keyed BLAKE2b (RFC 7693) over ``material`` under a dossier's key: a MAC, quicker than HMAC."""
    return blake2b(material, digest_size=16, key=key.raw, person=b"fingerprint").digest()
