"""What the adapters' served endpoints may do: authenticate, admit, read what concerns their caller."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.envelope import Envelope
from contracts.errors import Overloaded
from contracts.picture import Picture
from contracts.ports import Admit, Admitted, Clock, Principal
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
        is_draining: Callable[[], bool],
    ) -> None:
        self._admit = admit
        self._is_draining = is_draining
        self._access = access
        self._sight = sight
        self._clock = clock
        self._catalogues = catalogues

    @property
    def admit(self) -> Admit:
        """The door for messages; closed (``hub.draining``) while the hub stops."""
        return self._enter

    async def _enter(self, envelope: Envelope) -> Admitted:
        if self._is_draining():
            raise Overloaded("hub.draining", retry_after_s=5)
        return await self._admit(envelope)

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
        """The dossier as it stands, if it concerns the caller; a watched reader's access is on the log by then."""
        return await self._sight.find_picture(principal, code)

    def catalogue(self, name: str) -> Sequence[Mapping[str, Any]]:
        """A served catalogue by name; none is empty-handed: an unknown name has no rows."""
        return self._catalogues.get(name, ())
