"""``/v1/dossiers`` and ``/v1/parties``: search, state, past, difference, events, synchronisation."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from contracts.errors import MessageRefused
from contracts.moment import from_datetime, rfc3339
from hub.api.guard import caller
from hub.api.receipt import evidence
from hub.api.sight import Sight, difference
from hub.feed import Feed
from hub.views.views import Views
from ledger.port import Proof

_ENCODER: Final = msgspec.json.Encoder()
_MOST: Final = 500


class DossierPages:
    """The dossier handlers of one hub."""

    def __init__(
        self,
        *,
        sight: Sight,
        views: Views,
        feed: Feed,
        parties: Sequence[Mapping[str, Any]],
        prove: Callable[[int], Proof],
    ) -> None:
        self._sight = sight
        self._prove = prove
        self._views = views
        self._feed = feed
        self._parties = parties

    async def search(self, request: web.Request) -> web.Response:
        """Dossiers by part of a code; a party finds only what concerns it."""
        principal = caller(request)
        query = request.query
        page = await self._views.search(
            query.get("q", ""),
            agency=query.get("agency", ""),
            status=query.get("status", ""),
            cursor=query.get("cursor", ""),
            limit=number(request, "limit", 50, least=1, most=_MOST),
        )
        rows = [
            msgspec.to_builtins(found)
            for found in page.dossiers
            if self._sight.sees(principal, bytes.fromhex(found.stream))
        ]
        return reply({"dossiers": rows, "next": page.cursor or None})

    async def show(self, request: web.Request) -> web.Response:
        """One dossier now, at a position, or at a record time."""
        state = await self._sight.open(caller(request), request.match_info["code"], "dossier")
        position = number(request, "position", 0, least=1)
        recorded_us = moment(request, "at")
        if position or recorded_us:
            state = self._sight.past(state, position=position, recorded_us=recorded_us)
        return reply(self._sight.shown(state))

    async def events(self, request: web.Request) -> web.Response:
        """All events of one dossier as CloudEvents."""
        principal = caller(request)
        state = await self._sight.open(principal, request.match_info["code"], "events")
        entries = self._sight.entries(state)
        return reply(
            {
                "events": [self._feed.cloud_event(entry, principal) for entry in entries],
                "next": entries[-1].position if entries else 0,
            }
        )

    async def diff(self, request: web.Request) -> web.Response:
        """What changed between two positions."""
        state = await self._sight.open(caller(request), request.match_info["code"], "diff")
        before = self._sight.past(state, position=number(request, "from", 0, least=1, required=True))
        after = self._sight.past(state, position=number(request, "to", 0, least=1, required=True))
        return reply({"code": state.code, "from": before.head, "to": after.head, "changes": difference(before, after)})

    async def sync(self, request: web.Request) -> web.Response:
        """How every target stands to one dossier."""
        state = await self._sight.open(caller(request), request.match_info["code"], "sync")
        return reply({"code": state.code, "position": state.head, "sync": self._sight.sync(state.stream)})

    async def message(self, request: web.Request) -> web.Response:
        """The fate of a message; its sender also gets the evidence of a receipt, however the message came."""
        principal = caller(request)
        message_id = request.match_info["id"]
        fate = self._views.message(message_id)
        if fate is None:  # its sender may ask sooner than the views follow
            await self._views.catch_up()
            fate = self._views.message(message_id)
        if fate is None or (principal.role == "party" and fate.party != principal.party):
            raise MessageRefused("query.not_found")
        shown = msgspec.to_builtins(fate)
        shown["recorded_at"] = rfc3339(fate.recorded_at)
        if principal.role == "party":
            shown["receipt"] = evidence(self._prove(fate.position))
        return reply(shown)

    async def parties(self, request: web.Request) -> web.Response:
        """The connected systems; a party is shown itself only."""
        principal = caller(request)
        rows = [row for row in self._parties if principal.role != "party" or row["id"] == principal.party]
        counts = self._views.counts()
        return reply({"parties": [dict(row) | {"counts": counts.get(row["id"], {})} for row in rows]})


def reply(value: object, *, status: int = 200) -> web.Response:
    """A JSON answer that nobody keeps a copy of."""
    return web.Response(
        status=status,
        body=_ENCODER.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def number(
    request: web.Request, name: str, default: int, *, least: int, most: int = 2**53, required: bool = False
) -> int:
    """A whole number of the query.

    Raises:
        MessageRefused: ``query.invalid`` when it is no number, out of bounds, or missing though required.
    """
    text = request.query.get(name)
    if text is None:
        if required:
            raise MessageRefused("query.invalid", name=name)
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
        raise MessageRefused("query.invalid", name=name)
    return int(text)


def moment(request: web.Request, name: str) -> int:
    """An RFC 3339 time of the query in microseconds UTC, 0 when absent; ``query.invalid`` otherwise."""
    text = request.query.get(name)
    if text is None:
        return 0
    try:
        return from_datetime(datetime.fromisoformat(text.replace(" ", "+")))
    except (ValueError, OverflowError) as error:
        raise MessageRefused("query.invalid", name=name) from error
