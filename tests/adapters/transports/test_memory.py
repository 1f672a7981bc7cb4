"""Faults by plan."""

import pytest

from adapters.transports.memory import MemoryTransport
from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable


async def test_faults_come_in_the_planned_order_and_then_stop() -> None:
    handled: list[bytes] = []

    async def handle(request: Request) -> Reply:
        handled.append(request.body)
        return Reply(status=200)

    transport = MemoryTransport(handle, faults=["before", "", "after"])
    told: list[str] = []
    for body in (b"1", b"2", b"3", b"4"):
        try:
            told.append(str((await transport.exchange(Request(method="POST", url="memory:", body=body))).status))
        except TargetUnavailable as error:
            told.append(error.code)
    assert told == ["target.unavailable", "200", "target.unknown", "200"]
    assert handled == [b"2", b"3", b"4"]
    assert [request.body for request in transport.sent] == [b"1", b"2", b"3", b"4"]


async def test_a_mistake_of_the_handler_is_not_hidden() -> None:
    async def broken(_request: Request) -> Reply:
        raise KeyError("mistake")

    with pytest.raises(KeyError):
        await MemoryTransport(broken).exchange(Request(method="POST", url="memory:"))
