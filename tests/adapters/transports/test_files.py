"""Directories as a way to travel: what the transport suite does not see."""

import pytest

from adapters.transports.files import FileSource, FileTransport, answer_request, take_requests
from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable
from hub.world_seeded import MemoryFiles, SteppedClock

REQUEST = Request(
    method="POST", url="file:x", headers=(("Authorization", "Bearer bi-mat"),), body=b"\n{}\n", timeout_s=1
)


async def test_without_answers_a_durable_file_is_enough() -> None:
    files = MemoryFiles()
    transport = FileTransport(files, "out", answers=False)
    assert (await transport.exchange(REQUEST)).status == 202
    assert [request.body for _, request in take_requests(files, "out")] == [b"\n{}\n"]
    assert files.list("") == []


async def test_requests_are_readable_by_their_owner_only() -> None:
    files = MemoryFiles()
    await FileTransport(files, "out", answers=False).exchange(REQUEST)
    assert set(files.modes.values()) == {0o600}


async def test_numbers_go_on_after_a_restart_even_past_a_reply_nobody_took() -> None:
    files = MemoryFiles()
    await FileTransport(files, "out", answers=False).exchange(REQUEST)
    [(name, _)] = take_requests(files, "out")
    answer_request(files, "out", name, Reply(status=200))
    await FileTransport(files, "out", answers=False).exchange(REQUEST)
    assert files.list("out/") == ["out/000000000001.reply", "out/000000000002.request"]


async def test_a_reply_that_can_not_be_read_is_unknown() -> None:
    class Garbled(MemoryFiles):
        def read(self, name: str) -> bytes:
            return b"not json\nbody" if name.endswith(".reply") else super().read(name)

    with pytest.raises(TargetUnavailable) as caught:
        await FileTransport(Garbled(), "out").exchange(REQUEST)
    assert caught.value.code == "target.unknown"


async def test_a_write_that_failed_after_the_file_appeared_is_unknown() -> None:
    class HalfBroken(MemoryFiles):
        def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
            super().write_durable(name, content, mode=mode)
            raise OSError(5, "Input/output error")

    with pytest.raises(TargetUnavailable) as caught:
        await FileTransport(HalfBroken(), "out").exchange(REQUEST)
    assert caught.value.code == "target.unknown"


def test_a_reply_goes_only_to_its_own_folder() -> None:
    with pytest.raises(ValueError, match="not a request"):
        answer_request(MemoryFiles(), "out", "other/1", Reply(status=200))


def source(files: MemoryFiles) -> FileSource:
    return FileSource(files, "in", party="tinh-mau", adapter="portal", now=SteppedClock(5).now)


async def test_finished_files_are_messages_in_order_and_others_wait() -> None:
    files = MemoryFiles()
    for name in ("in/2.xml", "in/1.json", "in/3.json.part", "in/.hidden", "elsewhere/4.json", "in/sub/5"):
        files.write_durable(name, name.encode())
    pulled = await source(files).poll()
    assert [one.envelope.body for one in pulled] == [b"in/1.json", b"in/2.xml", b"in/sub/5"]
    first = pulled[0].envelope
    assert (first.party, first.adapter, first.transport, first.content_type) == (
        "tinh-mau",
        "portal",
        "files",
        "application/json",
    )


async def test_an_acknowledged_file_is_gone_and_twice_is_harmless() -> None:
    files = MemoryFiles()
    files.write_durable("in/1.json", b"{}")
    reading = source(files)
    [one] = await reading.poll()
    await reading.acknowledge(one.handle)
    await reading.acknowledge(one.handle)
    assert await reading.poll() == []


async def test_a_folder_that_can_not_be_read_is_unavailable() -> None:
    class Broken(MemoryFiles):
        def list(self, prefix: str) -> list[str]:
            raise OSError(5, "Input/output error")

        def delete(self, name: str) -> None:
            raise OSError(5, "Input/output error")

    with pytest.raises(TargetUnavailable) as caught:
        await source(Broken()).poll()
    assert caught.value.code == "target.unavailable"
    with pytest.raises(TargetUnavailable) as caught:
        await source(Broken()).acknowledge("in/1.json")
    assert caught.value.code == "target.unknown"
