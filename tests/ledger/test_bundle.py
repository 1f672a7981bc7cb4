"""A bundle of a real ledger is believed by a verifier that shares nothing with it, and no byte of it can change."""

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.world import DiskFiles
from hub.world_seeded import SeededEntropy
from ledger import leaf
from ledger.bundle import Bundler, Subject, pack
from ledger.events import ItemErased
from ledger.heads_log import open_heads
from ledger.unit import NewEvent, Unit
from ledger.verifier import verify_bundle
from ledger.verifier.archive import MANIFEST, MIMETYPE
from ledger.writer import Writer
from tests.ledger import made


class Told:
    """A ledger with a few dossiers, and what a bundle of the first needs."""

    def __init__(self, root: Path, ledger: Writer) -> None:
        self.root, self.ledger, self.files = root, ledger, DiskFiles(root)
        self.heads = open_heads(
            ledger.tree(), files=self.files, directory=str(root), entropy=SeededEntropy("heads"), in_memory=True
        )
        found = ledger.find_stream(f"n:{made.code(1)}")
        assert found is not None
        self.stream = found

    @property
    def trust(self) -> str:
        return f"log {self.ledger.vkey}\nlog {self.heads.vkey}\nquorum none\n"

    async def files_of(self, **more: Any) -> dict[str, bytes]:
        for _ in self.heads.steps():
            pass
        made_of = Bundler(self.ledger, self.heads, self.files, self.ledger.checkpoint())
        subject = Subject(code=made.code(1), streams=(self.stream,), **more)
        return await made_of.build(subject, self.trust, lambda: asyncio.sleep(0))

    async def judged(self, **more: Any) -> dict[str, Any]:
        return verify_bundle(pack(await self.files_of(**more)), self.trust)


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    ledger = made.opened(tmp_path)
    for word in ("mới", "đang xử lý", "xong"):
        await made.keep(ledger, made.packet(ledger, [1, 2, 3], word=word))
    one = Told(tmp_path, ledger)
    yield one
    one.heads.close()
    ledger.close()


def codes(result: dict[str, Any]) -> set[str]:
    return {check["code"] for check in result["checks"] if not check["ok"]}


async def test_a_bundle_is_believed_and_tells_what_it_shows(told: Told) -> None:
    result = await told.judged()
    assert result["ok"], result["checks"]
    assert [item["verdict"] for item in result["items"]] == ["verified"] * 6
    complete = next(check for check in result["checks"] if check["check"] == "complete")
    assert complete["detail"] == f"all events up to position {told.ledger.committed}"


async def test_the_same_log_gives_the_same_bytes_and_no_secret_goes_out(told: Told) -> None:
    first = pack(await told.files_of())
    assert pack(await told.files_of()) == first
    files = await told.files_of()
    assert b"phien-lam-viec-mau" not in b"".join(files.values())
    with zipfile.ZipFile(BytesIO(first)) as archive:
        assert archive.namelist()[:2] == ["mimetype", MANIFEST]
        assert archive.testzip() is None


async def test_what_a_reader_may_not_see_is_told_as_withheld(told: Told) -> None:
    result = await told.judged(hides=lambda party: party == "mau")
    assert result["ok"], result["checks"]
    assert [item["verdict"] for item in result["items"]] == ["verified", "withheld"] * 3


async def test_later_events_are_included_and_their_completeness_is_pending(told: Told) -> None:
    for _ in told.heads.steps():
        pass
    covered = told.ledger.committed
    await made.keep(told.ledger, made.packet(told.ledger, [1], word="sau"))
    note = told.ledger.checkpoint()
    files = await Bundler(told.ledger, told.heads, told.files, note).build(
        Subject(code=made.code(1), streams=(told.stream,)), told.trust, lambda: asyncio.sleep(0)
    )
    result = verify_bundle(pack(files), told.trust)
    assert result["ok"], result["checks"]
    complete = next(check for check in result["checks"] if check["check"] == "complete")
    assert complete["detail"] == (f"all events up to position {covered}; 1 later events included, completeness pending")


async def test_an_erased_dossier_still_proves_everything_but_its_content(told: Told) -> None:
    before = await told.files_of()
    event = ItemErased(stream=told.stream.hex(), items=("dossier",), ground="Mẫu", by="mau", erased_at=1)
    stream = told.ledger.named_stream("governance", "erasures")
    await made.keep(told.ledger, Unit(events=(NewEvent(stream, event),)))
    after = await told.files_of()
    incomplete = verify_bundle(pack(after), told.trust)
    assert codes(incomplete) == {"ERASE_INCOMPLETE"}
    told.ledger.erasure.carry_out([event])
    result = await told.judged()
    assert result["ok"], result["checks"]
    assert {item["verdict"] for item in result["items"]} == {"erased"}
    assert verify_bundle(pack(before), told.trust)["ok"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
async def test_no_byte_of_any_file_can_be_another(told: Told, draw: st.DataObject) -> None:
    files = await told.files_of()
    with zipfile.ZipFile(BytesIO(pack(files))) as archive:
        every = {name: archive.read(name) for name in archive.namelist()}
    name = draw.draw(st.sampled_from(sorted(every)))
    content = bytearray(every[name])
    at = draw.draw(st.integers(0, len(content) - 1))
    content[at] ^= draw.draw(st.integers(1, 255))
    every[name] = bytes(content)
    assert not verify_bundle(zipped(every), told.trust)["ok"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
async def test_who_lists_the_change_in_the_manifest_too_gets_no_further(told: Told, draw: st.DataObject) -> None:
    files = await told.files_of()
    proving = [name for name in sorted(files) if name not in {"trust.txt", "dossier.json"}]
    name = draw.draw(st.sampled_from(proving))
    content = bytearray(files[name])
    at = draw.draw(st.integers(0, len(content) - 1))
    content[at] ^= draw.draw(st.integers(1, 255))
    result = verify_bundle(pack({**files, name: bytes(content)}), told.trust)
    if result["ok"]:  # the same hex digits in capitals, or a space more in a proof: the proof is the same one
        assert said(bytes(content), name) == said(files[name], name)


def said(content: bytes, name: str) -> Any:
    if name.endswith(".salt"):
        return bytes.fromhex(content.decode())
    return json.loads(content.decode().lower()) if name.startswith(("heads/", "anchors/")) else content


def zipped(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", files["mimetype"], zipfile.ZIP_STORED)
        for name, content in files.items():
            if name != "mimetype":
                archive.writestr(name, content, method)
    return target.getvalue()


@pytest.mark.parametrize(
    "name", ["../events/1.leaf", "/etc/passwd", "events\\1.leaf", "events/1.leaf/", "MIMETYPE", "C:x", "e/./x"]
)
async def test_a_hostile_name_is_refused(told: Told, name: str) -> None:
    files = await told.files_of()
    with zipfile.ZipFile(BytesIO(pack(files))) as archive:
        every = {one: archive.read(one) for one in archive.namelist()}
    assert codes(verify_bundle(zipped({**every, name: b"x"}), told.trust)) == {"BUNDLE_FORMAT"}


async def test_other_archives_are_refused(told: Told) -> None:
    files = {"mimetype": MIMETYPE.encode(), "checkpoint": b"x"}
    for hostile in (b"", b"PK", zipped(files, method=zipfile.ZIP_LZMA), zipped({"mimetype": b"text/plain"})):
        assert codes(verify_bundle(hostile, told.trust)) == {"BUNDLE_FORMAT"}


async def test_the_leaf_of_each_event_is_the_exact_one(told: Told) -> None:
    files = await told.files_of()
    positions = [int(name[7:-5]) for name in files if name.startswith("events/") and name.endswith(".leaf")]
    assert len(positions) == 3
    for position in positions:
        assert leaf.parse(files[f"events/{position}.leaf"]).sid == told.stream.hex()
