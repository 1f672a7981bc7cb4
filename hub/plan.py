"""What is due to a target: routes and differences over the dossiers in memory. What ``hub.deliver`` asks.

Only what is durable is told to anybody. A dossier that another one leads has nothing due of its own.
"""

from collections.abc import Sequence
from typing import Protocol

from contracts.picture import Due
from contracts.ports import Adapter, Profile
from hub.dossiers import Dossiers
from hub.intake import agency_of
from hub.route import Route, concerns, disputed, due_for, known_at
from ledger.port import Ledger
from ledger.unit import Standing


class Addressee(Protocol):
    """A party that is told things, as delivery knows it."""

    @property
    def party(self) -> str:
        """Its id."""
        ...

    @property
    def adapter(self) -> Adapter:
        """What renders for it."""
        ...

    @property
    def profile(self) -> Profile:
        """How it differs from others of its format."""
        ...


class DuePlan:
    """Answers delivery's two questions from the log alone."""

    def __init__(self, ledger: Ledger, dossiers: Dossiers, routes: Sequence[Route]) -> None:
        self._ledger = ledger
        self._dossiers = dossiers
        self._routes = {name: [r for r in routes if name in r.to] for name in {n: None for r in routes for n in r.to}}

    def standing(self, stream: bytes, target: Addressee) -> Standing:
        """What the log says is known at the target (``through`` 0 when nothing is)."""
        return self._dossiers.standing(stream, target.party)

    def due(self, stream: bytes, target: Addressee, standing: Standing) -> Due | None:
        """What the target must be told about this dossier now, None when nothing."""
        routes = self._routes.get(target.party)
        if routes is None:
            return None
        state = self._dossiers.state(stream)
        if state.lead or not concerns(routes, state, target.party, agency_of(state.code)):
            return None
        committed = self._ledger.committed
        through = None if state.head <= committed else committed
        known = known_at(state, target.party, standing, through=through)
        return due_for(state, target.party, standing, known, target.adapter, target.profile, through=through)

    def disputed(self, stream: bytes, target: Addressee) -> bool:
        """Whether the target was corrected often enough and people must settle it."""
        state = self._dossiers.state(stream)
        return bool(state.open) and disputed(state, target.party)
