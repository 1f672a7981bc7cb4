"""The National Public Service Portal: QCVN 120 packets over mapi, JSON and XML, both directions."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from adapters.portal import codes, read, write
from adapters.portal.fields import PROGRESS, RECORD, SERVICES, STANDARD
from adapters.portal.remote import PortalRemote
from contracts import catalog
from contracts.delivery import Rendering, Unrenderable
from contracts.envelope import Envelope
from contracts.picture import Due, Picture
from contracts.ports import Adapter, Address, Profile, Remote, Source, Transport
from contracts.reading import Reading

VERSION: Final = "1"
"""Raised with every change of the mapping that tables and contracts do not show."""

MAX_BATCH: Final = 100


class PortalAdapter:
    """The adapter of the portal's packets; its options are in README.md beside this file."""

    name = "portal"
    edition = "extended"
    types = tuple(f"{STANDARD}/{service}" for service in SERVICES)
    batch_limit = MAX_BATCH

    def for_profile(self, profile: Profile) -> Adapter:
        """The same for every party: packets of the portal always carry many records."""
        del profile
        return self

    def mapping_hash(self) -> str:
        """SHA-256 over code version, contracts and tables."""
        return _mapping_hash()

    def recognise(self, body: bytes, content_type: str) -> str:
        """The packet a body looks like."""
        return read.recognise(body, content_type)

    def read(self, envelope: Envelope, profile: Profile) -> Reading:
        """Understand one packet, record by record."""
        return read.read(envelope, profile)

    def project(self, picture: Picture, profile: Profile) -> Mapping[str, Any]:
        """What a record can carry of a picture."""
        return write.project(picture, profile)

    def carries_rows(self) -> bool:
        """Progress travels in packets of its own."""
        return True

    def write(self, due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
        """Render a record and rows of progress."""
        return write.write(due, profile)

    def remote(self, address: Address, transport: Transport, profile: Profile) -> Remote:
        """A client of one portal."""
        return PortalRemote(address, transport, profile)

    def source(self, address: Address, transport: Transport, party: str, now: Callable[[], int]) -> Source | None:
        """The portal pushes; there is nothing to pull."""
        del address, transport, party, now
        return None


@cache
def _mapping_hash() -> str:
    contracts = "".join(
        catalog.get(STANDARD, service, edition).hash
        for service in (RECORD, PROGRESS)
        for edition in ("2019", "extended")
    )
    return codes.hash_of(VERSION, contracts, codes.digest())


ADAPTER: Final[Adapter] = PortalAdapter()
