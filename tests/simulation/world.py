"""One world: the whole hub of ``lienthong serve`` on a simulated machine, three systems, senders, faults, one seed."""

import asyncio
import gc
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from contracts.errors import HubError, IntegrityViolation
from contracts.ports import Entropy
from hub.api.access import issue, write_grants
from hub.serving import Serving
from hub.settings import Settings, check
from hub.watch import Watch
from hub.wiring import Hub, World, build
from hub.world_seeded import SeededEntropy
from monitoring.metrics import Metrics
from tests.integration.served import _GRANTS, Secrets
from tests.simulation import faults, judges
from tests.simulation.disk import VFS, Disk, SimFiles, SimVFS
from tests.simulation.faults import Fault, Plan
from tests.simulation.loop import BEGIN_S, EPOCH_S, SimLoop, run
from tests.simulation.network import Node, Reset
from tests.simulation.parties import IPS, Parties

ROOT: Final = "/hub"
PATIENCE_S: Final = 180.0
"""Virtual seconds after the last fault within which everything must be done."""
_SETTLE_LOOK_S: Final = 0.25
_RESTART_S: Final = 0.4
_MOST_LIVES: Final = 30
_WEATHERS: Final = ("calm", "calm", "calm", "flaky", "hostile")
_MICROS: Final = 1_000_000


class Result(msgspec.Struct, kw_only=True):
    """What a world showed. ``findings`` are ``judge: what``; two runs of one plan have equal traces, roots, images."""

    seed: int
    plan: list[dict[str, Any]]
    findings: list[str]
    trace: str = ""
    root: str = ""
    image: str = ""
    lives: int = 0
    events: int = 0
    seconds: float = 0.0
    steps: int = 0
    faults: int = 0

    @property
    def judge(self) -> str:
        """Which judge complained first, "" when none did."""
        return self.findings[0].partition(":")[0] if self.findings else ""


class NodeClock:
    """Time of day as one machine believes it: true time, a skew, and jumps."""

    def __init__(self, loop: SimLoop, node: "Machine") -> None:
        self._loop = loop
        self._node = node

    def now(self) -> int:
        """Microseconds UTC."""
        return int((EPOCH_S - BEGIN_S + self._loop.now_s) * _MICROS) + self._node.skew_us


class SimEntropy:
    """Randomness of one life, by purpose; quick, because every life draws keys ahead."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._random = faults.random_of(seed, "entropy")
        self._streams: dict[str, SimEntropy] = {}

    def stream(self, purpose: str) -> Entropy:
        """The stream for one purpose."""
        found = self._streams.get(purpose)
        if found is None:
            found = self._streams[purpose] = SimEntropy(f"{self._seed}/{purpose}")
        return found

    def bytes(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        return self._random.randbytes(n)

    def random(self) -> float:
        """The next float in [0, 1)."""
        return self._random.random()


class Machine:
    """The hub's machine: its disk and its clock outlive the lives of the hub."""

    def __init__(self, seed: object) -> None:
        self.disk = Disk(seed)
        self.skew_us = 0


class Attentive(Watch):
    """A watch that keeps what should never happen."""

    def __init__(self) -> None:
        super().__init__(Metrics())
        self.faults: list[str] = []

    def on_fault(self, route: str, error: BaseException) -> None:
        """Something unforeseen happened inside a handler."""
        if getattr(error, "code", "") != "ledger.unavailable":
            self.faults.append(f"{route}: {error!r}")

    def failed(self, target: str, stage: str, error: Exception) -> None:
        """Something that should not happen did."""
        if getattr(error, "code", "") != "ledger.unavailable":
            self.faults.append(f"{stage} of {target}: {error!r}")


class SimWorld:
    """One run of one seed and one plan."""

    def __init__(self, seed: int, plan: Plan, loop: SimLoop, machine: Machine) -> None:
        self.seed = seed
        self.plan = plan
        self.loop = loop
        self.drivers: list[SimVFS] = []
        self.machine = machine
        self.disk = machine.disk
        self.chance = faults.random_of(seed, "world")
        self.findings: list[str] = []
        self.serving: Serving | None = None
        self.lives = 0
        self.settings, self.secrets = self._furnish()
        weather = self.chance.choice(_WEATHERS)
        self._is_hostile = weather == "hostile"
        """A source that fails most of the time is asked ever more rarely: what still waits there is not lost."""
        self.parties = Parties(loop, seed, faults.random_of(seed, "party"), self.secrets, weather=weather)
        self._node: Node | None = None
        self._over: asyncio.Future[str] | None = None
        self._stopping = False
        self._watch = Attentive()
        self._supervisor: asyncio.Task[None] | None = None
        self.disk.on_power = self._power_cut
        self.last_fault_s = BEGIN_S
        self.final = ("", 0)

    def _furnish(self) -> tuple[Settings, Secrets]:
        """Configuration, secrets and credentials, on the disk before the first start."""
        files = SimFiles(self.disk, ROOT)
        entropy: Entropy = SeededEntropy(self.seed, purpose="grants")
        issued = [
            issue(entropy, party=party, role=role, kind=kind, adapter=adapter, agencies=agencies)  # type: ignore[arg-type]  # a table of literals
            for party, role, kind, adapter, agencies in _GRANTS
        ]
        write_grants(files, tuple(one.grant for one in issued))
        for name in ("portal", "opencps", "civil_status"):
            files.write_durable(f"secrets/{name}", b"mat-khau-mau", mode=0o600)
        return _SETTINGS, Secrets(issued)

    # ── lives of the hub ─────────────────────────────────────────────────────────────────────────

    @property
    def hub(self) -> Hub:
        """The hub of the present life."""
        if self.serving is None:
            raise LookupError("the hub does not live")
        return self.serving.hub

    def _power_cut(self) -> None:
        self._end("power")

    def _end(self, how: str) -> None:
        """The present life ends here: power cut or kill. Nothing of it runs any more."""
        node = self._node
        if node is None or not node.alive:
            return
        self.loop.note("end", how, b"")
        self.last_fault_s = self.loop.now_s
        self.loop.network.power_off(node, dark=how == "power")
        if how == "power":
            self.disk.cut_power()
        else:
            self.disk.end_process()
        self.serving = None
        if self._over is not None and not self._over.done():
            self._over.set_result(how)

    async def supervise(self) -> None:
        """Start the hub again whenever it ended, as systemd does."""
        while not self._stopping:
            self.lives += 1
            self._over = self.loop.create_future()
            self._node = Node("hub", IPS["hub"])
            driver = SimVFS(self.disk, seed=f"{self.seed}/{self.lives}", name=f"{VFS}-{self.lives}", default=True)
            self.drivers.append(driver)
            self.disk.arm(faults.of_disk(self.plan, self.lives))
            self.loop.note("boot", self.lives, b"")
            life = self.loop.start_in(self._node, self._live(self.lives))
            life.add_done_callback(self._ended)
            how = await self._over
            if how != "power":
                self.loop.network.power_off(self._node, dark=False)
                if how != "stopped":
                    self.disk.end_process()
            await asyncio.sleep(_RESTART_S * (1 + self.chance.random()))
            self.loop.network.power_on(IPS["hub"])

    async def _live(self, life: int) -> str:
        try:
            world = World(
                clock=NodeClock(self.loop, self.machine),
                entropy=SimEntropy(f"{self.seed}/{life}"),
                files=SimFiles(self.disk, ROOT),
                directory=ROOT,
                vfs=self.drivers[-1].name,
                socket_files=False,
            )
            hub = build(self.settings, world, watch=self._watch, accept_clock="nguoi-truc")
            serving = Serving(hub)
            await serving.start()
        except IntegrityViolation as error:
            self.loop.note("start failed", repr(error), b"")
            if self._is_current(life) and error.code != "ledger.unavailable":
                self.findings.append(f"store: life {life} does not start: {error.code} {error.detail}")
            return "failed"
        except (HubError, OSError, RuntimeError) as error:
            self.loop.note("start failed", repr(error), b"")
            if self._is_current(life) and not self.disk.hit:
                self.findings.append(f"store: life {life} does not start: {error!r}")
            return "failed"
        self.serving = serving
        return await serving.run()

    def _is_current(self, life: int) -> bool:
        """A process whose power was cut may end its step, without any effect on the world."""
        return life == self.lives and self._node is not None and self._node.alive

    def _ended(self, life: "asyncio.Task[str]") -> None:
        self.serving = None
        if self._over is not None and not self._over.done():
            error = None if life.cancelled() else life.exception()
            if error is not None and not self.disk.hit:
                self.findings.append(f"life: the hub ended with {error!r}")
            how = repr(error) if error else life.result()
            self.loop.note("ended", how, b"")
            if self.disk.hit:
                self.last_fault_s = self.loop.now_s
            self._over.set_result("stopped" if error is None and life.result() != "failed" else "failed")

    async def stop(self) -> None:
        """An orderly stop for good."""
        self._stopping = True
        serving = self.serving
        if serving is not None and self._over is not None:
            serving.request_stop()
            await self._over

    # ── faults by time ───────────────────────────────────────────────────────────────────────────

    def plan_faults(self) -> None:
        """Set a timer for every fault that has a time."""
        for fault in self.plan:
            if "at" in fault:
                self.loop.call_later(float(fault["at"]), self._inject, fault)

    def _inject(self, fault: Fault) -> None:
        network = self.loop.network
        self.loop.note("fault", fault["do"], b"")
        self.last_fault_s = max(self.last_fault_s, self.loop.now_s + float(fault.get("for", 0.0)))
        match fault["do"]:
            case "power" | "kill":
                self._end(fault["do"])
            case "clock":
                self.machine.skew_us += int(fault["seconds"] * _MICROS)
            case "reset":
                pair = frozenset((IPS["hub"], IPS[fault["who"]]))
                network.resets.append(Reset(pair, after=bool(fault["after"]), skip=int(fault.get("skip", 0))))
            case "cut":
                network.cuts[frozenset((IPS["hub"], IPS[fault["who"]]))] = self.loop.now_s + float(fault["for"])
            case "slow":
                network.slow[IPS[fault["who"]]] = float(fault["by"])
                self.loop.call_later(float(fault["for"]), network.slow.pop, IPS[fault["who"]], None)
            case unknown:
                raise LookupError(unknown)

    # ── from beginning to end ────────────────────────────────────────────────────────────────────

    async def unfold(self) -> None:
        """Everything: traffic under faults, quiet, a last power cut, the judges."""
        await self.parties.open()
        self._supervisor = self.loop.create_task(self.supervise())
        self.plan_faults()
        self.parties.start()
        await asyncio.sleep(faults.last_at(self.plan))
        if not await self._settled("traffic"):
            return
        if self.chance.random() < 0.5:
            self._end("power")
        if await self._settled("the last power cut"):
            await judges.judge(self)
            await self.stop()
            await self.parties.close()
            await asyncio.sleep(1.0)
            self.findings += judges.leaks(self)
        self.findings += [f"life: {fault}" for fault in self._watch.faults]

    async def _settled(self, what: str) -> bool:
        while self.loop.now_s - self.last_fault_s < PATIENCE_S:
            await asyncio.sleep(_SETTLE_LOOK_S)
            if self.lives > _MOST_LIVES:
                self.findings.append(f"liveness: {self.lives} lives and no end of it")
                return False
            serving = self.serving
            if serving is None or not serving.base_url or not self.parties.are_done:
                continue
            hub = serving.hub
            if (
                hub.delivery.idle(hub.ledger.committed)
                and hub.views.position >= hub.ledger.committed
                and (self._is_hostile or not self.parties.stage.simulators["civil_status"].waiting())
            ):
                return True
        self.findings.append(f"liveness: not done {PATIENCE_S:.0f} s after {what}: {self._why()}")
        return False

    def _why(self) -> str:
        if not self.parties.are_done:
            return f"{sum(not task.done() for task in self.parties.senders)} senders wait"
        if self.serving is None:
            return "the hub does not live"
        hub = self.serving.hub
        return f"committed {hub.ledger.committed}, views {hub.views.position}, {hub.delivery.status()}"


def _settings() -> Settings:
    party: list[Mapping[str, Any]] = [
        _party("tinh-mau", "opencps", ("H99",), "opencps", {"trace_arrays": "true", "sync_arrays": "true"}),
        _party("bo-tu-phap", "civil_status", ("G15",), "civil_status", {"arrays": "true"})
        | {"national": True, "pull": True, "pull_interval_s": 1.5},
        _party("cong-dvcqg", "portal", (), "portal", {})
        | {"role": "portal", "national": True, "agency": "000.00.00.H99"},
        {"id": "mot-cua-hai", "adapter": "portal", "agencies": ["H98"]},
    ]
    return check(
        {
            "hub": {"host": IPS["hub"], "ops_host": IPS["hub"], "shutdown_timeout_s": 5.0},
            "ledger": {"origin": "lienthong.example/mo-phong"},
            "delivery": {"retry_first_s": 0.2, "retry_longest_s": 3.0, "retry_limit": 500},
            "party": party,
            "route": [
                {"from": "tinh-mau", "to": ["cong-dvcqg"]},
                {"from": "mot-cua-hai", "to": ["cong-dvcqg"]},
                {"from": "bo-tu-phap", "to": ["tinh-mau", "cong-dvcqg"]},
                {"from": "cong-dvcqg", "to": ["tinh-mau"]},
                {"from": "tinh-mau", "to": ["bo-tu-phap"], "procedures": ["2.002621", "2.002622"]},
            ],
        }
    )


def _party(
    name: str, adapter: str, agencies: tuple[str, ...], machine: str, options: Mapping[str, str]
) -> dict[str, Any]:
    users = {"opencps": "opencps-mau", "civil_status": "dvclt", "portal": "lienthong"}
    return {
        "id": name,
        "adapter": adapter,
        "agencies": list(agencies),
        "base_url": f"http://{IPS[machine]}",
        "username": users[machine],
        "secret_file": f"secrets/{machine}",
        "timeout_s": 4.0,
        "profile": {"options": dict(options)},
    }


_SETTINGS: Final = _settings()


def simulate(
    seed: int, plan: Plan | None = None, *, lines: list[str] | None = None, prepare: Callable[[], Any] | None = None
) -> Result:
    """Run one world in this process. For equal results run it in a child that was forked for it."""
    planned = [dict(fault) for fault in (faults.draw(seed) if plan is None else plan)]
    loop = SimLoop(seed, lines=lines)
    machine = Machine(seed)
    enabled = gc.isenabled()
    gc.disable()
    world = SimWorld(seed, planned, loop, machine)
    try:
        run(world.unfold(), loop, seed=seed)
    except Exception as error:  # noqa: BLE001  # a world that breaks is a finding of its seed
        world.findings.append(f"world: {error!r}")
    finally:
        for driver in world.drivers:
            driver.unregister()
        if enabled:
            gc.enable()
    _GRAVEYARD.append(world)
    return Result(
        seed=seed,
        plan=planned,
        findings=[*world.findings, *world.parties.findings],
        trace=loop.digest,
        root=judges.root_of(world),
        image=machine.disk.digest(),
        lives=world.lives,
        events=judges.size_of(world),
        seconds=loop.now_s - BEGIN_S,
        steps=loop.steps,
        faults=len(planned),
    )


_GRAVEYARD: Final[list[SimWorld]] = []
"""Dead worlds are kept: a finalizer that runs at some moment would make the next world depend on it."""


def main() -> None:
    """Run one seed and print what it showed."""
    sys.stdout.buffer.write(msgspec.json.encode(simulate(int(sys.argv[1]))) + b"\n")


if __name__ == "__main__":
    main()
