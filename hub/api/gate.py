"""What the adapters' served endpoints may do: authenticate, admit, read what concerns their caller."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.picture import Picture
from contracts.ports import Admit, Clock, Principal
from hub.api.access import Access
from hub.api.sight import Sight


class HubGate:
    """``contracts.ports.Gate`` over one hub."""

    def __init__(
        self,
        *,
        admit: Admit,
        access: Access,
        sight: Sight,
        clock: Clock,
        catalogues: Mapping[str, Sequence[Mapping[str, Any]]],
    ) -> None:
        self._admit = admit
        self._access = access
        self._sight = sight
        self._clock = clock
        self._catalogues = catalogues

    @property
    def admit(self) -> Admit:
        """The door for messages."""
        return self._admit

    def now(self) -> int:
        """The hub's clock, microseconds UTC."""
        return self._clock.now()

    def by_bearer(self, token: str) -> Principal | None:
        """The holder of a bearer token, or None."""
        return self._access.by_secret(token, "bearer")

    def by_path(self, secret: str) -> Principal | None:
        """The party whose secret path segment this is, or None."""
        return self._access.by_secret(secret, "path")

    def login(self, username: str, password: str) -> str | None:
        """A new session for these credentials, or None."""
        return self._access.login(username, password)

    def by_session(self, session: str) -> Principal | None:
        """The holder of a live session, or None."""
        return self._access.by_session(session)

    async def find_dossier(self, principal: Principal, code: str) -> Picture | None:
        """The dossier as it stands, if it concerns the caller."""
        return self._sight.find_picture(principal, code)

    def catalogue(self, name: str) -> Sequence[Mapping[str, Any]]:
        """A served catalogue by name; none is empty-handed: an unknown name has no rows."""
        return self._catalogues.get(name, ())
