"""Being a witness: only growth is cosigned, and nothing is said that is not kept first."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import IntegrityViolation, Misconfigured
from contracts.ports import Lock
from hub.world_seeded import MemoryFiles, SeededEntropy
from ledger import merkle
from ledger.cosignature import find_cosignatures, message, split_note
from ledger.witness import request_body
from ledger.witnessing import WITNESS_KEY_FILE, Verdict, WitnessService, witness_signer
from tests.ledger.plain_log import PlainLog, entry
from tests.ledger.witness_pair import NAME, service


class DyingFiles(MemoryFiles):
    """A disk whose power goes before (or after) a write of this name."""

    def __init__(self) -> None:
        super().__init__()
        self.dies = ""

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        if self.dies == "before":
            raise OSError(5, "power cut")
        super().write_durable(name, content, mode=mode)
        if self.dies == "after":
            raise OSError(5, "power cut")

    def lock(self, name: str) -> Lock:
        return super().lock(name)


def ask(witness: WitnessService, log: PlainLog, old: int, size: int) -> Verdict:
    proof = merkle.consistency(old, size, log.node) if 0 < old < size else []
    return witness.add_checkpoint(request_body(old, proof, log.notes[size]))


def grown(*sizes: int) -> PlainLog:
    log = PlainLog()
    for size in sizes:
        log.grow_to(size)
    return log


def test_a_cosignature_is_over_the_published_bytes() -> None:
    log = grown(7)
    witness = service(log)
    verdict = ask(witness, log, 0, 7)
    assert verdict.status == 200
    text, _ = split_note(log.head())
    raw = b64decode(verdict.body.removeprefix(f"\u2014 {NAME} "))
    at_s = int.from_bytes(raw[4:12], "big")
    Ed25519PublicKey.from_public_bytes(witness.key.public_key).verify(raw[12:], message(text, at_s))


def test_growth_is_followed_and_answered_only_from_where_it_stands() -> None:
    log = grown(3, 5, 256, 257)
    witness = service(log)
    assert ask(witness, log, 0, 3).status == 200
    assert ask(witness, log, 0, 5) == Verdict(409, "3\n", "text/x.tlog.size")
    assert ask(witness, log, 3, 256).status == 200
    assert ask(witness, log, 256, 257).status == 200
    assert ask(witness, log, 256, 257) == Verdict(409, "257\n", "text/x.tlog.size")
    assert ask(witness, log, 257, 257).status == 200


def test_a_stale_or_rolled_back_checkpoint_is_refused() -> None:
    log = grown(3, 9)
    witness = service(log)
    ask(witness, log, 0, 9)
    assert ask(witness, log, 9, 3).status == 400
    assert ask(witness, log, 3, 3) == Verdict(409, "9\n", "text/x.tlog.size")
    assert ask(witness, log, 0, 3) == Verdict(409, "9\n", "text/x.tlog.size")


def test_a_fork_is_refused_and_kept_as_evidence() -> None:
    log = grown(9)
    files = MemoryFiles()
    witness = service(log, files)
    ask(witness, log, 0, 9)
    fork = grown(5)
    fork.append([entry(number) + b"!" for number in range(5, 9)])
    assert witness.add_checkpoint(request_body(9, [], fork.head())).status == 409
    fork.grow_to(12)
    assert ask(witness, fork, 9, 12).status == 422
    kept = files.list("witness/conflicts/")
    assert len(kept) == 2
    assert all(log.head().encode() in files.read(name) for name in kept)
    assert witness.seen(log.origin) is not None
    log.grow_to(12)
    assert ask(witness, log, 9, 12).status == 200


def test_unknown_logs_and_keys_are_refused() -> None:
    log = grown(3)
    witness = service(log)
    assert witness.add_checkpoint(f"old 0\n\n{PlainLog(3, origin='khac.example/log').head()}".encode()).status == 404
    assert witness.add_checkpoint(f"old 0\n\n{PlainLog(3, seed='khac').head()}".encode()).status == 403
    assert witness.seen(log.origin) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:0],
        lambda body: body.replace(b"old 0", b"old 00"),
        lambda body: body.replace(b"old 0", b"old -1"),
        lambda body: body.replace(b"old 0", b"old  0"),
        lambda body: body.replace(b"old 0", b"0"),
        lambda body: body.replace(b"old 0", b"old " + b"9" * 30),
        lambda body: body.replace(b"old 0\n", b"old 0\r\n"),
        lambda body: body.replace(b"old 0\n", b"old 0\nAAAA\n"),
        lambda body: body.replace(b"old 0\n", b"old 0\n" + (b64encode(bytes(32)) + b"\n") * 64),
        lambda body: body.replace(b"\n3\n", b"\n03\n"),
        lambda body: body.replace(b"\n\n", b"\n", 1),
        lambda body: b"\xff" + body,
    ],
)
def test_a_request_of_another_form_is_400(change: object) -> None:
    log = grown(3)
    body = request_body(0, [], log.head())
    assert callable(change)
    assert service(log).add_checkpoint(change(body)).status == 400


def test_a_proof_that_is_not_empty_from_nothing_is_422() -> None:
    log = grown(3)
    assert service(log).add_checkpoint(request_body(0, [bytes(32)], log.head())).status == 422


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_crash_between_checking_and_keeping_never_leaves_a_cosignature_that_is_not_kept(dies: str) -> None:
    log = grown(3, 9)
    files = DyingFiles()
    witness = service(log, files)
    ask(witness, log, 0, 3)
    files.dies = dies
    with pytest.raises(OSError, match="power cut"):
        ask(witness, log, 3, 9)
    files.dies = ""
    again = service(log, files)
    stands = 3 if dies == "before" else 9
    seen = again.seen(log.origin)
    assert seen is not None
    assert seen.size == stands
    assert ask(again, log, stands, 9).status == 200


def test_memory_that_can_not_be_read_is_never_taken_for_no_memory() -> None:
    log = grown(3, 9)
    files = MemoryFiles()
    ask(service(log, files), log, 0, 9)
    (name,) = [one for one in files.list("witness/") if one.endswith(".json")]
    for content in (b"", b"{}", b'{"origin":"x","size":1,"root":"00","note":""}'):
        files.write_durable(name, content)
        with pytest.raises(IntegrityViolation) as caught:
            ask(service(log, files), log, 0, 3)
        assert caught.value.code == "testimony.invalid"


def test_the_key_is_made_once_and_kept_to_its_name() -> None:
    files = MemoryFiles()
    first = witness_signer(files, SeededEntropy("a"), NAME)
    assert witness_signer(files, SeededEntropy("b"), NAME).public_key() == first.public_key()
    with pytest.raises(Misconfigured):
        witness_signer(files, SeededEntropy("a"), "khac.example/w")
    files.write_durable(WITNESS_KEY_FILE, b"PRIVATE+KEY+x")
    with pytest.raises(Misconfigured):
        witness_signer(files, SeededEntropy("a"), NAME)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_no_changed_request_is_cosigned_for_another_tree(data: st.DataObject, at: int, byte: int) -> None:
    log = grown(3, 9)
    witness = service(log)
    ask(witness, log, 0, 3)
    proof = merkle.consistency(3, 9, log.node)
    body = bytearray(request_body(3, proof, log.notes[9]))
    body[at % len(body)] = byte
    verdict = witness.add_checkpoint(bytes(body))
    if verdict.status == 200:
        text, _ = split_note(log.notes[9])
        assert find_cosignatures(text, verdict.body, [witness.key])
