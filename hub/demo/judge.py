"""The demo's judge: does every simulated party hold exactly what the log says?

For each dossier and each party that is to be told of it, the record and the rows are rendered again from the log and
compared with what the party holds. Rows are compared as sets; a double is allowed only where the log marks a doubt.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.picture import Due
from hub.deliver import Target
from hub.intake import agency_of
from hub.picture import DossierState
from hub.route import Route, concerns, due_for, known_at
from hub.wiring import Hub
from ledger.events import SyncConfirmed
from ledger.unit import Standing

_TELLING: Final[Mapping[str, tuple[str, ...]]] = {
    "civil_status": ("thoiGianThucHien", "noiDungXuLy", "nguoiXuLy", "trangThai")
}
"""DVCLT has no record beside its rows: promised dates and the like ride on each of them and change between rows."""


class Finding(msgspec.Struct, frozen=True):
    """One difference between a party and the log."""

    party: str
    code: str
    what: str
    detail: str = ""


async def judge(
    hub: Hub, holdings: Mapping[str, Mapping[str, Any]], routes: Sequence[Route], targets: Sequence[Target]
) -> list[Finding]:
    """Everything that differs, at most as much as there is; empty = every party holds what the log says."""
    doubts = _doubted(hub)
    findings: list[Finding] = []
    for state in [hub.dossiers.state(stream) async for stream in _streams(hub)]:
        for target in targets:
            held = holdings.get(target.adapter.name, {})
            findings.extend(_compare(hub, state, target, held, routes, doubts))
    return findings


async def _streams(hub: Hub) -> Any:
    cursor = ""
    while True:
        page = await hub.views.search(cursor=cursor, limit=500)
        for found in page.dossiers:
            yield bytes.fromhex(found.stream)
        cursor = page.cursor
        if not cursor:
            return


def _doubted(hub: Hub) -> frozenset[tuple[str, str]]:
    """(target, stream) of every outcome marked as doubtful."""
    found: set[tuple[str, str]] = set()
    after = 0
    while entries := hub.ledger.read(after, 500):
        after = entries[-1].position
        for entry in entries:
            if isinstance(entry.event, SyncConfirmed):
                found.update((entry.event.target, item.stream) for item in entry.event.items if item.doubt)
    return frozenset(found)


def _compare(
    hub: Hub,
    state: DossierState,
    target: Target,
    held: Mapping[str, Any],
    routes: Sequence[Route],
    doubts: frozenset[tuple[str, str]],
) -> Iterator[Finding]:
    if state.lead or not concerns(routes, state, target.party, agency_of(state.code)):
        return
    standing = hub.ledger.standings(state.stream).get(target.party)
    if standing is not None and standing.parked:
        return
    due = _everything(state, target)
    if due is None:
        return
    open_due = _open(state, target, standing)
    if open_due is not None and target.adapter.write(open_due, target.profile):
        yield Finding(target.party, state.code, "still_due")
    holding = held.get(due.code)
    own = any(told.event.party == target.party for told in state.told)
    rendered = target.adapter.write(due, target.profile)
    if not isinstance(rendered, tuple):
        return
    rows = [_value(one.body) for one in rendered if one.rows]
    records = [_value(one.body) for one in rendered if not one.rows]
    if holding is None:
        if rendered and not own:
            yield Finding(target.party, state.code, "missing")
        return
    if records and not own and _differs(records[-1], holding["fields"]):
        yield Finding(target.party, state.code, "record", _difference(records[-1], holding["fields"]))
    yield from _compare_rows(
        state, target, rows, holding["rows"], doubtful=(target.party, state.stream.hex()) in doubts
    )


def _compare_rows(
    state: DossierState, target: Target, expected: Sequence[Any], held: Sequence[Any], *, doubtful: bool
) -> Iterator[Finding]:
    names = _TELLING.get(target.adapter.name, ())
    wanted = Counter(_key(row, names) for row in expected)
    found = Counter(_key(row, names) for row in held)
    if wanted.keys() - found.keys():
        yield Finding(target.party, state.code, "rows_missing", str(len(wanted.keys() - found.keys())))
    if found.keys() - wanted.keys() and not names:
        yield Finding(target.party, state.code, "rows_unknown", str(len(found.keys() - wanted.keys())))
    if any(count > wanted[row] for row, count in found.items() if row in wanted) and not doubtful:
        yield Finding(target.party, state.code, "rows_doubled")


def _everything(state: DossierState, target: Target) -> Due | None:
    nothing = Standing(stream=state.stream, target=target.party, through=0)
    known = known_at(state, target.party, nothing)
    due = due_for(state, target.party, nothing, known, target.adapter, target.profile)
    return None if due is None else msgspec.structs.replace(due, record=True)


def _open(state: DossierState, target: Target, standing: Standing | None) -> Due | None:
    now = standing or Standing(stream=state.stream, target=target.party, through=0)
    known = known_at(state, target.party, now)
    return due_for(state, target.party, now, known, target.adapter, target.profile)


def _value(body: bytes) -> Any:
    return msgspec.json.decode(body)


def _key(row: Any, names: Sequence[str]) -> bytes:
    """A row by its content; where a format repeats moving values in every row, by the members that tell rows apart."""
    told = {name: row.get(name, "") for name in names} if names else row
    return msgspec.json.encode(told, order="deterministic")


def _differs(expected: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    return any(held.get(name) != value for name, value in expected.items())


def _difference(expected: Mapping[str, Any], held: Mapping[str, Any]) -> str:
    return ", ".join(name for name, value in expected.items() if held.get(name) != value)
