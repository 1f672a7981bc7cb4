"""The civil-status adapter: interlinked births and deaths of the Ministry of Justice (DVCLT)."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from adapters.civil_status import read as _read
from adapters.civil_status import write as _write
from adapters.civil_status.remote import ARRAY_LIMIT, CivilStatusRemote
from adapters.civil_status.source import CivilStatusSource
from adapters.civil_status.tables import TABLES_SHA256
from adapters.civil_status.wire import EDITION, STANDARD
from contracts.delivery import Rendering, Unrenderable
from contracts.envelope import Envelope
from contracts.picture import Due, Picture
from contracts.ports import Adapter, Address, Profile, Remote, Source, Transport
from contracts.reading import Reading

MAPPING_VERSION: Final = "1"
"""Raised by whoever changes what ``read`` or ``write`` makes of the same input."""


class CivilStatusAdapter:
    """The ``Adapter`` port for DVCLT. ``batch_limit`` above 1 needs a target that takes arrays (option ``arrays``)."""

    name = STANDARD
    edition = EDITION
    types: tuple[str, ...] = (_read.DOSSIER_TYPE, _read.STATUS_TYPE)

    def __init__(self, batch_limit: int = 1) -> None:
        self.batch_limit = batch_limit

    def for_profile(self, profile: Profile) -> "CivilStatusAdapter":
        """The same adapter, with arrays where this party has agreed to them."""
        return CivilStatusAdapter(ARRAY_LIMIT) if profile.options.get("arrays") == "true" else self

    def mapping_hash(self) -> str:
        """SHA-256 (hex) over the code's mapping version and the tables."""
        return _MAPPING_HASH

    def recognise(self, body: bytes, content_type: str) -> str:
        """See ``read.recognise``."""
        return _read.recognise(body, content_type)

    def read(self, envelope: Envelope, profile: Profile) -> Reading:
        """See ``read.read``."""
        return _read.read(envelope, profile)

    def project(self, picture: Picture, profile: Profile) -> Mapping[str, Any]:
        """See ``write.project``."""
        return _write.project(picture, profile)

    def carries_rows(self) -> bool:
        """Every step travels as a status message of its own."""
        return True

    def write(self, due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
        """See ``write.write``."""
        return _write.write(due, profile)

    def remote(self, address: Address, transport: Transport, profile: Profile) -> Remote:
        """DVCLT as a target."""
        return CivilStatusRemote(address, transport, profile)

    def source(self, address: Address, transport: Transport, party: str, now: Callable[[], int]) -> Source | None:
        """DVCLT as a source: polled, acknowledged when safe."""
        return CivilStatusSource(address, transport, party, now)


_MAPPING_HASH: Final = sha256(f"{STANDARD}/{EDITION}/{MAPPING_VERSION}/{TABLES_SHA256}".encode()).hexdigest()

ADAPTER: Final[Adapter] = CivilStatusAdapter()
