"""What a lane asks of the rules: what is known at its target, and what is due (``hub.plan`` answers)."""

from typing import Protocol

from contracts.picture import Due
from hub.lanes.bounds import Target
from ledger.unit import Standing


class Plan(Protocol):
    """What is due: the rules of routes and differences, without I/O."""

    def standing(self, stream: bytes, target: Target) -> Standing:
        """What the log says is known at the target (``through`` 0 when nothing is)."""
        ...

    def due(self, stream: bytes, target: Target, standing: Standing) -> Due | None:
        """What the target must be told about this dossier now, None when nothing. Only what is durable is told."""
        ...

    def disputed(self, stream: bytes, target: Target) -> bool:
        """Whether the target was corrected often enough and people must settle it."""
        ...
