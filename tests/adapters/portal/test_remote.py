"""The portal as a target, over real HTTP against the simulator and over memory against single faults."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp.test_utils import TestServer

from adapters.kit import full_picture
from adapters.portal import ADAPTER
from adapters.portal.simulator import PASSWORD, USERNAME, Simulator, Weather
from adapters.transports.http_client import HttpTransport
from adapters.transports.memory import MemoryTransport
from contracts.delivery import Outcome, Rendering, Reply, Request, Unrenderable
from contracts.errors import TargetUnavailable
from contracts.picture import Due, Picture, step_digest
from contracts.ports import Address, Profile, Remote

PICTURE = full_picture()
Connect = Callable[..., Awaitable[Remote]]


def rendered(*, known: bool = False, profile: Profile | None = None, code: str = "") -> list[Rendering]:
    picture = PICTURE if not code else Picture(code=code, fields=PICTURE.fields, state=PICTURE.state)
    due = Due(picture=picture, code=picture.code, record=True, steps=picture.steps, known=known)
    written = ADAPTER.write(due, profile or Profile())
    assert not isinstance(written, Unrenderable)
    return list(written)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    servers: list[TestServer] = []
    transport = HttpTransport()

    async def start(simulator: Simulator, profile: Profile | None = None, timeout_s: float = 5.0) -> Remote:
        server = TestServer(simulator.app())
        await server.start_server()
        servers.append(server)
        address = Address(
            base_url=str(server.make_url("/")),
            username=USERNAME,
            secret=PASSWORD,
            agency="000.00.00.H99",
            timeout_s=timeout_s,
        )
        return ADAPTER.remote(address, transport, profile or Profile())

    yield start
    await transport.close()
    for server in servers:
        await server.close()


async def test_a_record_and_its_rows_arrive_as_they_were_rendered(connect: Connect) -> None:
    simulator = Simulator()
    remote = await connect(simulator)
    record, *rows = rendered()

    outcomes = [await remote.send([record]), await remote.send(rows)]

    assert [outcome.verdict for outcome in outcomes] == ["done", "done"]
    held = simulator.holdings()[PICTURE.code]
    assert held["fields"] == json.loads(record.body)
    assert held["rows"] == [json.loads(row.body) for row in rows]
    assert held["status"] == "4"
    assert simulator.calls == ["login", "DongBoHoSoMC", "CapNhatTienDoHoSoMC"]


async def test_xml_arrives_too(connect: Connect) -> None:
    simulator = Simulator()
    profile = Profile(options={"format": "xml"})
    remote = await connect(simulator, profile)
    record, *rows = rendered(profile=profile)

    assert (await remote.send([record])).verdict == "done"
    assert (await remote.send(rows)).verdict == "done"
    assert simulator.holdings()[PICTURE.code]["fields"]["ChuHoSo"] == PICTURE.fields["applicant_name"]


async def test_an_expired_session_is_renewed_without_anybody_noticing(connect: Connect) -> None:
    simulator = Simulator()
    remote = await connect(simulator)
    await remote.send(rendered()[:1])
    simulator.end_sessions()

    outcome = await remote.send(rendered(known=True)[:1])

    assert outcome.verdict == "done"
    assert simulator.calls.count("login") == 2


async def test_a_known_dossier_sent_as_new_exists_and_an_unknown_update_is_missing(connect: Connect) -> None:
    simulator = Simulator(weather=Weather(strict=True))
    remote = await connect(simulator)

    verdicts = [
        (await remote.send(rendered(known=True)[:1])).verdict,
        (await remote.send(rendered()[:1])).verdict,
        (await remote.send(rendered()[:1])).verdict,
        (await remote.send(rendered(known=True)[:1])).verdict,
    ]

    assert verdicts == ["missing", "done", "exists", "done"]


async def test_asking_tells_the_record_and_the_rows_by_digest(connect: Connect) -> None:
    remote = await connect(Simulator())
    record, *rows = rendered()
    assert (await remote.ask(PICTURE.code)).known is False
    await remote.send([record])
    await remote.send(rows)

    standing = await remote.ask(PICTURE.code)

    assert (standing.askable, standing.known, standing.state) == (True, True, "4")
    assert standing.rows == tuple(step_digest(one.at.us, one.state, one.step) for one in PICTURE.steps)
    assert json.loads(standing.record) == json.loads(record.body)


async def test_a_portal_that_keeps_its_rows_to_itself_says_nothing_of_them(connect: Connect) -> None:
    remote = await connect(Simulator(weather=Weather(tells_rows=False)))
    await remote.send(rendered()[:1])

    assert (await remote.ask(PICTURE.code)).rows is None


async def test_a_portal_that_can_not_be_asked_is_not(connect: Connect) -> None:
    simulator = Simulator()
    remote = await connect(simulator, Profile(options={"askable": "no"}))

    assert (await remote.ask("x")).askable is False
    assert simulator.calls == []


@pytest.mark.parametrize(
    ("weather", "verdict", "applied"),
    [
        (Weather(error_before=1.0), "unknown", False),
        (Weather(error_after=1.0), "unknown", True),
        (Weather(cut_before=1.0), "unknown", False),
        (Weather(cut_after=1.0), "unknown", True),
        (Weather(hang_after=1.0, hang_s=0.5), "unknown", True),
        (Weather(garbled=1.0), "unknown", True),
        (Weather(busy=1.0), "retry", False),
    ],
)
async def test_every_fault_is_understood_and_nothing_is_sent_twice(
    connect: Connect,
    weather: Weather,
    verdict: str,
    applied: bool,  # noqa: FBT001  # a column of the table
) -> None:
    simulator = Simulator(weather=weather)
    remote = await connect(simulator, timeout_s=0.3)

    outcome: Outcome = await remote.send(rendered()[:1])

    assert outcome.verdict == verdict
    assert (PICTURE.code in simulator.dossiers) is applied
    assert simulator.calls.count("DongBoHoSoMC") == 1


async def test_wrong_credentials_wait_and_blame_no_record() -> None:
    remote, seen = memory(
        lambda _: Reply(status=200, body=b'{"error_code": 1, "message": "Sai m\xe1\xba\xadt kh\xe1\xba\xa9u"}')
    )

    outcome = await remote.send(rendered()[:1])

    assert (outcome.verdict, outcome.phrase) == ("retry", "login.refused")
    assert outcome.retry_after_s >= 1
    assert len(seen) == 1


def memory(answer: Callable[[Request], Reply], **options: str) -> tuple[Remote, list[Request]]:
    seen: list[Request] = []

    async def handle(request: Request) -> Reply:
        seen.append(request)
        return answer(request)

    address = Address(base_url="http://cong.example.vn/", username="u", secret="s", agency="H99")
    return ADAPTER.remote(address, MemoryTransport(handle), Profile(options=options)), seen


def accepting(request: Request) -> Reply:
    if request.url.endswith("login"):
        return Reply(status=200, body=b'{"error_code": 0, "session": "phien \\"1\\""}')
    return Reply(status=200, body=b'{"error_code": "0", "message": ""}')


async def test_the_envelope_is_mapis_own_and_addresses_are_options() -> None:
    remote, seen = memory(
        lambda request: accepting(Request(method="POST", url=request.url.replace("/dang-nhap", "/login"))),
        dstcode="VN:GOV:1",
        login_path="/dang-nhap",
        service_path="/dich-vu",
    )

    await remote.send(rendered(known=True)[:1])

    login, call = seen
    assert (login.url, call.url) == ("http://cong.example.vn/dang-nhap", "http://cong.example.vn/dich-vu")
    assert ("dstcode", "VN:GOV:1") in call.headers
    assert json.loads(login.body) == {"username": "u", "password": "s"}
    told = json.loads(call.body)
    assert {name: told[name] for name in ("session", "madonvi", "service", "isUpdating")} == {
        "session": 'phien "1"',
        "madonvi": "H99",
        "service": "DongBoHoSoMC",
        "isUpdating": "True",
    }
    assert len(told["data"]) == 1


async def test_a_portal_that_ends_every_session_is_tried_twice_and_no_more() -> None:
    def answer(request: Request) -> Reply:
        return accepting(request) if request.url.endswith("login") else Reply(status=200, body=b'{"error_code": 2}')

    remote, seen = memory(answer)

    assert (await remote.send(rendered()[:1])).verdict == "retry"
    assert [request.url.rpartition("/")[2] for request in seen] == ["login", "g", "login", "g"]


async def test_asking_without_an_answer_is_unavailable() -> None:
    remote, _ = memory(lambda request: accepting(request) if "login" in request.url else Reply(status=500))

    with pytest.raises(TargetUnavailable):
        await remote.ask("x")


async def test_a_batch_of_two_lanes_is_a_mistake_of_ours() -> None:
    remote, _ = memory(accepting)

    with pytest.raises(ValueError, match="one lane"):
        await remote.send(rendered())


async def test_closing_forgets_the_session() -> None:
    remote, seen = memory(accepting)
    await remote.send(rendered()[:1])
    await remote.close()
    await remote.send(rendered()[:1])

    assert [request.url.rpartition("/")[2] for request in seen] == ["login", "g", "login", "g"]
