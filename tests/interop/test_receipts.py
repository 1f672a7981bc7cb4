"""Single proofs and signatures: ours before the verifier of Sigstore (JavaScript) and openssl, openssl's before us."""

import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import msgspec

from ledger import checkpoint, merkle, note, proof
from ledger.verifier import note as stranger_note
from tests.interop import foreign
from tests.interop.conftest import Shown
from tests.ledger.plain_log import ORIGIN, PlainLog, entry

PUBLIC = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 public key in a SubjectPublicKeyInfo (RFC 8410)."""


def text(value: bytes) -> str:
    return b64encode(value).decode()


def receipt(log: PlainLog, index: int, size: int) -> dict[str, Any]:
    return {
        "index": index,
        "size": size,
        "root": text(log.root_at(size)),
        "entry": text(entry(index)),
        "proof": [text(step) for step in merkle.inclusion(index, size, log.node)],
        "checkpoint": log.notes[size],
        "vkey": log.vkey,
    }


def test_the_verifier_of_sigstore_accepts_our_receipts_and_refuses_spoilt_ones(large: Shown, tmp_path: Path) -> None:
    good = [receipt(large.log, index, size) for size in large.sizes for index in sorted({0, size // 2, size - 1})]
    one = good[-2]
    spoilt = [
        one | {"index": one["index"] + 1},
        one | {"entry": text(b"khac")},
        one | {"proof": one["proof"][:-1]},
        one | {"proof": [*one["proof"], one["proof"][0]]},
        one | {"proof": [*one["proof"][:-2], one["proof"][-1], one["proof"][-2]]},
        one | {"root": text(large.log.root_at(65_536))},
        one | {"checkpoint": large.log.notes[65_536]},
        one | {"checkpoint": one["checkpoint"].replace("\n65537\n", "\n65538\n")},
        one | {"vkey": PlainLog(1, seed="khac").vkey},
    ]
    file = tmp_path / "receipts.json"
    file.write_bytes(msgspec.json.encode([*good, *spoilt]))
    told = foreign.ask("javascript", "receipts", file)
    assert told == [True] * len(good) + [False] * len(spoilt)


def openssl(*arguments: str, folder: Path) -> int:
    return subprocess.run(
        [*foreign.command("openssl"), *arguments], cwd=folder, capture_output=True, check=False
    ).returncode


def test_openssl_accepts_the_raw_signature_of_a_checkpoint(tmp_path: Path) -> None:
    log = PlainLog(300)
    key = note.parse_vkey(log.vkey)
    body, _, lines = log.head().rpartition("\n\n")
    (tmp_path / "public.der").write_bytes(PUBLIC + key.public_key)
    (tmp_path / "signature").write_bytes(b64decode(lines.split()[-1])[4:])
    check = ["pkeyutl", "-verify", "-pubin", "-inkey", "public.der", "-keyform", "DER", "-rawin"]
    for content, answer in ((body + "\n", 0), (body, 1), (body.replace("300", "301") + "\n", 1)):
        (tmp_path / "text").write_bytes(content.encode())
        assert openssl(*check, "-in", "text", "-sigfile", "signature", folder=tmp_path) == answer


def test_we_accept_a_checkpoint_that_openssl_signed(tmp_path: Path) -> None:
    assert openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem", folder=tmp_path) == 0
    assert openssl("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der", folder=tmp_path) == 0
    public = (tmp_path / "public.der").read_bytes()
    assert public[: len(PUBLIC)] == PUBLIC
    key = note.VerifierKey(ORIGIN, public[len(PUBLIC) :])
    log = PlainLog(300)
    body = checkpoint.Checkpoint(ORIGIN, 300, log.root_at(300)).text()
    (tmp_path / "text").write_bytes(body.encode())
    assert (
        openssl("pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "text", "-out", "sig", folder=tmp_path) == 0
    )
    line = text(key.id + (tmp_path / "sig").read_bytes())
    signed = f"{body}\n\u2014 {ORIGIN} {line}\n"
    assert checkpoint.open_checkpoint(signed, [key]).size == 300
    assert stranger_note.read_checkpoint(signed, [key.text()])[1] == 300
    written = proof.write(7, merkle.inclusion(7, 300, log.node), signed)
    assert proof.verify(written, entry(7), [key]).root == log.root_at(300)
