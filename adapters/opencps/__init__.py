"""Provincial one-stop systems that speak OpenCPS's LGSP messages: ``SyncDocument`` and ``UpdateDocumentTraces``."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.opencps import read as reading
from adapters.opencps import tables
from adapters.opencps import write as writing
from adapters.opencps.fields import EDITION, SERVICES, STANDARD
from adapters.opencps.remote import ARRAY_LIMIT, OpenCpsRemote, takes_arrays
from contracts import catalog
from contracts.delivery import Rendering, Unrenderable
from contracts.envelope import Envelope
from contracts.picture import Due, Picture
from contracts.ports import Address, Profile, Remote, Source, Transport
from contracts.reading import Reading

__all__ = ["ADAPTER", "MAPPING_VERSION", "OpenCps"]

MAPPING_VERSION: Final = "1"
"""Raised with every change of what is read or written; part of ``mapping_hash``."""


class OpenCps:
    """The ``Adapter`` port. ``batch_limit`` above 1 is for parties with which arrays are agreed (``for_profile``)."""

    name: str = STANDARD
    edition: str = EDITION
    types: tuple[str, ...] = tuple(f"{STANDARD}/{service}" for service in SERVICES)

    def __init__(self, batch_limit: int = 1) -> None:
        self.batch_limit = batch_limit

    def for_profile(self, profile: Profile) -> "OpenCps":
        """The adapter for a party: its ``batch_limit`` is 100 with ``sync_arrays`` or ``trace_arrays``, else 1."""
        return OpenCps(ARRAY_LIMIT) if takes_arrays(profile) else self

    def mapping_hash(self) -> str:
        """SHA-256 (hex) over the mapping's version, the tables and the contracts."""
        whole = hashlib.sha256(f"{STANDARD} {EDITION} {MAPPING_VERSION} {tables.digest()}".encode())
        for service in SERVICES:
            whole.update(catalog.get(STANDARD, service, EDITION).hash.encode())
        return whole.hexdigest()

    def recognise(self, body: bytes, content_type: str) -> str:
        """The message type this body looks like, "" if none of mine."""
        return reading.recognise(body, content_type)

    def read(self, envelope: Envelope, profile: Profile) -> Reading:
        """Understand one message; see ``adapters.opencps.read``."""
        return reading.read(envelope, profile)

    def project(self, picture: Picture, profile: Profile) -> Mapping[str, Any]:
        """The part of a picture a ``SyncDocument`` can carry."""
        return writing.project(picture, profile)

    def carries_rows(self) -> bool:
        """Rows of progress travel as ``UpdateDocumentTraces``."""
        return True

    def write(self, due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
        """Render what is due, the record before its rows."""
        return writing.write(due, profile)

    def remote(self, address: Address, transport: Transport, profile: Profile) -> Remote:
        """A client of one provincial system or of the LGSP in front of it."""
        return OpenCpsRemote(address, transport, profile)

    def source(self, address: Address, transport: Transport, party: str, now: Callable[[], int]) -> Source | None:
        """None: the format pushes."""
        del address, transport, party, now
        return None


ADAPTER: Final = OpenCps()
