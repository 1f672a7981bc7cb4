"""A world where one seed decides everything: for tests, for the demo's made-up data and for simulation.

Two hubs wired with the same seed, the same clock and the same messages write the same log, byte for byte. Nothing
here is fit for keys in production.
"""

from hashlib import sha256
from typing import Final

from contracts.errors import Misconfigured
from contracts.ports import Entropy, Lock
from hub.world import check_name

START: Final = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds: where a stepped clock starts unless told otherwise."""
_FLOAT_BITS: Final = 53


class SteppedClock:
    """A clock that moves ``step_us`` at every reading, and when told."""

    def __init__(self, start_us: int = START, *, step_us: int = 1) -> None:
        self._now = start_us
        self._step: Final = step_us

    def now(self) -> int:
        """The present instant, microseconds UTC; the next reading is ``step_us`` later."""
        now = self._now
        self._now += self._step
        return now

    def advance(self, us: int) -> None:
        """Let time pass, or go back when negative."""
        self._now += us

    def set(self, us: int) -> None:
        """Jump to an instant."""
        self._now = us


class SeededEntropy:
    """Bytes of SHA-256 in counter mode over ``<seed>/<purpose>``: equal on every platform and Python version.

    A stream asked for twice goes on where it was, so two users of one purpose never draw the same bytes.
    """

    def __init__(self, seed: int | str, *, purpose: str = "") -> None:
        self._name: Final = f"{seed}/{purpose}"
        self._key: Final = sha256(self._name.encode()).digest()
        self._streams: Final[dict[str, SeededEntropy]] = {}
        self._counter = 0
        self._left = b""

    def stream(self, purpose: str) -> Entropy:
        """The stream for one purpose, independent of all others."""
        found = self._streams.get(purpose)
        if found is None:
            found = self._streams[purpose] = SeededEntropy(self._name, purpose=purpose)
        return found

    def bytes(self, n: int) -> bytes:
        """The next ``n`` bytes of this stream."""
        drawn = self._left
        while len(drawn) < n:
            drawn += sha256(self._key + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        self._left = drawn[n:]
        return drawn[:n]

    def random(self) -> float:
        """The next float in [0, 1)."""
        return (int.from_bytes(self.bytes(8), "big") >> (64 - _FLOAT_BITS)) / (1 << _FLOAT_BITS)


class MemoryFiles:
    """Files in memory with the promises of the port; ``modes`` says what each was written with."""

    def __init__(self) -> None:
        self._contents: Final[dict[str, bytes]] = {}
        self._locked: Final[set[str]] = set()
        self.modes: Final[dict[str, int]] = {}

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace ``name``."""
        check_name(name)
        self._contents[name] = bytes(content)
        self.modes[name] = mode

    def append_durable(self, name: str, content: bytes) -> None:
        """Append to ``name``."""
        check_name(name)
        self._contents[name] = self._contents.get(name, b"") + content
        self.modes.setdefault(name, 0o600)

    def read(self, name: str) -> bytes:
        """The whole content; FileNotFoundError when there is none."""
        check_name(name)
        try:
            return self._contents[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def list(self, prefix: str) -> list[str]:
        """Names that start with ``prefix``, sorted."""
        return sorted(name for name in self._contents if name.startswith(prefix))

    def delete(self, name: str) -> None:
        """Remove ``name``; absent is fine."""
        check_name(name)
        self._contents.pop(name, None)
        self.modes.pop(name, None)

    def lock(self, name: str) -> Lock:
        """Take an exclusive lock; Misconfigured ``ledger.locked`` when it is held."""
        check_name(name)
        if name in self._locked:
            raise Misconfigured("ledger.locked", f"{name} is held")
        self._locked.add(name)
        self._contents.setdefault(name, b"")
        return _MemoryLock(self._locked, name)


class _MemoryLock:
    """One name in the set of held locks."""

    def __init__(self, locked: set[str], name: str) -> None:
        self._locked = locked
        self._name = name

    def release(self) -> None:
        """Give it back."""
        self._locked.discard(self._name)
