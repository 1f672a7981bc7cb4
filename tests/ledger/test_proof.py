"""Notes, checkpoints and proofs: two programs agree on what is genuine, and any change is seen by both."""

import base64
import json
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation
from ledger import checkpoint, note, proof
from ledger.checkpoint import Checkpoint, Scribe
from ledger.keys import FileSigner
from ledger.verifier import verify_message, verify_proof
from ledger.verifier.note import Untrusted, read_checkpoint
from tests.ledger import made

SIGNER = FileSigner("mau.example/log", b"\x07" * 32)
SCRIBE = Scribe(SIGNER)
ROOT = bytes(range(32))


def test_a_signed_checkpoint_has_the_published_form() -> None:
    signed = SCRIBE.sign(70_000, ROOT)
    text, line = signed.split("\n\n")
    assert text == f"mau.example/log\n70000\n{base64.b64encode(ROOT).decode()}"
    assert line.startswith("\u2014 mau.example/log ")
    raw = base64.b64decode(line.split(" ")[2])
    assert len(raw) == 68
    assert raw[:4] == SCRIBE.key.id
    assert checkpoint.open_checkpoint(signed, [SCRIBE.key]) == Checkpoint("mau.example/log", 70_000, ROOT)
    assert read_checkpoint(signed, [SCRIBE.key.text()]) == ("mau.example/log", 70_000, ROOT)


def test_the_published_example_key_id_is_reproduced() -> None:
    # the verifier key of Go's checksum database, known to every Go installation
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    key = note.parse_vkey(text)
    assert (key.name, key.id.hex(), key.text()) == ("sum.golang.org", "033de0ae", text)


def test_lines_of_unknown_keys_are_ignored_and_a_wrong_line_of_a_known_key_is_not() -> None:
    signed = SCRIBE.sign(3, ROOT)
    other = Scribe(FileSigner("chung-kien.example", b"\x08" * 32))
    stranger = note.sign(signed.split("\n\n")[0] + "\n", FileSigner("la.example", b"\x09" * 32), b"abcd")
    both = signed + stranger.split("\n\n")[1]
    assert checkpoint.open_checkpoint(both, [SCRIBE.key]).size == 3
    assert read_checkpoint(both, [SCRIBE.key.text()])[1] == 3
    forged = signed + f"\u2014 {SIGNER.name} {base64.b64encode(SCRIBE.key.id + bytes(64)).decode()}\n"
    for bad, keys in ((forged, [SCRIBE.key]), (signed, [other.key]), (signed, [])):
        with pytest.raises(IntegrityViolation):
            checkpoint.open_checkpoint(bad, keys)
        with pytest.raises(Untrusted):
            read_checkpoint(bad, [key.text() for key in keys])


@pytest.mark.parametrize(
    "change",
    [
        ("70000", "70001"),
        ("mau.example/log\n70000", "khac.example/log\n70000"),
        ("70000", "070000"),
        ("AAEC", "AAED"),
        ("\n\n", "\n"),
        ("\u2014", "-"),
    ],
)
def test_any_change_to_a_checkpoint_is_seen(change: tuple[str, str]) -> None:
    bad = SCRIBE.sign(70_000, ROOT).replace(*change)
    with pytest.raises(IntegrityViolation):
        checkpoint.open_checkpoint(bad, [SCRIBE.key])
    with pytest.raises(Untrusted):
        read_checkpoint(bad, [SCRIBE.key.text()])


@pytest.mark.parametrize(
    "text", ["", "a+b", "a+00000000+AQ==", "a+zz+!!", SCRIBE.key.text().replace("+", "+0", 1), "x" + SCRIBE.key.text()]
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key"):
        note.parse_vkey(text)


@pytest.mark.parametrize("text", ["", "x\n1\n", "x\n-1\nAA==\n", "x\n1\nAA==\n", f"x\n1\n{'A' * 43}=\nmore\n"])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(IntegrityViolation):
        checkpoint.parse(text)


async def test_a_receipt_proves_its_message_to_somebody_who_trusts_only_the_key(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    units = [made.packet(ledger, range(n), source_id=f"m-{n}") for n in (1, 2, 40)]
    receipts = []
    for unit in units:
        placed = ledger.submit(unit)
        await ledger.durable(placed.positions[-1])
        receipts.append((ledger.prove(placed.positions[0]), unit))
    vkeys = [ledger.vkey]
    ledger.close()
    reopened = made.opened(tmp_path, seed="other")
    for receipt, unit in receipts:
        assert reopened.prove(receipt.position) == receipt
        assert receipt.checkpoint in receipt.proof
        assert proof.verify(receipt.proof, receipt.leaf, [note.parse_vkey(vkeys[0])]).size >= receipt.position
        assert verify_proof(receipt.proof, receipt.leaf, vkeys)["ok"]
        assert verify_message(receipt.leaf, receipt.opening, made.raw(unit))["ok"]
        assert "eid" in json.loads(receipt.leaf)
    with pytest.raises(KeyError):
        reopened.prove(reopened.committed + 1)
    reopened.close()


async def test_any_change_to_a_receipt_is_seen(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path, store="memory")
    for number in range(5):
        placed = ledger.submit(made.packet(ledger, [number, number + 1]))
        await ledger.durable(placed.positions[-1])
    unit = made.packet(ledger, [1, 2, 3])
    placed = ledger.submit(unit)
    await ledger.durable(placed.positions[-1])
    good = ledger.prove(placed.positions[0])
    vkeys, keys = [ledger.vkey], [note.parse_vkey(ledger.vkey)]
    lines = good.proof.split("\n")
    flipped = base64.b64encode(bytes(32)).decode()
    changed = [
        (good.proof, good.leaf.replace(b'"rev":', b'"rev":1')),
        (good.proof, good.leaf + b" "),
        (good.proof.replace(lines[2], flipped), good.leaf),
        (good.proof.replace(lines[2] + "\n", ""), good.leaf),
        (good.proof.replace(lines[1], f"index {good.position}"), good.leaf),
        (good.proof.replace("tlog-proof@v1", "tlog-proof@v2"), good.leaf),
        (good.proof.replace("\n\n", "\n", 1), good.leaf),
        ("", good.leaf),
        ("c2sp.org/tlog-proof@v1\n\n", good.leaf),
    ]
    for text, entry in changed:
        assert not verify_proof(text, entry, vkeys)["ok"], (text, entry)
        with pytest.raises(IntegrityViolation):
            proof.verify(text, entry, keys)
    with_extra = good.proof.replace("\nindex", "\nextra AAAA\nindex", 1)
    assert verify_proof(with_extra, good.leaf, vkeys)["ok"]
    assert proof.parse(with_extra).extra == b"\x00\x00\x00"

    raw = made.raw(unit)
    assert verify_message(good.leaf, good.opening, raw)["ok"]
    first_salt = next(key for key in good.opening if key.isdecimal())
    for opening, body in (
        (good.opening, raw[:-1] + b"]"),
        (good.opening, raw + b" "),
        ({**good.opening, first_salt: "00" * 32}, raw),
        ({**good.opening, "glue": "00" * 32}, raw),
        ({**good.opening, "layout": "g" + str(len(raw))}, raw),
        ({**good.opening, "layout": "x1"}, raw),
        ({}, raw),
    ):
        assert not verify_message(good.leaf, opening, body)["ok"]
    assert not verify_message(b"{}", good.opening, raw)["ok"]
