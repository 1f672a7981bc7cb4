"""Understand what DVCLT sends: new interlinked dossiers and status messages. Pure.

Types: ``civil_status/HoSoLienThong`` (one dossier a message) and ``civil_status/TrangThai`` (one status, or an array).
"""

from adapters.civil_status.dossier import read_dossier
from adapters.civil_status.status import read_statuses
from adapters.civil_status.wire import DOSSIER, STANDARD, STATUS
from contracts.envelope import Envelope
from contracts.errors import MessageRefused
from contracts.ports import Profile
from contracts.reading import Reading

DOSSIER_TYPE = f"{STANDARD}/{DOSSIER}"
STATUS_TYPE = f"{STANDARD}/{STATUS}"
_LOOKED_AT = 65_536
"""The names that tell the types apart stand before any attachment or within its carrier's first members."""


def recognise(body: bytes, content_type: str) -> str:
    """The type this body looks like: by member names that no other format uses."""
    if content_type and "json" not in content_type and "octet" not in content_type:
        return ""
    start = body[:_LOOKED_AT]
    if start.lstrip(b" \t\r\n")[:1] not in {b"{", b"["}:
        return ""
    if b"thoiGianThucHien" in start and b"trangThai" in start:
        return STATUS_TYPE
    if b"maTTHC" in start and b"module" in start and (b"hoTich" in start or b"ngayTiepNhan" in start):
        return DOSSIER_TYPE
    return ""


def read(envelope: Envelope, profile: Profile) -> Reading:
    """Read one message. Raises ``MessageRefused`` when the envelope itself can not be read or is of no known type."""
    if not envelope.body.strip():
        raise MessageRefused("intake.empty")
    kind = envelope.type or recognise(envelope.body, envelope.content_type)
    if kind == DOSSIER_TYPE:
        return read_dossier(envelope.body, profile)
    if kind == STATUS_TYPE:
        return read_statuses(envelope.body, profile)
    raise MessageRefused("intake.type_unknown")
