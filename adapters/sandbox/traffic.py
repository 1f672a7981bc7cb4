"""The traffic of the demo: a province lives its own dossiers and works on those that others hand it.

The National Portal hands in online dossiers, the civil-status service has interlinked ones pulled; both reach the
province through the hub, which works on them step by step and tells the hub. Everything is drawn from the seed.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import ClientSession

from adapters import registry
from adapters.sandbox.senders import LgspSender, Life, MapiSender, Message, live
from adapters.sandbox.stage import Stage

_WIDTH: Final = 8
_REPORT_S: Final = 0.5
_LOOK_S: Final = 0.25
_ENDLESS: Final = 1_000_000
_STEPS: Final = (
    ("new", "Tiếp nhận hồ sơ liên thông"),
    ("processing", "Phân công giải quyết"),
    ("releasing", "Đã có kết quả"),
    ("done", "Trả kết quả cho công dân"),
)
_DUE: Final = timedelta(days=10)
_RECORD_PATH: Final = "/opencps/Document/SyncDocument"
_TRACE_PATH: Final = "/opencps/Document/UpdateDocumentTraces"
_LOCAL: Final = timedelta(hours=7)


class Traffic:
    """One run of traffic."""

    def __init__(
        self,
        stage: Stage,
        session: ClientSession,
        order: Mapping[str, Any],
        *,
        report: Callable[[dict[str, int]], None],
    ) -> None:
        self._stage = stage
        self._order = order
        self._report = report
        self._seed: int = order["seed"]
        self._count: int = order["dossiers"] or _ENDLESS
        self._first: int = order.get("first", 0)
        senders = order["senders"]
        self._province = LgspSender(session, order["hub"], **senders["opencps"])
        self._worker = LgspSender(session, order["hub"], **senders["opencps"])
        self._portal = MapiSender(session, order["hub"], **senders["portal"])
        self._over = asyncio.Event()
        self._worked: dict[str, None] = {}
        """Dossiers the province has begun to work on; what it held before this traffic was worked on then."""
        if "opencps" in stage.simulators:
            self._worked.update(dict.fromkeys(stage.simulators["opencps"].holdings()))
        self._handed_in: dict[str, None] = {}

    async def run(self) -> dict[str, Any]:
        """Send until the time is over or every dossier is lived; returns what each sender did."""
        seconds = float(self._order["seconds"])
        asyncio.get_running_loop().call_later(seconds, self._over.set)
        self._enqueue()
        async with asyncio.TaskGroup() as group:
            reporting = group.create_task(self._reporting())
            working = group.create_task(self._working())
            sending = [
                group.create_task(live(self._own_lives(), self._province.send, width=_WIDTH, until=self._over.is_set)),
                group.create_task(live(self._online_lives(), self._portal.send, width=1, until=self._over.is_set)),
            ]
            for task in sending:
                await asyncio.wait((task,))
            self._over.set()
            await asyncio.wait((working,))
            reporting.cancel()
        return {
            "province": dict(self._province.tally.counts + self._worker.tally.counts),
            "portal": dict(self._portal.tally.counts),
            "reasons": dict(self._province.tally.reasons + self._worker.tally.reasons + self._portal.tally.reasons),
        }

    def _enqueue(self) -> None:
        pulled = self._stage.simulators.get("civil_status")
        if pulled is not None:
            pulled.enqueue(min(self._count, 40))

    def _own_lives(self) -> Iterator[Life]:
        from adapters.opencps.invented import life_of  # noqa: PLC0415  # a sandbox without OpenCPS needs none of it

        for life in life_of(self._seed, self._count, first=self._first):
            yield life.messages

    def _online_lives(self) -> Iterator[list[dict[str, Any]]]:
        from adapters.portal.simulator import online_dossiers  # noqa: PLC0415  # as above

        for body in online_dossiers(self._seed, min(self._count, _ENDLESS), first=self._first):
            packet: dict[str, Any] = msgspec.json.decode(body)
            self._handed_in.update(dict.fromkeys(record["MaHoSo"] for record in packet["data"]))
            yield [packet]

    async def _working(self) -> None:
        """The province works on what others handed it, as soon as its own system holds it."""
        own = self._stage.simulators["opencps"]
        while True:
            waiting = [(code, held) for code, held in own.holdings().items() if code not in self._worked]
            lives = [list(_worked_on(code, held["fields"], len(self._worked))) for code, held in waiting]
            self._worked.update(dict.fromkeys(code for code, _ in waiting))
            await live(iter(lives), self._worker.send, width=_WIDTH, until=lambda: False)
            if self._over.is_set() and not waiting:
                return
            await asyncio.sleep(_LOOK_S)

    async def _reporting(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_S)
            self._report(
                {
                    "province": self._province.tally.counts["sent"] + self._worker.tally.counts["sent"],
                    "portal": self._portal.tally.counts["sent"],
                }
            )


def _worked_on(code: str, held: Mapping[str, Any], number: int) -> Iterator[Message]:
    """What a province tells of a dossier that somebody else handed it: taken in, worked on, finished, handed over."""
    now = datetime.now(UTC) + _LOCAL
    record = dict(held) | {"DocCode": code, "DateReceived": _printed(now), "DateAppointed": _printed(now + _DUE)}
    for step, (word, said) in enumerate(_STEPS):
        at = _printed(now + timedelta(milliseconds=step))
        record |= {"DossierStatus": word, "Status": 2 if word == "releasing" else 1}
        if word == "releasing":
            record |= {"IsSuccess": True, "SuccessDate": at}
        if word == "done":
            record |= {"IsSuccess": False, "IsReturned": True, "ReturnedDate": at, "FinishedDate": at}
        row = {
            "DocumentId": 980_000_000 + number,
            "DocCode": code,
            "UserName": "Giàng A Mẫu",
            "UserPosition": "Chuyên viên",
            "DateCreated": at,
            "Comment": said,
            "Status": 0,
            "OrganizationInchargeIdLevel1": "000.21.44.H99",
            "OrganizationInchargeName": "Uỷ ban nhân dân xã Mẫu Giang, tỉnh Mẫu",
            "DossierStatus": word,
        }
        yield _RECORD_PATH, msgspec.json.encode(record)
        yield _TRACE_PATH, msgspec.json.encode(row)


def _printed(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1_000:03d}+0700"


def adapters_on_stage() -> tuple[str, ...]:
    """The formats the demo shows, in the order of its story."""
    return tuple(name for name in ("portal", "opencps", "civil_status") if name in registry.names())
