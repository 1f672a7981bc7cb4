"""What waits for one target: dossiers in the order in which they first changed, each once.

A dossier is *waiting* (changed, not yet taken) or *taken* (one delivery of it is under way, never two: that keeps the
order per dossier). A change that arrives while it is taken makes it wait again as soon as it is settled. What is due is
computed when its turn comes, so ten changes of one waiting dossier are one delivery.

``settled_through`` is the position up to which nothing of this target is open: the restart point.
"""

from collections import deque
from heapq import heappop, heappush
from typing import NamedTuple


class Mark(NamedTuple):
    """The first change of a dossier that the target has not seen: its position, when we accepted it, and from whom."""

    position: int
    accepted_at: int
    source: str


class Backlog:
    """The open dossiers of one target. All operations are O(log n) or better."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Mark] = {}
        self._line: deque[bytes] = deque()
        self._taken: dict[bytes, Mark] = {}
        self._again: dict[bytes, Mark] = {}
        self._order: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._taken)

    @property
    def waiting(self) -> int:
        """Dossiers whose turn has not come."""
        return len(self._waiting)

    def note(self, stream: bytes, mark: Mark) -> None:
        """A dossier changed. The first open change stays its mark."""
        if stream in self._taken:
            self._again.setdefault(stream, mark)
        elif stream not in self._waiting:
            self._wait(stream, mark)

    def _wait(self, stream: bytes, mark: Mark) -> None:
        self._waiting[stream] = mark
        self._line.append(stream)
        heappush(self._order, (mark.position, stream))

    def take(self) -> tuple[bytes, Mark] | None:
        """The dossier that waits longest is now under way; None when nothing waits."""
        if not self._line:
            return None
        stream = self._line.popleft()
        mark = self._taken[stream] = self._waiting.pop(stream)
        return stream, mark

    def settle(self, stream: bytes) -> None:
        """Its delivery has an outcome (confirmed, parked, nothing due); a change of meanwhile waits now."""
        del self._taken[stream]
        again = self._again.pop(stream, None)
        if again is not None:
            self._wait(stream, again)

    def is_open(self, stream: bytes) -> bool:
        """Whether a change of this dossier waits or is under way."""
        return stream in self._waiting or stream in self._taken

    def oldest(self) -> Mark | None:
        """The open change with the lowest position."""
        order = self._order
        while order:
            position, stream = order[0]
            mark = self._waiting.get(stream) or self._taken.get(stream)
            if mark is not None and mark.position == position:
                return mark
            heappop(order)
        return None

    def settled_through(self, read: int) -> int:
        """The position up to which nothing is open, where the log was read through ``read``."""
        mark = self.oldest()
        return read if mark is None else mark.position - 1
