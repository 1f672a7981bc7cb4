"""DVCLT as a source: the list of waiting dossiers, each one's detail, and the word that it arrived safely."""

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from adapters.civil_status.replies import classify
from adapters.civil_status.session import Session
from adapters.civil_status.wire import DOSSIER, STANDARD
from contracts.envelope import Envelope
from contracts.errors import TargetUnavailable
from contracts.ports import Address, Profile, Pulled, Transport

PAGE: Final = 100
"""Dossiers fetched in one poll: acknowledged ones leave the list, so the next poll brings the next."""

_OK: Final = 200


class _Listed(msgspec.Struct):
    id: str | int = ""
    maHoSo: str = ""  # noqa: N815  # the wire's own name


class _Listing(msgspec.Struct):
    data: list[_Listed] | None = None


class _Detail(msgspec.Struct):
    data: dict[str, msgspec.Raw] | str | None = None


_read_listing = msgspec.json.Decoder(_Listing).decode
_read_detail = msgspec.json.Decoder(_Detail).decode


class CivilStatusSource:
    """The ``Source`` port. A dossier is listed until it is acknowledged, so one that is lost on the way comes again."""

    def __init__(self, address: Address, transport: Transport, party: str, now: Callable[[], int]) -> None:
        self._session: Final = Session(address, transport, Profile())
        self._party: Final = party
        self._now: Final = now
        self._agencies: Final = (address.agency,) if address.agency else ()

    async def poll(self) -> Sequence[Pulled]:
        """Up to ``PAGE`` waiting dossiers, oldest first, each once even where the list names it twice.

        A dossier whose detail can not be had now is left for the next poll and holds up no other. With nothing fetched
        because the source failed, raises ``TargetUnavailable``.
        """
        # The list is a GET with a body; without the body the real service answers with an error.
        reply = await self._session.call("GET", self._session.path("dossiers"), b"{}")
        if reply.status != _OK:
            raise TargetUnavailable("target.unavailable", f"the list: HTTP {reply.status}")
        try:
            listed = _read_listing(reply.body).data or []
        except (msgspec.MsgspecError, ValueError, RecursionError) as fault:
            raise TargetUnavailable("target.unavailable", "the list can not be read") from fault
        waiting = {str(entry.id): entry.maHoSo for entry in listed if entry.id and entry.maHoSo}
        pulled: list[Pulled] = []
        for id_, code in list(waiting.items())[:PAGE]:
            try:
                envelope = await self._fetch(id_)
            except TargetUnavailable:
                if not pulled:
                    raise
                break
            if envelope is not None:
                pulled.append(Pulled(envelope=envelope, handle=code))
        return pulled

    async def acknowledge(self, handle: str) -> None:
        """PUT ``{maHoSo, daNhan: true}``. Harmless when repeated; ``TargetUnavailable`` when it was not taken."""
        body = msgspec.json.encode({"maHoSo": handle, "daNhan": True})
        reply = await self._session.call("PUT", self._session.path("received"), body)
        if classify(reply).verdict != "done":
            raise TargetUnavailable("target.unavailable", f"the acknowledgement: HTTP {reply.status}")

    async def _fetch(self, id_: str) -> Envelope | None:
        reply = await self._session.call("GET", f"{self._session.path('dossiers')}/{quote(id_, safe='')}", b"{}")
        if reply.status != _OK or not _is_dossier(reply.body):
            return None
        return Envelope(
            party=self._party,
            adapter=STANDARD,
            body=reply.body,
            received_at=self._now(),
            type=f"{STANDARD}/{DOSSIER}",
            content_type="application/json",
            transport="pull",
            agencies=self._agencies,
        )


def _is_dossier(body: bytes) -> bool:
    """Whether an answer holds a dossier, sound or not. Faults come with HTTP 200 as text, SOAP or ``data: null``.

    Such an answer must not become a message: it would be refused, acknowledged, and the dossier behind it lost.
    """
    try:
        return bool(_read_detail(body).data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
