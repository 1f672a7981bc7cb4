"""Whether a target keeps insisting on values of its own.

Told a correction, a target may assert its own value again, whereupon the difference is due again. The same record sent
three times to a target that goes on asserting is a dispute for people, not for a loop. Kept only for dossiers about
which the target spoke lately; forgotten with the process, which costs at most three more corrections.
"""

from typing import Final

MOST_CORRECTIONS: Final = 3
KEPT: Final = 4_096


class Contest:
    """Corrections sent to one target, by dossier."""

    def __init__(self) -> None:
        self._told: dict[bytes, tuple[bytes, int]] = {}

    def asserted(self, stream: bytes) -> None:
        """The target itself said something about this dossier."""
        if stream in self._told:
            return
        if len(self._told) >= KEPT:
            del self._told[next(iter(self._told))]
        self._told[stream] = (b"", 0)

    def told(self, stream: bytes, digest: bytes) -> None:
        """The target confirmed a record with this digest."""
        before = self._told.get(stream)
        if before is not None:
            self._told[stream] = (digest, before[1] + 1 if before[0] == digest else 1)

    def disputed(self, stream: bytes, digest: bytes) -> bool:
        """Whether the target was told exactly this often enough."""
        told, times = self._told.get(stream, (b"", 0))
        return times >= MOST_CORRECTIONS and told == digest

    def knows(self, stream: bytes) -> bool:
        """Whether the target spoke about this dossier lately."""
        return stream in self._told

    def forget(self, stream: bytes) -> None:
        """A person decided."""
        self._told.pop(stream, None)
