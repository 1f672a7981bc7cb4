"""``lienthong demo``: the hub of ``lienthong serve`` between three simulated parties in a process of their own."""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import uvloop

from contracts.errors import TargetUnavailable
from hub.commands.output import emit_json, say
from hub.commands.serve import with_ports
from hub.deliver import Target
from hub.demo import scene
from hub.demo.judge import Finding, judge
from hub.demo.measure import Measured
from hub.route import Route
from hub.serving import Serving
from hub.settings import Settings, load
from hub.wiring import Hub, build, real_world
from hub.world import DiskFiles, SystemEntropy
from monitoring import logs

_SETTLE_S: Final = 120.0
_LOOK_S: Final = 0.1
_ADAPTERS: Final = ("portal", "opencps", "civil_status")
_STATE_FILE: Final = "demo.json"
EXIT_OK: Final = 0
EXIT_DIFFERS: Final = 3
EXIT_INTERRUPTED: Final = 130


class Plan(NamedTuple):
    """What the command line asked for."""

    seconds: float
    dossiers: int
    seed: int
    directory: str
    headless: bool
    keep: bool
    profile: str
    port: int | None
    ops_port: int | None
    as_json: bool


def run(plan: Plan) -> int:
    """Run the demo; 0 only when every simulated party holds exactly what the log says."""
    logs.configure("warning", "auto")
    root = Path(plan.directory)
    if not plan.keep:
        scene.clear(root)
    return uvloop.run(_demo(plan, root))


async def _demo(plan: Plan, root: Path) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    parties = await Parties.open(plan, _read_state(root))
    try:
        files = DiskFiles(root)
        senders = scene.set_up(
            root,
            files,
            SystemEntropy(),
            addresses=parties.addresses,
            logins=parties.logins,
            port=8080 if plan.port is None else plan.port,
            ops_port=9100 if plan.ops_port is None else plan.ops_port,
        )
        settings = with_ports(load(root / scene.CONFIG_FILE), port=plan.port, ops_port=plan.ops_port)
        measured = Measured()
        hub = build(settings, real_world(str(root)), watch=measured.watch)
        serving = Serving(hub)
        await serving.start()
        scene.publish_credentials(files, hub.access.grants, senders["all"], serving.base_url)
        try:
            code = await _until(stop, _show(plan, serving, parties, senders, measured))
            if code is None:
                return EXIT_INTERRUPTED
            if not plan.headless:
                say("Stop: Ctrl-C · Next: lienthong dossier list · lienthong log verify")
                await stop.wait()
            return code
        finally:
            serving.request_stop()
            await serving.run()
            files.write_durable(_STATE_FILE, msgspec.json.encode(await parties.kept()))
    finally:
        await parties.close()


async def _show(
    plan: Plan, serving: Serving, parties: "Parties", senders: Mapping[str, Mapping[str, str]], measured: Measured
) -> int:
    say(f"Hub {serving.base_url} · operations {serving.ops_url} · state {plan.directory}")
    started = serving.hub.ledger.committed
    loop = asyncio.get_running_loop()
    began = loop.time()
    done = await parties.traffic(plan, serving.base_url, senders, first=started)
    settled = await _settle(serving.hub)
    seconds = loop.time() - began
    held = await parties.holdings()
    findings = await judge(serving.hub, held, _routes(serving.hub), _targets(serving.hub))
    result = measured.summary(serving, seconds=seconds, sent=done, held=held, ok=settled and not findings)
    if plan.as_json:
        emit_json(result)
    else:
        _print(result, findings)
    for finding in findings[:20]:
        say(f"differs: {finding.party} {finding.code} {finding.what} {finding.detail}")
    return EXIT_OK if result["ok"] else EXIT_DIFFERS


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, int]) -> int | None:
    """The result of the work; None when it was told to stop first."""
    loop = asyncio.get_running_loop()
    working, stopping = loop.create_task(work), loop.create_task(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopping):
        task.cancel()
        await asyncio.wait((task,))
    return None if working.cancelled() else working.result()


def _read_state(root: Path) -> dict[str, Any]:
    """What the simulated parties kept of the last run; nothing where that was cleared."""
    path = root / _STATE_FILE
    kept: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.is_file() else {}
    return kept


async def _settle(hub: Hub) -> bool:
    """Wait until nothing is open at any target and the views have caught up; False after two minutes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _SETTLE_S
    while loop.time() < deadline:
        await hub.views.catch_up()
        if hub.delivery.idle(hub.ledger.placed) and hub.views.position >= hub.ledger.placed:
            return True
        await asyncio.sleep(_LOOK_S)
    return False


def _print(result: Mapping[str, Any], findings: list[Finding]) -> None:
    say(f"{result['dossiers']} dossiers, {result['events']} events in {result['seconds']:.1f} s")
    for route, latency in result["latency_ms"].items():
        say(f"  {route}: p50 {latency['p50']} ms, p95 {latency['p95']} ms, p99 {latency['p99']} ms")
    for name, counts in result["parties"].items():
        say(f"  {name}: " + ", ".join(f"{kind} {number}" for kind, number in counts.items()))
    say(f"log: size {result['tree_size']}, root {result['root_hash']}")
    say("every party holds exactly what the log says" if result["ok"] else f"{len(findings)} differences")


def _routes(hub: Hub) -> list[Route]:
    return [
        Route(source=one.from_, to=one.to, agencies=one.agencies, procedures=one.procedures, kinds=one.facts)
        for one in hub.settings.route
    ]


def _targets(hub: Hub) -> list[Target]:
    return [
        Target(party=name, adapter=hub.adapters[party.adapter], profile=party.profile, remotes=())
        for name, party in hub.parties.items()
        if party.address is not None
    ]


class Parties:
    """The second process: simulated parties and their senders, spoken to in JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.addresses: dict[str, str] = {}
        self.logins: dict[str, list[str]] = {}

    @classmethod
    async def open(cls, plan: Plan, kept: Mapping[str, Any]) -> "Parties":
        """Start the process and its simulators, going on from what they kept."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "adapters.sandbox",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=256 * 1024 * 1024,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the hub; the parties end when it closes their stdin
        )
        parties = cls(process)
        answer = await parties._ask(
            {"do": "open", "names": _ADAPTERS, "profile": plan.profile, "seed": plan.seed, "ports": {}, "kept": kept}
        )
        parties.addresses = answer["addresses"]
        parties.logins = answer["credentials"]
        return parties

    async def traffic(
        self, plan: Plan, hub: str, senders: Mapping[str, Mapping[str, str]], *, first: int
    ) -> dict[str, Any]:
        """Let traffic flow for the planned time, showing how far it is."""
        self._tell(
            {
                "do": "traffic",
                "hub": hub,
                "senders": {name: senders[name] for name in ("opencps", "portal")},
                "seconds": plan.seconds,
                "dossiers": plan.dossiers,
                "seed": plan.seed,
                "first": first,
            }
        )
        while True:
            answer = await self._hear()
            if "done" in answer:
                done: dict[str, Any] = answer["done"]
                return done
            if sys.stderr.isatty():
                sys.stderr.write(f"\r  sent: {answer['progress']}   ")

    async def holdings(self) -> dict[str, Any]:
        """What every simulated party holds."""
        answer = await self._ask({"do": "holdings"})
        held: dict[str, Any] = answer["holdings"]
        return held

    async def kept(self) -> dict[str, Any]:
        """What the parties need to go on in a later run. Traffic may be cut short: its reports are passed over."""
        self._tell({"do": "keep"})
        while "kept" not in (answer := await self._hear()):
            pass
        kept: dict[str, Any] = answer["kept"]
        return kept

    async def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self._tell(order)
        return await self._hear()

    def _tell(self, order: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise TargetUnavailable
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    async def _hear(self) -> dict[str, Any]:
        line = await self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:
            raise TargetUnavailable("target.unavailable", "the process of the simulated parties ended")
        heard: dict[str, Any] = msgspec.json.decode(line)
        return heard


def _environment() -> dict[str, str]:
    """The second process finds the same packages, sealed in a wheel or not, and none of the folder it is started in."""
    return {"PYTHONPATH": ":".join(path for path in sys.path if path), "PYTHONSAFEPATH": "1"}


def effective(settings: Settings) -> dict[str, Any]:
    """The settings as they count, for the log."""
    return settings.model_dump(by_alias=True)
