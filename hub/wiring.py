"""Builds a whole hub from settings and the world: the only place that chooses drivers.

``build`` opens the ledger and puts the pieces together; nothing listens and no task runs until ``Hub.start``. Two hubs
built in one process share nothing. A hub never ends the process: ``Hub.halted`` resolves with the reason and whoever
runs it decides.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from aiohttp import web

from adapters import registry
from adapters.transports.http_client import HttpTransport
from adapters.transports.pull import Puller
from contracts.errors import Misconfigured
from contracts.ports import Adapter, Address, Admit, Clock, Entropy, Fetch, Files, Profile
from hub import catalogues
from hub.admin import Admin
from hub.api.access import Access, read_grants, session_key
from hub.api.app import Doors, build_admin_app, build_app
from hub.api.erasing import EraseCommands
from hub.api.evidence import EvidencePages
from hub.api.gate import HubGate
from hub.api.keys import KeyCommands
from hub.api.log import LogPages
from hub.api.sight import Sight
from hub.api.witnessing import WitnessPages
from hub.authority import Authority
from hub.clockwatch import ClockWatch
from hub.deliver import Delivery, Limits, Target
from hub.dossiers import Dossiers
from hub.erase import Eraser
from hub.evidence import EvidenceMaker
from hub.feed import Feed
from hub.jobs.heads import HeadsJob
from hub.jobs.publish import Publisher
from hub.jobs.retention import Retention
from hub.lanes.backoff import Patience
from hub.outside import Outside
from hub.parties import Party, directory
from hub.plan import DuePlan
from hub.reception import Reception
from hub.route import Route
from hub.settings import PartySettings, Settings
from hub.views.schema import SCHEMA, VERSION
from hub.views.views import Views
from hub.watch import Watch
from hub.world import DiskFiles, SystemClock, SystemEntropy
from ledger.heads_log import open_heads
from ledger.pkcs11_signer import Pkcs11Signer, TokenKey
from ledger.publication import HEADS_PREFIX
from ledger.stores.views_store import ViewsStore
from ledger.writer import Writer, open_ledger
from monitoring.health import Health
from monitoring.metrics import Metrics

VIEWS_FILE: Final = "views.db"


@dataclass(frozen=True, kw_only=True)
class World:
    """The drivers of the outside: chosen once, passed down."""

    clock: Clock
    entropy: Entropy
    files: Files
    directory: str
    vfs: str = ""
    socket_files: bool = True
    """Whether a unix socket is a file of ``directory``; False where the loop's network is not the kernel's."""
    fetch: Fetch | None = None
    """How witnesses and authorities are reached, None = over HTTP."""


def real_world(directory: str) -> World:
    """The machine as it is."""
    return World(clock=SystemClock(), entropy=SystemEntropy(), files=DiskFiles(directory), directory=directory)


@dataclass(frozen=True, kw_only=True)
class Hub:
    """The pieces of one hub, put together."""

    settings: Settings
    world: World
    ledger: Writer
    dossiers: Dossiers
    reception: Reception
    delivery: Delivery
    views: Views
    feed: Feed
    sight: Sight
    access: Access
    admin: Admin
    watch: Watch
    metrics: Metrics
    health: Health
    clockwatch: ClockWatch
    publisher: Publisher
    heads: HeadsJob | None
    retention: Retention
    outside: Outside
    parties: Mapping[str, Party]
    adapters: Mapping[str, Adapter]
    pullers: Sequence[Puller]
    transports: Sequence[HttpTransport]
    app: web.Application
    admin_app: web.Application
    doors: Doors


def build(settings: Settings, world: World, *, watch: Watch | None = None, accept_clock: str = "") -> Hub:
    """Open the ledger and put a hub together. ``accept_clock`` names who accepts a clock that is behind the log.

    Raises:
        Misconfigured: an unknown adapter, a secret that can not be read, a ledger that another process holds.
        IntegrityViolation: the ledger does not match its signature.
    """
    watch = watch or Watch(Metrics())
    parties = directory(_party(one, world.files) for one in settings.party)
    adapters = {name: registry.get(name) for name in dict.fromkeys(party.adapter for party in parties.values())}
    ledger = open_ledger(
        files=world.files,
        directory=world.directory,
        origin=settings.ledger.origin,
        clock=world.clock,
        entropy=world.entropy,
        store=settings.ledger.store,
        vfs=world.vfs,
        dsn=secret_line(world.files, settings.ledger.dsn_file),
        keys_dsn=secret_line(world.files, settings.ledger.keys_dsn_file),
        queue_units=settings.ledger.queue_units,
        queue_bytes=settings.ledger.queue_bytes,
        passphrase=secret_line(world.files, settings.ledger.key_passphrase_file).encode(),
        token=_token(settings, world),
    )
    try:
        return _assembled(settings, world, ledger, parties, adapters, watch, accept_clock)
    except BaseException:
        ledger.close()
        raise


def _assembled(
    settings: Settings,
    world: World,
    ledger: Writer,
    parties: Mapping[str, Party],
    adapters: Mapping[str, Adapter],
    watch: Watch,
    accept_clock: str,
) -> Hub:
    """The pieces over an open ledger."""
    publisher = _publisher(settings, world, ledger)
    heads = _heads(settings, world, ledger, publisher)
    outside = _outside(settings, world, ledger, watch.metrics)
    ledger.on_commit = watch.on_commit
    dossiers = Dossiers(ledger)
    authority = Authority(parties.values())
    routes = [_route(one.from_, one.to, one.agencies, one.procedures, one.facts) for one in settings.route]
    transports: list[HttpTransport] = []
    delivery = Delivery(
        _targets(settings, parties, adapters, transports),
        ledger=ledger,
        plan=DuePlan(ledger, dossiers, routes),
        clock=world.clock,
        entropy=world.entropy,
        limits=_limits(settings),
        watcher=watch,
    )
    reception = Reception(
        ledger=ledger,
        dossiers=dossiers,
        adapters=adapters,
        parties=parties,
        authority=authority,
        clock=world.clock,
        entropy=world.entropy,
        told=delivery.targets,
        under_way=delivery.under_way,
        behind=delivery.behind,
        observer=watch,
    )
    views = Views(
        ViewsStore(_views_path(settings, world), schema=SCHEMA, version=VERSION, vfs=world.vfs),
        ledger=ledger,
        dossiers=dossiers,
        origin=settings.ledger.origin,
    )
    barred = frozenset(name for name, party in parties.items() if not party.enabled)
    sight = Sight(
        ledger=ledger, dossiers=dossiers, views=views, clock=world.clock, parties=tuple(parties), barred=barred
    )
    feed = Feed(ledger=ledger, sees=sight.sees)
    access = Access(
        read_grants(world.files),
        session_key=session_key(world.files, world.entropy),
        clock=world.clock,
        entropy=world.entropy,
        lifetime_s=settings.hub.session_lifetime_s,
    )
    admin = Admin(
        ledger=ledger,
        sight=sight,
        views=views,
        feed=feed,
        lanes=delivery,
        records=reception,
        access=access,
        clock=world.clock,
    )
    if heads is not None:
        admin.add("heads.now", heads.heads_now)
    evidence = EvidenceMaker(
        ledger=ledger,
        heads=heads,
        files=world.files,
        sight=sight,
        views=views,
        adapters=adapters,
        witnessed=bool(outside.policy.witnesses),
    )
    admin.add("bundle.create", evidence.command)
    admin.add("anchor.now", outside.anchor_now)
    admin.add("witness.list", outside.list_witnesses)
    admin.add("testimony.override", outside.override)
    eraser = Eraser(
        ledger=ledger,
        dossiers=dossiers,
        views=views,
        feed=feed,
        delivery=delivery,
        clock=world.clock,
        refused_days=settings.retention.refused_days,
    )
    eraser.finish()
    erasing = EraseCommands(eraser, sight, ledger)
    admin.add("erase", erasing.erase)
    admin.add("erase.preview", erasing.preview)
    keys = KeyCommands(ledger, world.files, world.clock, policy=outside.policy.text())
    for name, command in keys.offered().items():
        admin.add(name, command)
    doors = Doors()
    admit = outside.guarded(reception)
    gate = HubGate(
        admit=admit,
        access=access,
        sight=sight,
        clock=world.clock,
        catalogues=catalogues.load(world.files),
        is_draining=doors.is_draining,
    )
    app = build_app(
        gate=gate,
        access=access,
        ledger=ledger,
        sight=sight,
        views=views,
        feed=feed,
        admin=admin,
        adapters=adapters,
        parties=[_shown(party, settings) for party in parties.values()],
        observer=watch,
        doors=doors,
        limits=_body_limits(settings, adapters),
        log=LogPages(world.files, None if settings.publish.enabled else ledger.checkpoint),
        witnessing=WitnessPages(world.files, outside.witnessing),
        evidence=EvidencePages(evidence.bundle),
        barred=barred,
    )
    health = Health()
    health.add("ledger", ledger.ailment)
    clockwatch = ClockWatch(
        world.clock, ledger, accepted_by=accept_clock, on_step=lambda: watch.metrics.clock_steps.add(1)
    )
    health.add("clock", clockwatch.ailment)
    health.add("testimony", outside.testimony.ailment)
    return Hub(
        settings=settings,
        world=world,
        ledger=ledger,
        dossiers=dossiers,
        reception=reception,
        delivery=delivery,
        views=views,
        feed=feed,
        sight=sight,
        access=access,
        admin=admin,
        watch=watch,
        metrics=watch.metrics,
        health=health,
        clockwatch=clockwatch,
        publisher=publisher,
        heads=heads,
        retention=Retention(
            eraser,
            ledger,
            clock=world.clock,
            refused_days=settings.retention.refused_days,
            interval_s=settings.retention.interval_s,
        ),
        outside=outside,
        parties=parties,
        adapters=adapters,
        pullers=_pullers(settings, parties, adapters, transports, admit, world),
        transports=transports,
        app=app,
        admin_app=build_admin_app(admin, watch),
        doors=doors,
    )


def _token(settings: Settings, world: World) -> Pkcs11Signer | None:
    """The token that holds the log's key, where it does not lie in a file."""
    ledger = settings.ledger
    if ledger.signer == "file":
        return None
    pin_file = str(PurePosixPath(world.directory) / ledger.pkcs11_pin_file)
    key = TokenKey(module=ledger.pkcs11_module, token=ledger.pkcs11_token, label=ledger.pkcs11_key, pin_file=pin_file)
    return Pkcs11Signer(ledger.origin, key)


def secret_line(files: Files, name: str) -> str:
    """The one line of a secret file, "" where none is named.

    Raises:
        Misconfigured: ``config.missing`` when the file is not there.
    """
    try:
        return files.read(name).decode("utf-8").strip() if name else ""
    except FileNotFoundError as error:
        raise Misconfigured("config.missing", "a secret file", name=name) from error


def _party(one: PartySettings, files: Files) -> Party:
    return Party(
        id=one.id,
        adapter=one.adapter,
        name=one.name,
        agencies=one.agencies,
        role=one.role,
        national=one.national,
        owns=one.owns,
        enabled=one.enabled,
        quota_per_s=one.quota_per_s,
        quota_burst=one.quota_burst,
        profile=_profile(one),
        address=_address(one, files) if one.base_url else None,
    )


def _profile(one: PartySettings) -> Profile:
    return Profile(date_zone=one.profile.date_zone, statuses=_states(one), options=one.profile.options)


def _states(one: PartySettings) -> Mapping[str, Any]:
    return dict(one.profile.statuses)


def _address(one: PartySettings, files: Files) -> Address:
    secret = ""
    if one.secret_file:
        try:
            secret = files.read(one.secret_file).decode("utf-8").strip()
        except FileNotFoundError as error:
            raise Misconfigured("config.missing", f"secret of party {one.id}", name=one.secret_file) from error
    return Address(
        base_url=one.base_url, username=one.username, secret=secret, agency=one.agency, timeout_s=one.timeout_s
    )


def _route(
    source: str, to: Sequence[str], agencies: Sequence[str], procedures: Sequence[str], kinds: Sequence[str]
) -> Route:
    return Route(
        source=source, to=tuple(to), agencies=tuple(agencies), procedures=tuple(procedures), kinds=tuple(kinds)
    )


def _targets(
    settings: Settings,
    parties: Mapping[str, Party],
    adapters: Mapping[str, Adapter],
    transports: list[HttpTransport],
) -> list[Target]:
    told = {name: None for one in settings.route for name in one.to}
    targets = []
    for name in told:
        party = parties[name]
        if party.address is None:
            raise Misconfigured("config.invalid", "a route leads to it, but it has no base_url", name=f"party {name}")
        transport = HttpTransport(connections=settings.delivery.parallel_batches)
        transports.append(transport)
        adapter = adapters[party.adapter].for_profile(party.profile)
        remotes = tuple(
            adapter.remote(party.address, transport, party.profile) for _ in range(settings.delivery.parallel_batches)
        )
        targets.append(Target(party=name, adapter=adapter, profile=party.profile, remotes=remotes))
    return targets


def _publisher(settings: Settings, world: World, ledger: Writer) -> Publisher:
    """Whoever publishes the log, and holds it to what was published of it before."""
    publisher = Publisher(
        world.files,
        interval_s=settings.publish.interval_s,
        enabled=settings.publish.enabled,
        anew=settings.ledger.store == "memory",
    )
    publisher.follow(ledger.tree())
    return publisher


def _heads(settings: Settings, world: World, ledger: Writer, publisher: Publisher) -> HeadsJob | None:
    """The heads log of the ledger, published below it; None where it is turned off."""
    if not settings.heads.enabled:
        return None
    heads = open_heads(
        ledger.tree(),
        files=world.files,
        directory=world.directory,
        entropy=world.entropy,
        vfs=world.vfs,
        in_memory=settings.ledger.store == "memory",
    )
    try:
        publisher.follow(heads, HEADS_PREFIX)
    except BaseException:
        heads.close()
        raise
    return HeadsJob(heads, ledger, world.clock, interval_s=settings.heads.interval_s, events=settings.heads.events)


def _outside(settings: Settings, world: World, ledger: Writer, metrics: Metrics) -> Outside:
    """Witnesses and timestamps; what can not be read of them keeps the hub from starting."""
    return Outside(
        settings,
        ledger=ledger,
        files=world.files,
        clock=world.clock,
        entropy=world.entropy,
        metrics=metrics,
        fetch=world.fetch,
    )


def _limits(settings: Settings) -> Limits:
    delivery = settings.delivery
    return Limits(
        batch_records=delivery.batch_records,
        linger_s=delivery.linger_ms / 1_000,
        patience=Patience(
            first_s=delivery.retry_first_s, longest_s=delivery.retry_longest_s, limit=delivery.retry_limit
        ),
    )


def _pullers(
    settings: Settings,
    parties: Mapping[str, Party],
    adapters: Mapping[str, Adapter],
    transports: list[HttpTransport],
    admit: Admit,
    world: World,
) -> list[Puller]:
    pullers = []
    for one in settings.party:
        address = parties[one.id].address
        if not one.pull or address is None:
            continue
        transport = HttpTransport(connections=1)
        source = adapters[one.adapter].source(address, transport, one.id, world.clock.now)
        if source is None:
            raise Misconfigured("config.invalid", f"format {one.adapter} can not be pulled", name=f"party {one.id}")
        transports.append(transport)
        jitter = world.entropy.stream(f"pull/{one.id}").random
        pullers.append(Puller(source, admit, interval_s=one.pull_interval_s, jitter=jitter))
    return pullers


def _body_limits(settings: Settings, adapters: Mapping[str, Adapter]) -> Mapping[str, int]:
    """Largest body by format: more where attachments travel inside the message."""
    inline = settings.hub.max_inline_attachments_bytes
    return {name: settings.hub.max_body_bytes if name == "portal" else inline for name in adapters}


def _views_path(settings: Settings, world: World) -> str:
    return ":memory:" if settings.ledger.store == "memory" else str(PurePosixPath(world.directory) / VIEWS_FILE)


def _shown(party: Party, settings: Settings) -> dict[str, Any]:
    return {
        "id": party.id,
        "name": party.name,
        "adapter": party.adapter,
        "agencies": list(party.agencies),
        "role": party.role,
        "enabled": party.enabled,
        "receives": party.address is not None,
        "told_of": sorted({one.from_ for one in settings.route if party.id in one.to}),
    }


async def cancel_and_wait(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End tasks of ours and wait for them, in order."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        await asyncio.wait((task,))
