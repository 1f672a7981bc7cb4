"""A hub behind its real doors, with simulated parties round it: everything over sockets of this machine.

The configuration lies on disk as an operator would write it, so that the same directory can also be served by a process
of its own or judged by the command line.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import ClientSession, ClientTimeout

from adapters.sandbox.stage import Stage
from adapters.sandbox.traffic import Traffic
from contracts.ports import Entropy
from hub.api.access import Issued, issue, write_grants
from hub.deliver import Target
from hub.demo.judge import Finding, judge
from hub.route import Route
from hub.serving import Serving
from hub.settings import load
from hub.watch import Watch
from hub.wiring import Hub, build, real_world
from hub.world import DiskFiles
from hub.world_seeded import SeededEntropy
from monitoring.metrics import Metrics

CONFIG: Final = "lienthong.toml"
FORMATS: Final = ("portal", "opencps", "civil_status")
PROVINCE: Final = "tinh-mau"
MINISTRY: Final = "bo-tu-phap"
PORTAL: Final = "cong-dvcqg"
COUNTER: Final = "mot-cua-hai"
"""A one-stop system that sends portal packets and is sent nothing; the office of H98."""
BARE: Final = "tinh-mau-ba"
"""Another sender for H98, which is not the office that works on its dossiers."""
THRIFTY: Final = "it-han-muc"
BARRED: Final = "bi-khoa"
AUDITOR: Final = "thanh-tra"
OPERATOR: Final = "van-hanh"

_HEAD: Final = """\
[hub]
directory = "."
port = 0
ops_port = 0
shutdown_timeout_s = 10.0
{hub}

[ledger]
origin = "lienthong.example/kiem-thu"

[delivery]
retry_first_s = 0.05
retry_longest_s = 0.5
retry_limit = 500

[log]
level = "warning"
format = "json"

[[party]]
id = "tinh-mau"
adapter = "opencps"
name = "Một cửa tỉnh Mẫu"
agencies = ["H99"]
{opencps}
[party.profile.options]
trace_arrays = "true"
sync_arrays = "true"

[[party]]
id = "bo-tu-phap"
adapter = "civil_status"
name = "Hộ tịch liên thông"
agencies = ["G15"]
national = true
{civil_status}
[party.profile.options]
arrays = "true"

[[party]]
id = "cong-dvcqg"
adapter = "portal"
name = "Cổng Dịch vụ công quốc gia"
role = "portal"
national = true
agency = "000.00.00.H99"
{portal}

[[party]]
id = "mot-cua-hai"
adapter = "portal"
name = "Một cửa tỉnh Mẫu Hai"
agencies = ["H98"]

[[party]]
id = "tinh-mau-ba"
adapter = "portal"
name = "Hệ thống chỉ đổi được địa chỉ"
agencies = ["H98"]

[[party]]
id = "it-han-muc"
adapter = "portal"
name = "Hệ thống có hạn mức nhỏ"
agencies = ["H98"]
quota_per_s = 0.02
quota_burst = 2

[[party]]
id = "bi-khoa"
adapter = "portal"
name = "Hệ thống bị tạm khoá"
agencies = ["H98"]
enabled = false
"""
_ADDRESS: Final = """\
base_url = "{url}"
username = "{username}"
secret_file = "secrets/{name}"
timeout_s = 5.0
"""
_PULL: Final = "pull = true\npull_interval_s = 0.05\n"
_ROUTES: Final = """
[[route]]
from = "tinh-mau"
to = ["cong-dvcqg"]

[[route]]
from = "mot-cua-hai"
to = ["cong-dvcqg"]

[[route]]
from = "bo-tu-phap"
to = ["tinh-mau", "cong-dvcqg"]

[[route]]
from = "cong-dvcqg"
to = ["tinh-mau"]

[[route]]
from = "tinh-mau"
to = ["bo-tu-phap"]
procedures = ["2.002621", "2.002622"]
"""
_GRANTS: Final = (
    (PROVINCE, "party", "mapi", "opencps", ("H99",)),
    (PROVINCE, "party", "bearer", "opencps", ("H99",)),
    (PORTAL, "party", "mapi", "portal", ("*",)),
    (PORTAL, "party", "bearer", "portal", ("*",)),
    (MINISTRY, "party", "bearer", "civil_status", ("*",)),
    (COUNTER, "party", "mapi", "portal", ("H98",)),
    (COUNTER, "party", "bearer", "portal", ("H98",)),
    (COUNTER, "party", "path", "portal", ("H98",)),
    (BARE, "party", "path", "portal", ("H98",)),
    (BARE, "party", "bearer", "portal", ("H98",)),
    (THRIFTY, "party", "bearer", "portal", ("H98",)),
    (THRIFTY, "party", "mapi", "portal", ("H98",)),
    (BARRED, "party", "bearer", "portal", ("H98",)),
    (AUDITOR, "auditor", "bearer", "", ()),
    (OPERATOR, "operator", "bearer", "", ()),
)


class Secrets:
    """What every caller logs in with."""

    def __init__(self, issued: Sequence[Issued]) -> None:
        self._issued = tuple(issued)

    def of(self, party: str, kind: str = "bearer") -> str:
        """The secret of a party's credential of one kind."""
        return next(one.secret for one in self._issued if one.grant.party == party and one.grant.kind == kind)

    def login(self, party: str) -> dict[str, str]:
        """User name and secret of a party's mapi credential."""
        return {"username": party, "secret": self.of(party, "mapi")}

    def bearer(self, party: str) -> dict[str, str]:
        """The header that shows a party's bearer token."""
        return {"Authorization": f"Bearer {self.of(party)}"}


def configuration(stage: Stage | None, addresses: Mapping[str, str], *, hub: str = "") -> str:
    """The configuration; with a stage its parties are told and pulled, without one nobody is."""
    logins = {} if stage is None else stage.credentials()
    blocks = dict.fromkeys(FORMATS, "")
    for name, url in addresses.items():
        blocks[name] = _ADDRESS.format(url=url, username=logins[name][0], name=name)
    if blocks["civil_status"]:
        blocks["civil_status"] += _PULL
    return _HEAD.format(hub=hub, **blocks) + (_ROUTES if addresses else "")


def furnish(root: Path, entropy: Entropy, text: str, stage: Stage | None) -> Secrets:
    """Write configuration, secrets and credentials below ``root``."""
    files = DiskFiles(root)
    files.write_durable(CONFIG, text.encode())
    for name, (_, secret) in ({} if stage is None else stage.credentials()).items():
        files.write_durable(f"secrets/{name}", secret.encode(), mode=0o600)
    issued = [
        issue(entropy, party=party, role=role, kind=kind, adapter=adapter, agencies=agencies)  # type: ignore[arg-type]  # a table of literals
        for party, role, kind, adapter, agencies in _GRANTS
    ]
    write_grants(files, tuple(one.grant for one in issued))
    return Secrets(issued)


class Answer(msgspec.Struct, frozen=True):
    """One answer of the hub."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of ``errors[]``."""
        return [error["code"] for error in self.json["errors"]]


class Attentive(Watch):
    """A watch that keeps what should never happen, so that a test can not pass over it."""

    def __init__(self) -> None:
        super().__init__(Metrics())
        self.faults: list[BaseException] = []

    def on_fault(self, route: str, error: BaseException) -> None:
        """Something unforeseen happened inside a handler."""
        super().on_fault(route, error)
        error.add_note(f"in {route}")
        self.faults.append(error)

    def failed(self, target: str, stage: str, error: Exception) -> None:
        """Something that should not happen did."""
        super().failed(target, stage, error)
        error.add_note(f"{stage} of {target}")
        self.faults.append(error)


class Served:
    """A hub that is being served, and a client of its doors."""

    def __init__(self, serving: Serving, secrets: Secrets, session: ClientSession, stage: Stage | None) -> None:
        self.serving = serving
        self.hub: Hub = serving.hub
        self.secrets = secrets
        self.session = session
        self._stage = stage

    @property
    def root(self) -> Path:
        """Where the hub keeps its files."""
        return Path(self.hub.world.directory)

    @property
    def stage(self) -> Stage:
        """The simulated parties."""
        if self._stage is None:
            raise LookupError("this hub stands alone")
        return self._stage

    @property
    def url(self) -> str:
        """The user port."""
        return self.serving.base_url

    async def call(
        self,
        method: str,
        path: str,
        *,
        by: str = "",
        body: object = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; ``by`` names the party whose bearer token is shown, ``body`` is sent as it is or as JSON."""
        data = io.BytesIO(body if isinstance(body, bytes) else msgspec.json.encode(body))
        shown = {**(self.secrets.bearer(by) if by else {}), **(headers or {})}
        async with self.session.request(
            method, self.url + path, data=data if body != b"" else None, headers=shown
        ) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def get(self, path: str, *, by: str = "", headers: Mapping[str, str] | None = None) -> Answer:
        """One GET."""
        return await self.call("GET", path, by=by, headers=headers)

    async def post(
        self, path: str, body: object = b"", *, by: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One POST."""
        return await self.call("POST", path, by=by, body=body, headers=headers)

    async def message(self, body: object, *, by: str, key: str, headers: Mapping[str, str] | None = None) -> Answer:
        """One message through ``POST /v1/messages``."""
        return await self.post("/v1/messages", body, by=by, headers={"Idempotency-Key": key, **(headers or {})})

    async def mapi(self, service: str, records: object, *, session: str, **members: object) -> Any:
        """One call of a mapi service; its answer, decoded."""
        packet = {"session": session, "madonvi": "000.00.00.H98", "service": service, "data": records, **members}
        answer = await self.post("/mapi/g", packet, headers={"Content-Type": "application/json"})
        assert answer.status == 200, answer.body
        return answer.json

    def path(self, party: str, rest: str) -> str:
        """An address below the secret first segment of a party."""
        return f"/p/{self.secrets.of(party, 'path')}{rest}"

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels, as Prometheus would scrape it."""
        async with self.session.get(self.serving.ops_url + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith((name + "{", name + " ")))

    async def login(self, party: str) -> str:
        """A mapi session."""
        login = self.secrets.login(party)
        answer = await self.post("/mapi/login", {"username": login["username"], "password": login["secret"]})
        session: str = answer.json["session"]
        return session

    async def settle(self, *, timeout_s: float = 60.0) -> None:
        """Wait until every target knows everything and the views contain it."""
        async with asyncio.timeout(timeout_s):
            while True:
                await self.hub.ledger.durable(self.hub.ledger.placed)
                await self.hub.views.catch_up()
                placed = self.hub.ledger.placed
                if self.hub.delivery.idle(placed) and self.hub.views.position >= placed:
                    return
                await asyncio.sleep(0.02)

    async def traffic(self, *, seed: int, dossiers: int, seconds: float = 60.0, first: int = 0) -> dict[str, Any]:
        """Let the three parties live some dossiers; what each sender did."""
        order = traffic_order(self.url, self.secrets, seed=seed, dossiers=dossiers, seconds=seconds, first=first)
        return await Traffic(self.stage, self.session, order, report=lambda _: None).run()

    async def judged(self) -> list[Finding]:
        """Where a simulated party does not hold what the log says."""
        return await judged(self.hub, self.stage.holdings())


def traffic_order(
    url: str, secrets: Secrets, *, seed: int, dossiers: int, seconds: float, first: int = 0
) -> dict[str, Any]:
    """The order of ``adapters.sandbox.traffic``."""
    return {
        "hub": url,
        "senders": {"opencps": secrets.login(PROVINCE), "portal": secrets.login(PORTAL)},
        "seconds": seconds,
        "dossiers": dossiers,
        "seed": seed,
        "first": first,
    }


async def judged(hub: Hub, holdings: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Where what the parties hold differs from what the log says."""
    routes = [
        Route(source=one.from_, to=one.to, agencies=one.agencies, procedures=one.procedures, kinds=one.facts)
        for one in hub.settings.route
    ]
    targets = [
        Target(
            party=name,
            adapter=hub.adapters[party.adapter].for_profile(party.profile),
            profile=party.profile,
            remotes=(),
        )
        for name, party in hub.parties.items()
        if party.address is not None
    ]
    return await judge(hub, holdings, routes, targets)


@asynccontextmanager
async def served(
    root: Path, *, profile: str = "", seed: int = 7, names: Sequence[str] = FORMATS, hub: str = ""
) -> AsyncIterator[Served]:
    """A served hub; with ``profile`` its three parties are simulated in that temper, without one it stands alone."""
    stage = Stage(names, profile=profile, seed=seed) if profile else None
    addresses = {} if stage is None else await stage.open({})
    secrets = furnish(root, SeededEntropy(seed), configuration(stage, addresses, hub=hub), stage)
    watch = Attentive()
    serving = Serving(build(load(root / CONFIG), real_world(str(root)), watch=watch))
    await serving.start()
    async with ClientSession(timeout=ClientTimeout(total=60)) as session:
        try:
            yield Served(serving, secrets, session, stage)
        finally:
            serving.request_stop()
            await serving.run()
            if stage is not None:
                await stage.close()
    for fault in watch.faults:
        raise fault
