"""``lienthong party``: the connected systems and their credentials."""

import asyncio
from typing import Any, get_args

from adapters import registry
from adapters.transports.http_client import HttpTransport
from contracts.errors import MessageRefused, Misconfigured
from contracts.ports import Address, Profile
from hub.api.access import Kind, Role, issue, read_grants, write_grants
from hub.commands.locate import config_path, directory_of
from hub.commands.output import emit_json, emit_table, say
from hub.settings import PartySettings, Settings, load
from hub.world import DiskFiles, SystemEntropy


def _open(config: str) -> tuple[Settings, DiskFiles]:
    path = config_path(config)
    settings = load(path)
    return settings, DiskFiles(directory_of(settings, path.parent))


def _party(settings: Settings, name: str) -> PartySettings:
    for one in settings.party:
        if one.id == name:
            return one
    raise MessageRefused("query.not_found", f"party {name}")


def listing(config: str, *, as_json: bool) -> None:
    """All configured systems."""
    settings, files = _open(config)
    grants = read_grants(files)
    rows = [
        {
            "id": one.id,
            "adapter": one.adapter,
            "name": one.name,
            "agencies": list(one.agencies),
            "receives": bool(one.base_url),
            "pulled": one.pull,
            "enabled": one.enabled,
            "credentials": sum(grant.party == one.id for grant in grants),
        }
        for one in settings.party
    ]
    emit_json(rows) if as_json else emit_table(("id", "adapter", "agencies", "receives", "credentials", "name"), rows)


def show(config: str, *, party: str, as_json: bool) -> None:
    """One configured system, its routes and its credentials without their secrets."""
    settings, files = _open(config)
    one = _party(settings, party)
    row: dict[str, Any] = one.model_dump()
    row["told_of"] = sorted({route.from_ for route in settings.route if party in route.to})
    row["credentials"] = [
        {"id": grant.id, "kind": grant.kind, "role": grant.role} for grant in read_grants(files) if grant.party == party
    ]
    if as_json:
        emit_json(row)
    else:
        emit_table(("field", "value"), [{"field": name, "value": value} for name, value in row.items()])


def add(config: str, *, party: str, kind: str, role: str, as_json: bool) -> None:
    """Issue a credential; its secret is shown this once. A serving hub knows it after its next start."""
    settings, files = _open(config)
    kinds: tuple[Kind, ...] = get_args(Kind)
    roles: tuple[Role, ...] = get_args(Role)
    chosen_kind = next((one for one in kinds if one == kind), None)
    chosen_role = next((one for one in roles if one == role), None)
    if chosen_kind is None or chosen_role is None:
        raise MessageRefused("query.invalid", name="kind" if chosen_kind is None else "role")
    one = _party(settings, party) if chosen_role == "party" else None
    issued = issue(
        SystemEntropy(),
        party=party,
        role=chosen_role,
        kind=chosen_kind,
        adapter="" if one is None else one.adapter,
        agencies=() if one is None else one.agencies,
    )
    write_grants(files, (*read_grants(files), issued.grant))
    shown = {"party": party, "role": role, "kind": kind, "username": issued.grant.username, "secret": issued.secret}
    if as_json:
        emit_json(shown)
    else:
        emit_table(("field", "value"), [{"field": name, "value": value} for name, value in shown.items()])
        say("shown once; only its hash is kept. A serving hub knows it after its next start")


def disable(config: str, *, party: str, yes: bool) -> None:
    """Take back all credentials of a party."""
    _, files = _open(config)
    grants = read_grants(files)
    kept = tuple(grant for grant in grants if grant.party != party)
    if len(kept) == len(grants):
        raise MessageRefused("query.not_found", f"credentials of {party}")
    if not yes:
        say(f"this takes back {len(grants) - len(kept)} credentials of {party}; say --yes")
        raise SystemExit(7)
    write_grants(files, kept)
    say(f"{party}: {len(grants) - len(kept)} credentials taken back; restart a serving hub")


def ping(config: str, *, party: str, as_json: bool) -> None:
    """Reach a party without sending anything: asks for a dossier that cannot exist."""
    settings, files = _open(config)
    one = _party(settings, party)
    if not one.base_url:
        raise Misconfigured("config.missing", name=f"party {party} base_url")
    shown = asyncio.run(_ping(one, files))
    emit_json(shown) if as_json else say(f"{party}: reached {one.base_url}, askable {shown['askable']}")


async def _ping(one: PartySettings, files: DiskFiles) -> dict[str, Any]:
    secret = files.read(one.secret_file).decode().strip() if one.secret_file else ""
    address = Address(
        base_url=one.base_url, username=one.username, secret=secret, agency=one.agency, timeout_s=one.timeout_s
    )
    transport = HttpTransport(connections=1)
    remote = registry.get(one.adapter).remote(address, transport, Profile(options=one.profile.options))
    try:
        standing = await remote.ask("000.00.00.H99-000101-0000")
        return {"party": one.id, "reached": True, "askable": standing.askable}
    finally:
        await remote.close()
        await transport.close()
