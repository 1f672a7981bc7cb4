"""Time-ordered identifiers from the clock and the entropy of the world, in one place.

UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, 12 bits of the fraction of that millisecond, 62 random bits. Time order
keeps index pages warm; nothing but the time of creation can be read from an id.
"""

from contracts.ports import Clock, Entropy

_BLOCK = 16_384


class Draws:
    """Random bytes of one purpose, drawn in blocks: a call per salt would cost more than the salt."""

    def __init__(self, entropy: Entropy, purpose: str) -> None:
        self._source = entropy.stream(purpose)
        self._block = b""
        self._at = 0

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes; no byte is ever given twice."""
        start = self._at
        end = start + n
        if end > len(self._block):
            self._block = self._source.bytes(max(_BLOCK, n))
            start, end = 0, n
        self._at = end
        return self._block[start:end]


def uuid7(now_us: int, random8: bytes) -> bytes:
    """The 16 bytes of a UUIDv7 made at ``now_us`` (microseconds since 1970, UTC) with 8 random bytes."""
    millis, micros = divmod(now_us, 1_000)
    fraction = micros * 4_096 // 1_000
    head = (millis << 16) | 0x7000 | fraction
    tail = (int.from_bytes(random8, "big") & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    return ((head << 64) | tail).to_bytes(16, "big")


class Ids:
    """Makes ids from the world's clock and entropy."""

    def __init__(self, clock: Clock, entropy: Entropy, purpose: str = "ids") -> None:
        self._clock = clock
        self._draws = Draws(entropy, purpose)

    def new(self) -> bytes:
        """A fresh UUIDv7, 16 bytes."""
        return uuid7(self._clock.now(), self._draws.take(8))

    def new_text(self) -> str:
        """A fresh UUIDv7 in its usual text form (8-4-4-4-12 hexadecimal digits)."""
        digits = self.new().hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
