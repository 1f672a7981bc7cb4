"""The published log over HTTP: what a stranger with the verifier key can do with it, and what he can not."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation
from hub.settings import check
from hub.wiring import build, real_world
from ledger import checkpoint, leaf, merkle, note, tiles
from ledger.tiles import TileReader
from tests.integration.samples import packet, record
from tests.integration.served import AUDITOR, COUNTER, Served, served


async def published(hub: Served) -> checkpoint.Checkpoint:
    """Publish what is committed and read the checkpoint as anybody may."""
    await hub.hub.publisher.publish()
    answer = await hub.get("/log/checkpoint")
    assert answer.status == 200
    return checkpoint.open_checkpoint(answer.body.decode(), [note.parse_vkey(hub.hub.ledger.vkey)])


async def test_a_stranger_recomputes_the_log_from_its_tiles(alone: Served) -> None:
    for number in range(90):
        await alone.message(packet(record(number), record(number + 500)), by=COUNTER, key=f"goi-{number}")
    head = await published(alone)
    assert head.size == alone.hub.ledger.committed > 256
    fetched = {}
    for tile in tiles.new_tiles(0, head.size):
        answer = await alone.get(f"/log/{tile.path}", headers={"Accept-Encoding": "identity"})
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        fetched[tile.path] = answer.body
    reader = TileReader(fetched.get, head.size)
    assert reader.root() == head.root
    entries = reader.entries(0, head.size)
    assert [leaf.parse(entry).idx for entry in entries] == list(range(head.size))
    assert [merkle.leaf_hash(entry) for entry in entries] == reader.hashes(0, 0, head.size)


async def test_bundles_are_compressed_only_for_those_who_take_it(alone: Served) -> None:
    head = await published(alone)
    path = f"/log/tile/entries/000.p/{head.size}"
    plain = await alone.get(path, headers={"Accept-Encoding": "identity"})
    for accepted, encoding in (("gzip, br", "gzip"), ("gzip;q=0", None), ("gzip; q=0.0", None), ("br", None)):
        async with alone.session.get(alone.url + path, headers={"Accept-Encoding": accepted}) as answer:
            assert answer.headers.get("Content-Encoding") == encoding
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert await answer.read() == plain.body


@pytest.mark.parametrize(
    "path",
    [
        *("tile/0/001", "tile/0/000.p/250", "tile/1/000", "tile/entries/001", "tile/0/x001/000", "tile/9/000"),
        *("tile/0/0", "tile/0/000.p/256", "tile/0/000/", "tile/0", "tile/data/000", "tile/entries", "tile/64/000"),
        *("tile/..%2f..%2fkeys%2flog.key", "tile/%00"),
        *("heads/tile/0/000", "heads/khong-co", "tile/" + "x001/" * 500 + "000", "khong-co"),
    ],
)
async def test_what_is_no_published_tile_is_a_problem_404(alone: Served, path: str) -> None:
    await published(alone)
    answer = await alone.get(f"/log/{path}")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json["code"] in {"query.not_found", "transport.not_found"}


async def test_the_log_is_read_without_a_credential_and_only_read(alone: Served) -> None:
    await published(alone)
    assert (await alone.call("HEAD", "/log/checkpoint")).headers["Cache-Control"] == "no-cache"
    assert (await alone.get("/log/checkpoint", by=AUDITOR)).status == 200
    assert (await alone.get("/log/checkpoint", headers={"Authorization": "Bearer sai"})).status == 401
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await alone.call(method, "/log/checkpoint")).status == 405


async def test_the_job_publishes_by_itself_and_a_stop_leaves_nothing_unpublished(tmp_path: Path) -> None:
    async with served(tmp_path) as hub:
        await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
        size = 0
        while size < hub.hub.ledger.committed:
            await asyncio.sleep(0.05)
            size = int((await hub.get("/log/checkpoint")).body.split(b"\n")[1])
        await hub.message(packet(record(2)), by=COUNTER, key="goi-2")
        committed = hub.hub.ledger.checkpoint()
    assert (tmp_path / "log/checkpoint").read_text("utf-8") == committed


async def test_without_publishing_the_committed_checkpoint_is_shown_and_there_are_no_tiles(tmp_path: Path) -> None:
    async with served(tmp_path, hub="[publish]\nenabled = false") as hub:
        answer = await hub.get("/log/checkpoint")
        assert answer.body.decode() == hub.hub.ledger.checkpoint()
        assert (await hub.get("/log/tile/0/000.p/1")).status == 404
    assert not (tmp_path / "log").exists()


async def test_a_hub_does_not_start_on_a_log_older_than_what_it_published(tmp_path: Path) -> None:
    settings = check({"party": [{"id": "mot-cua", "adapter": "portal"}]})
    hub = build(settings, real_world(str(tmp_path)))
    await hub.publisher.publish()
    signed = (tmp_path / "log/checkpoint").read_text("utf-8")
    hub.ledger.close()
    hub.views.close()
    (tmp_path / "log/checkpoint").write_text(signed.replace("\n1\n", "\n7\n"), "utf-8")
    for _ in range(2):
        with pytest.raises(IntegrityViolation) as caught:
            build(settings, real_world(str(tmp_path)))
        assert caught.value.code == "ledger.rollback"
    (tmp_path / "log/checkpoint").unlink()
    again = build(settings, real_world(str(tmp_path)))
    await again.publisher.publish()
    assert (tmp_path / "log/checkpoint").read_text("utf-8") == signed
    again.ledger.close()
    again.views.close()


async def test_a_disk_that_fails_stops_publishing_and_not_the_hub(
    alone: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await published(alone)).size
    real = alone.hub.world.files.write_durable

    def fails(name: str, content: bytes, *, mode: int = 0o644) -> None:
        if name.startswith("log/"):
            raise OSError(28, "no space left")
        real(name, content, mode=mode)

    with monkeypatch.context() as patched:
        patched.setattr(alone.hub.world.files, "write_durable", fails)
        receipt = await alone.message(packet(record(1)), by=COUNTER, key="goi-1")
        assert receipt.status == 202
        assert (await published(alone)).size == before
        assert not await alone.hub.publisher.publish()
    assert (await published(alone)).size == alone.hub.ledger.committed > before


async def test_the_log_of_stream_heads_is_published_the_same_way(alone: Served) -> None:
    await alone.message(packet(record(1), record(2)), by=COUNTER, key="goi-1")
    heads = alone.hub.heads
    assert heads is not None
    committed = await heads.force()
    await alone.hub.publisher.publish()
    answer = await alone.get("/log/heads/checkpoint")
    assert answer.body.decode() == committed
    head = checkpoint.parse(committed.rpartition("\n\n")[0] + "\n")
    fetched = {tile.path: await alone.get(f"/log/heads/{tile.path}") for tile in tiles.new_tiles(0, head.size)}
    reader = TileReader(lambda path: fetched[path].body if path in fetched else None, head.size)
    assert head.origin == alone.hub.settings.ledger.origin + "/heads"
    assert reader.root() == head.root
    assert b'"k":"heads"' in reader.entries(head.size - 1, 1)[0]
