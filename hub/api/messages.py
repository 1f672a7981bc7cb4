"""``POST /v1/messages``: one message in the party's own format; ``GET /v1/messages/{id}``: its fate."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.transports.http_server import read_body
from contracts.envelope import Envelope
from contracts.errors import FieldError, MessageRefused
from contracts.moment import rfc3339
from contracts.ports import Adapter, Admit, Admitted, Gate, RecordOutcome
from contracts.reading import Note
from hub.api.guard import caller
from hub.api.receipt import evidence
from ledger.port import Ledger

_ENCODER: Final = msgspec.json.Encoder()
_MAX_KEY: Final = 255


class Messages:
    """The message handlers of one hub."""

    def __init__(
        self,
        *,
        admit: Admit,
        adapters: Mapping[str, Adapter],
        ledger: Ledger,
        gate: Gate,
        limits: Mapping[str, int],
    ) -> None:
        self._admit = admit
        self._adapters = adapters
        self._ledger = ledger
        self._gate = gate
        self._limits = limits

    async def post(self, request: web.Request) -> web.Response:
        """Take one message; 202 with a receipt once it is durable."""
        principal = caller(request, "party")
        adapter = self._adapters.get(principal.adapter)
        if adapter is None:
            raise MessageRefused("transport.forbidden")
        key = _idempotency_key(request)
        body = await read_body(request, self._limits[principal.adapter])
        content_type = request.headers.get("Content-Type", "")
        envelope = Envelope(
            party=principal.party,
            adapter=principal.adapter,
            body=body,
            received_at=self._gate.now(),
            type=_type_of(request, adapter, body, content_type),
            content_type=content_type,
            agencies=principal.agencies,
            source_id=key,
            options=tuple(sorted((name, value) for name, value in request.query.items() if name != "type")),
            traceparent=request.headers.get("traceparent", "")[:55],
        )
        admitted = await self._admit(envelope)
        _refuse_if_nothing_stood(admitted)
        return _json(self.receipt(admitted), status=202, replayed=admitted.duplicate)

    def receipt(self, admitted: Admitted) -> dict[str, Any]:
        """The receipt of a durable message, with its proof; the same proof for ever."""
        proof = self._ledger.prove(admitted.position)
        return {
            "message_id": admitted.message_id,
            "accepted_at": rfc3339(admitted.accepted_at),
            "duplicate": admitted.duplicate,
            "dossiers": [_outcome(record) for record in admitted.records],
            "warnings": [_note(note) for note in admitted.warnings],
            **evidence(proof),
        }


def _idempotency_key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if not key:
        raise MessageRefused("intake.idempotency_key_missing")
    if len(key) > _MAX_KEY:
        raise MessageRefused("query.invalid", name="Idempotency-Key")
    return key


def _type_of(request: web.Request, adapter: Adapter, body: bytes, content_type: str) -> str:
    named = request.query.get("type", "") or _profile(content_type)
    kind = named or adapter.recognise(body, content_type)
    if kind not in adapter.types:
        raise MessageRefused("intake.type_unknown", kind[:100])
    return kind


def _profile(content_type: str) -> str:
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "profile":
            return value.strip('"')
    return ""


def _refuse_if_nothing_stood(admitted: Admitted) -> None:
    """A message of which every record was refused is refused: the sender must mend it."""
    if admitted.records and all(record.state == "refused" for record in admitted.records):
        errors = tuple(
            msgspec.structs.replace(error, path=_path(record.index, error.path, len(admitted.records)))
            for record in admitted.records
            for error in record.errors
        )
        raise MessageRefused(errors[0].code, errors=errors)


def _path(index: int, path: str, count: int) -> str:
    """The path inside the whole message; most readers name it themselves, counted within ``data`` or the bare array."""
    known = (f"/data/{index}", f"/{index}")
    named = any(path == start or path.startswith(f"{start}/") for start in known)
    return path if count == 1 or named else f"/{index}{path}"


def _outcome(record: RecordOutcome) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "code": record.code,
        "position": record.position,
        "leaf_hash": record.leaf_hash,
        "state": record.state,
    }
    if record.errors:
        shown["errors"] = [_error(error) for error in record.errors]
    if record.warnings:
        shown["warnings"] = [_note(note) for note in record.warnings]
    return shown


def _error(error: FieldError) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": error.path, "code": error.code, "vi": error.vi, "en": error.en}
    return shown | {"line": error.line} if error.line else shown


def _note(note: Note) -> dict[str, str]:
    return {"code": note.code, "path": note.path}


def _json(value: object, *, status: int = 200, replayed: bool = False) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return web.Response(status=status, body=_ENCODER.encode(value), content_type="application/json", headers=headers)
