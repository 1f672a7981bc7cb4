"""What a sender holds in its hand after ``POST /v1/messages``, and what it can show with that against the hub."""

import shutil
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger import checkpoint, merkle, note, proof
from ledger.tiles import TileReader
from ledger.verifier import verify_message
from ledger.verifier.source import verify_source
from tests.integration.samples import packet, record
from tests.integration.served import AUDITOR, BARE, COUNTER, Served, served


async def send(hub: Served, *numbers: int, key: str, **fields: Any) -> dict[str, Any]:
    """Send a packet; its receipt."""
    answer = await hub.message(packet(*(record(number, **fields) for number in numbers)), by=COUNTER, key=key)
    assert answer.status == 202, answer.body
    receipt: dict[str, Any] = answer.json
    return receipt


async def refused(hub: Served, key: str) -> None:
    answer = await hub.message(packet(record(9, MaTTHC="sai")), by=COUNTER, key=key)
    assert answer.status == 422


def published(root: Path) -> tuple[checkpoint.Checkpoint, TileReader]:
    """The published log as anybody reads it from its files."""
    folder = root / "log"
    head = checkpoint.parse((folder / "checkpoint").read_text("utf-8").rpartition("\n\n")[0] + "\n")
    return head, TileReader(lambda path: (folder / path).read_bytes() if (folder / path).is_file() else None, head.size)


def head_of(receipt: dict[str, Any]) -> checkpoint.Checkpoint:
    return checkpoint.parse(receipt["checkpoint"].rpartition("\n\n")[0] + "\n")


def codes(verdict: dict[str, Any]) -> set[str]:
    return {check["code"] for check in verdict["checks"] if not check["ok"]}


async def test_a_receipt_proves_the_message_without_the_hub(alone: Served) -> None:
    body = msgspec.json.encode(packet(record(1), record(2)))
    receipt = (await alone.message(body, by=COUNTER, key="goi-1")).json
    key = note.parse_vkey(alone.hub.ledger.vkey)
    leaf = b64decode(receipt["leaf"])
    assert merkle.leaf_hash(leaf).hex() == receipt["leaf_hash"]
    head = proof.verify(receipt["proof"], leaf, [key])
    assert proof.parse(receipt["proof"]).index == receipt["position"] - 1
    assert checkpoint.open_checkpoint(receipt["checkpoint"], [key]) == head
    assert head.size >= receipt["position"]
    assert verify_message(leaf, receipt["opening"], body)["ok"]
    assert not verify_message(leaf, receipt["opening"], body + b" ")["ok"]


async def test_receipts_number_the_messages_of_a_party_and_name_the_one_before(alone: Served) -> None:
    receipts = [await send(alone, number, key=f"goi-{number}") for number in range(4)]
    assert [one["source"]["rev"] for one in receipts] == [0, 1, 2, 3]
    assert [one["source"]["prev"] for one in receipts] == ["0" * 64, *(one["leaf_hash"] for one in receipts[:-1])]
    assert len({one["source"]["stream"] for one in receipts}) == 1
    verdict = verify_source(list(reversed(receipts)), [alone.hub.ledger.vkey])
    assert verdict["ok"], verdict
    assert [check["detail"] for check in verdict["checks"] if check["check"] == "gaps"] == ["0 to 3"]


async def test_a_duplicate_gets_the_first_receipt_now_and_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path) as hub:
        mixed = packet(record(1), record(2, MaTTHC="sai"), record(3))
        first = (await hub.message(mixed, by=COUNTER, key="goi-1")).json
        await send(hub, 4, 5, key="goi-2")
        again = await hub.message(mixed, by=COUNTER, key="goi-1")
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json == first | {"duplicate": True}
        bearer = hub.secrets.bearer(COUNTER)
        grants = (tmp_path / "access.json").read_bytes()
    async with served(tmp_path) as hub:
        assert (tmp_path / "access.json").read_bytes() == grants
        headers = bearer | {"Idempotency-Key": "goi-1"}
        later = (await hub.post("/v1/messages", mixed, headers=headers)).json
        assert later == first | {"duplicate": True}


async def test_a_gap_of_a_refused_message_is_filled_by_the_published_log(alone: Served) -> None:
    receipts = [await send(alone, 1, key="goi-1")]
    await refused(alone, "goi-2")
    receipts.append(await send(alone, 3, key="goi-3"))
    vkeys = [alone.hub.ledger.vkey]
    alone_they = verify_source(receipts, vkeys)
    assert codes(alone_they) == {"SOURCE_GAP"}
    await alone.hub.publisher.publish()
    head, reader = published(alone.root)
    filled = verify_source(receipts, vkeys, reader.entries(0, head.size))
    assert filled["ok"], filled


async def test_a_message_that_was_never_logged_has_no_room_between_two_receipts(alone: Served) -> None:
    """A sender that sent three and holds receipts 0 and 1 of the first and the last: the hub signed what is missing."""
    first, third = await send(alone, 1, key="goi-1"), await send(alone, 3, key="goi-3")
    assert (first["source"]["rev"], third["source"]["rev"]) == (0, 1)
    assert third["source"]["prev"] == first["leaf_hash"]
    assert verify_source([first, third], [alone.hub.ledger.vkey])["ok"]


async def test_a_message_dropped_after_its_receipt_makes_two_histories(tmp_path: Path) -> None:
    """Whoever holds all keys takes the log back to before a message and goes on: the sender's receipts show it."""
    root, copy = tmp_path / "hub", tmp_path / "copy"
    async with served(root) as hub:
        receipts = [await send(hub, 1, key="goi-1")]
        vkeys = [hub.hub.ledger.vkey]
    shutil.copytree(root, copy)
    async with served(root) as hub:
        receipts.append(await send(hub, 2, key="goi-2"))
    async with served(copy) as hub:
        receipts.append(await send(hub, 3, key="goi-3"))
        receipts.append(await send(hub, 4, key="goi-4"))
    assert verify_source(receipts[:2], vkeys)["ok"]
    assert verify_source([receipts[0], *receipts[2:]], vkeys)["ok"]
    assert {"STREAM_FORK"} <= codes(verify_source(receipts, vkeys)) <= {"STREAM_FORK", "CHAIN"}
    head, reader = published(copy)
    dropped = head_of(receipts[1])
    assert dropped.size <= head.size
    path = merkle.consistency(dropped.size, head.size, reader.node)
    assert not merkle.is_consistent(dropped.size, head.size, dropped.root, head.root, path)


async def test_every_receipt_is_consistent_with_every_later_published_checkpoint(alone: Served) -> None:
    receipts, heads = [], []
    for number in range(60):
        receipts.append(await send(alone, number, 100 + number, 200 + number, key=f"goi-{number}"))
        if number % 9 == 0 or number == 59:
            await alone.hub.publisher.publish()
            heads.append(published(alone.root)[0])
    assert heads[-1].size > 256 > heads[0].size
    _, newest = published(alone.root)
    for receipt in receipts:
        old = head_of(receipt)
        for head in [head for head in heads if head.size >= old.size]:
            path = merkle.consistency(old.size, head.size, newest.node)
            assert merkle.is_consistent(old.size, head.size, old.root, head.root, path)


SPOILT: dict[str, tuple[dict[str, Any], str]] = {
    "another position": ({"position": 1}, "LEAF_HASH"),
    "another leaf hash": ({"leaf_hash": "0" * 64}, "LEAF_HASH"),
    "no leaf": ({"leaf": ""}, "LEAF_FORMAT"),
    "a leaf that is none": ({"leaf": "e30="}, "LEAF_FORMAT"),
    "another place": ({"source": {"stream": "0" * 32, "rev": 0, "prev": "0" * 64}}, "LEAF_HASH"),
    "another checkpoint": ({"checkpoint": "mau\n1\nAAAA\n\n"}, "INCLUSION"),
    "no place": ({"source": None}, "LEAF_FORMAT"),
}


@pytest.mark.parametrize("what", SPOILT)
async def test_a_spoilt_receipt_is_named(alone: Served, what: str) -> None:
    receipts = [await send(alone, number, key=f"goi-{number}") for number in range(2)]
    changed, code = SPOILT[what]
    verdict = verify_source([receipts[0], receipts[1] | changed], [alone.hub.ledger.vkey])
    assert code in codes(verdict), verdict


async def test_the_receipts_of_two_senders_are_not_one_sequence(alone: Served) -> None:
    mine = await send(alone, 1, key="goi-1")
    answer = await alone.message(packet(record(2)), by=BARE, key="goi-1")
    assert "CHAIN" in codes(verify_source([mine, answer.json], [alone.hub.ledger.vkey]))


async def test_a_receipt_signed_by_somebody_else_is_not_believed(alone: Served) -> None:
    mine = await send(alone, 1, key="goi-1")
    assert not verify_source([mine], ["khac.example+00000000+AAAA"])["ok"]


async def test_a_sender_through_a_drop_in_address_asks_for_its_receipts_afterwards(alone: Served) -> None:
    session = await alone.login(COUNTER)
    records = [record(1)], [record(2)]
    ids = [
        (await alone.mapi("DongBoHoSoMC", one, session=session, isUpdating="False"))["message_id"] for one in records
    ]
    fates = [(await alone.get(f"/v1/messages/{one}", by=COUNTER)).json for one in ids]
    receipts = [fate["receipt"] for fate in fates]
    assert [one["position"] for one in receipts] == [fate["position"] for fate in fates]
    verdict = verify_source(receipts, [alone.hub.ledger.vkey])
    assert verdict["ok"], verdict
    shown = (await alone.get(f"/v1/messages/{ids[0]}", by=AUDITOR)).json
    assert "receipt" not in shown


async def test_the_receipt_asked_for_later_is_the_one_that_was_given(alone: Served) -> None:
    given = await send(alone, 1, 2, key="goi-1")
    await send(alone, 3, key="goi-2")
    later = (await alone.get(f"/v1/messages/{given['message_id']}", by=COUNTER)).json["receipt"]
    assert later == {name: given[name] for name in later}
