"""Finding dossiers by part of a code, newest first, in slices that never hold the loop.

A search text that begins some code is answered from the index, in code order. Only when no code begins with it are all
dossiers looked through, newest first, a thousand at a time.
"""

import asyncio
from typing import Any, Final, NamedTuple

import msgspec

from contracts.errors import MessageRefused
from hub.views.folding import folded
from ledger.stores.views_store import ViewsStore

SLICE: Final = 1_000
MOST: Final = 500
_LAST: Final = "\U0010ffff"
_COLUMNS: Final = "d.stream, d.code, d.agency, d.procedure, d.state, d.position"
_FILTER: Final = "d.lead IS NULL AND (? = '' OR d.agency = ? OR d.agency LIKE ? || '.%') AND (? = '' OR d.state = ?)"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One dossier of a list. ``stream`` is 32 hex digits, ``position`` its newest event."""

    stream: str
    code: str
    agency: str
    procedure: str
    state: str
    position: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list; ``cursor`` continues it, "" at its end."""

    dossiers: tuple[Found, ...]
    cursor: str


class _Filter(NamedTuple):
    agency: str
    status: str

    def values(self) -> tuple[str, ...]:
        return (self.agency, self.agency, self.agency, self.status, self.status)


async def search(
    store: ViewsStore, *, text: str = "", agency: str = "", status: str = "", cursor: str = "", limit: int = 50
) -> Page:
    """Dossiers whose code holds ``text``; ``agency`` also covers its units, ``status`` is a business state.

    Raises ``query.invalid`` (cursor, limit).
    """
    if not 1 <= limit <= MOST:
        raise MessageRefused("query.invalid", name="limit")
    sought, filters = folded(text), _Filter(agency, status)
    way, _, place = cursor.partition(":")
    if cursor and way not in {"p", "s"}:
        raise MessageRefused("query.invalid", name="cursor")
    if sought and way != "s":
        page = _by_prefix(store, sought, filters, place, limit)
        if page.dossiers or way == "p":
            return page
    return await _through_all(store, sought, filters, place if way == "s" else "", limit)


def _by_prefix(store: ViewsStore, sought: str, filters: _Filter, place: str, limit: int) -> Page:
    after, _, after_stream = place.partition("/")
    rows = store.read(
        f"SELECT {_COLUMNS}, c.folded FROM codes c JOIN dossiers d ON d.stream = c.stream "  # noqa: S608  # constant text
        f"WHERE c.folded >= ? AND c.folded < ? AND (c.folded, c.stream) > (?, ?) AND {_FILTER} "
        "ORDER BY c.folded, c.stream LIMIT ?",
        (sought, sought + _LAST, after, _stream(after_stream), *filters.values(), limit + 1),
    )
    found = tuple(_found(row) for row in rows[:limit])
    more = f"p:{rows[limit - 1][6]}/{found[-1].stream}" if len(rows) > limit else ""
    return Page(dossiers=found, cursor=more)


async def _through_all(store: ViewsStore, sought: str, filters: _Filter, place: str, limit: int) -> Page:
    before = _stream(place) if place else b"\xff" * 17
    found: list[Found] = []
    while True:
        # Bounds of one slice first, by key alone; then what it holds.
        keys = store.read(
            "SELECT min(stream), count(*) FROM "
            "(SELECT stream FROM dossiers WHERE stream < ? ORDER BY stream DESC LIMIT ?)",
            (before, SLICE),
        )
        lowest, number = keys[0]
        if not number:
            return Page(dossiers=tuple(found), cursor="")
        rows = store.read(
            f"SELECT {_COLUMNS} FROM dossiers d WHERE d.stream < ? AND d.stream >= ? AND {_FILTER} "  # noqa: S608  # constant text
            "AND (? = '' OR instr(d.sought, ?)) "
            "ORDER BY d.stream DESC LIMIT ?",
            (before, lowest, *filters.values(), sought, sought, limit + 1 - len(found)),
        )
        found += [_found(row) for row in rows]
        if len(found) > limit:
            return Page(dossiers=tuple(found[:limit]), cursor=f"s:{found[limit - 1].stream}")
        before = lowest
        await asyncio.sleep(0)


def _stream(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MessageRefused("query.invalid", name="cursor") from error


def _found(row: tuple[Any, ...]) -> Found:
    return Found(stream=row[0].hex(), code=row[1], agency=row[2], procedure=row[3], state=row[4], position=row[5])
