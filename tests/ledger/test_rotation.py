"""A log changes its key while it runs; whatever step is the last before a crash, the next start signs rightly."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation, MessageRefused, Misconfigured
from hub.world import DiskFiles
from hub.world_seeded import SeededEntropy, SteppedClock
from ledger import checkpoint
from ledger.inspect import verify
from ledger.keys import FileSigner, keep_signer
from ledger.note import VerifierKey, open_note, parse_vkey, sign, vkey_of
from ledger.rotation import NEXT, NEXT_KEY_FILE, NEXT_VKEY_FILE
from ledger.writer import Writer
from tests.ledger import made

CLOCK = SteppedClock(step_us=1_000)
_NUMBERS = iter(range(1, 10_000))


def grown(ledger: Writer) -> str:
    """The checkpoint after one more message."""
    ledger.submit(made.packet(ledger, [next(_NUMBERS)]))
    ledger.flush()
    return ledger.checkpoint()


def signers_of(note: str, vkeys: list[str]) -> list[str]:
    """Which of these keys signed a checkpoint."""
    found = []
    for vkey in vkeys:
        try:
            open_note(note, [parse_vkey(vkey)])
        except IntegrityViolation:
            continue
        found.append(vkey)
    assert note.count("\u2014 ") == len(found)
    return found


def started(folder: Path) -> Writer:
    """The log again, in a process with other randomness."""
    return made.opened(folder, seed=f"mau {next(_NUMBERS)}")


def reopened(folder: Path, ledger: Writer) -> Writer:
    ledger.close()
    return started(folder)


@pytest.fixture
def ledger(tmp_path: Path) -> Writer:
    return made.opened(tmp_path)


def test_from_the_leaf_of_the_new_key_on_both_keys_sign_and_after_the_old_ones_end_the_new_one_alone(
    ledger: Writer, tmp_path: Path
) -> None:
    old = ledger.vkey
    before = grown(ledger)
    new = ledger.log_keys.rotate(ledger, CLOCK)
    at_leaf, between = ledger.checkpoint(), grown(ledger)
    assert ledger.log_keys.retire(ledger, CLOCK) == old
    at_end, after = ledger.checkpoint(), grown(ledger)
    keys = [old, new]
    assert [signers_of(note, keys) for note in (before, at_leaf, between, at_end, after)] == [
        [old],
        keys,
        keys,
        [new],
        [new],
    ]
    registry = ledger.log_keys.registry(ledger)
    assert registry.findings == []
    for note in (before, at_leaf, between, at_end, after):
        size = checkpoint.parse(note.rpartition("\n\n")[0] + "\n").size
        assert list(registry.signers(size)) == signers_of(note, keys)
    ledger.close()
    assert verify(str(tmp_path), keys)["ok"]
    assert (tmp_path / "keys/log.vkey").read_text("utf-8").strip() == new
    assert not (tmp_path / NEXT_KEY_FILE).exists()
    again = started(tmp_path)
    assert signers_of(grown(again), keys) == [new]
    again.close()


def test_a_start_during_the_overlap_goes_on_with_both_keys(ledger: Writer, tmp_path: Path) -> None:
    old = ledger.vkey
    new = ledger.log_keys.rotate(ledger, CLOCK)
    ledger = reopened(tmp_path, ledger)
    assert signers_of(grown(ledger), [old, new]) == [old, new]
    ledger.close()


def test_a_key_file_without_its_leaf_signs_nothing_and_the_next_change_uses_it(ledger: Writer, tmp_path: Path) -> None:
    old = ledger.vkey
    left = FileSigner(made.ORIGIN, b"\x07" * 32)
    keep_signer(DiskFiles(tmp_path), SeededEntropy("x"), left, name=NEXT, passphrase=b"")
    ledger = reopened(tmp_path, ledger)
    assert signers_of(grown(ledger), [old, vkey_of(left)]) == [old]
    assert ledger.log_keys.rotate(ledger, CLOCK) == vkey_of(left)
    ledger.close()


@pytest.mark.parametrize("text", ["", "PRIVATE+KEY+mau.exam", "PRIVATE+KEY+mau.example/log+00000000+AAAA"])
def test_a_half_written_key_file_signs_nothing_and_the_next_change_replaces_it(
    ledger: Writer, tmp_path: Path, text: str
) -> None:
    old = ledger.vkey
    DiskFiles(tmp_path).write_durable(NEXT_KEY_FILE, text.encode(), mode=0o600)
    ledger = reopened(tmp_path, ledger)
    assert signers_of(grown(ledger), [old]) == [old]
    new = ledger.log_keys.rotate(ledger, CLOCK)
    assert signers_of(grown(ledger), [old, new]) == [old, new]
    ledger.close()


def test_an_announced_key_that_can_not_be_read_is_not_passed_over_in_silence(ledger: Writer, tmp_path: Path) -> None:
    old = ledger.vkey
    ledger.log_keys.rotate(ledger, CLOCK)
    ledger.close()
    DiskFiles(tmp_path).write_durable(NEXT_KEY_FILE, b"PRIVATE+KEY+mau.exam", mode=0o600)
    with pytest.raises(Misconfigured, match="announced key can not be read") as refused:
        made.opened(tmp_path)
    assert refused.value.code == "config.invalid"

    (tmp_path / NEXT_KEY_FILE).unlink()
    ledger = made.opened(tmp_path, seed="again")
    assert signers_of(grown(ledger), [old]) == [old]
    ledger.close()


def _keep_old(folder: Path) -> Callable[[], None]:
    files = DiskFiles(folder)
    names = ("keys/log.key", "keys/log.vkey", NEXT_KEY_FILE, NEXT_VKEY_FILE)
    kept = {name: files.read(name) for name in names}

    def put_back() -> None:
        for name, content in kept.items():
            files.write_durable(name, content, mode=0o600)

    return put_back


@pytest.mark.parametrize("promoted", [False, True])
def test_a_crash_after_the_old_keys_end_leaves_files_that_the_next_start_puts_away(
    ledger: Writer, tmp_path: Path, *, promoted: bool
) -> None:
    new = ledger.log_keys.rotate(ledger, CLOCK)
    put_back = _keep_old(tmp_path)
    old = ledger.log_keys.retire(ledger, CLOCK)
    ledger.close()
    files = DiskFiles(tmp_path)
    new_key = files.read("keys/log.key")
    put_back()
    if promoted:
        files.write_durable("keys/log.key", new_key, mode=0o600)
    ledger = started(tmp_path)
    assert signers_of(grown(ledger), [old, new]) == [new]
    ledger.close()
    assert files.read("keys/log.key") == new_key
    assert NEXT_KEY_FILE not in files.list("keys/")


def test_a_commit_that_fails_announces_nothing_and_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = made.opened(tmp_path)
    old = ledger.vkey
    size = ledger.committed

    def fail(after: int) -> list[bytes]:
        raise OSError(f"mất điện sau {after}")

    monkeypatch.setattr(ledger._chain.store, "written_leaves", fail)
    with pytest.raises(IntegrityViolation, match=r"ledger\.unavailable"):
        ledger.log_keys.rotate(ledger, CLOCK)
    ledger.close()
    ledger = started(tmp_path)
    assert ledger.committed == size
    assert signers_of(grown(ledger), [old]) == [old]
    ledger.close()


def test_what_was_placed_before_is_committed_under_the_old_key(ledger: Writer) -> None:
    old = ledger.vkey
    ledger.submit(made.packet(ledger, [next(_NUMBERS)]))
    placed = ledger.placed
    new = ledger.log_keys.rotate(ledger, CLOCK)
    covering = ledger._chain.store.checkpoint_covering(placed)
    assert covering is not None
    assert covering[0] == placed
    assert signers_of(covering[1], [old, new]) == [old]
    ledger.close()


def test_one_change_at_a_time_and_never_without_a_key(ledger: Writer) -> None:
    only = ledger.vkey
    for refused in (
        lambda: ledger.log_keys.retire(ledger, CLOCK),
        lambda: ledger.log_keys.revoke(ledger, CLOCK, only, since=1, reason="lost"),
        lambda: ledger.log_keys.revoke(ledger, CLOCK, only, since=1, reason="vì sao"),
        lambda: ledger.log_keys.revoke(ledger, CLOCK, "x+y+z", since=1, reason="lost"),
        lambda: ledger.log_keys.add(ledger, CLOCK, only, "source"),
        lambda: ledger.log_keys.add(ledger, CLOCK, "x", "source"),
        lambda: ledger.log_keys.add(ledger, CLOCK, only, "log"),
    ):
        with pytest.raises(MessageRefused):
            refused()
    ledger.log_keys.rotate(ledger, CLOCK)
    with pytest.raises(MessageRefused, match=r"query\.invalid"):
        ledger.log_keys.rotate(ledger, CLOCK)
    ledger.close()


def test_a_revoked_key_signs_no_more_and_the_other_one_says_so(ledger: Writer, tmp_path: Path) -> None:
    old = ledger.vkey
    new = ledger.log_keys.rotate(ledger, CLOCK)
    ledger.log_keys.revoke(ledger, CLOCK, old, since=5, reason="compromised")
    assert signers_of(grown(ledger), [old, new]) == [new]
    registry = ledger.log_keys.registry(ledger)
    assert registry.findings == []
    assert registry.judge(old, 1) == "KEY_REVOKED"
    ledger = reopened(tmp_path, ledger)
    assert signers_of(grown(ledger), [old, new]) == [new]
    ledger.close()


def test_keys_of_witnesses_and_sources_are_announced_by_the_log(ledger: Writer) -> None:
    source = VerifierKey("nguon-mau", b"\x09" * 32).text()
    ledger.log_keys.add(ledger, CLOCK, source, "source")
    state = ledger.log_keys.registry(ledger).find(source)
    assert state is not None
    assert (state.purpose, state.by) == ("source", ledger.vkey)
    ledger.close()


def test_a_log_whose_living_key_is_gone_is_not_opened(ledger: Writer, tmp_path: Path) -> None:
    first = (tmp_path / "keys/log.key").read_bytes()
    ledger.log_keys.rotate(ledger, CLOCK)
    ledger.log_keys.retire(ledger, CLOCK)
    ledger.close()
    DiskFiles(tmp_path).write_durable("keys/log.key", first, mode=0o600)
    with pytest.raises((Misconfigured, IntegrityViolation)):
        made.opened(tmp_path)


def test_a_reader_passes_over_unknown_lines_among_sixteen_and_rejects_a_known_keys_bad_one() -> None:
    signers = [FileSigner(made.ORIGIN, bytes([number]) * 32) for number in range(1, 17)]
    text = checkpoint.Checkpoint(made.ORIGIN, 3, b"\x01" * 32).text()
    signed = checkpoint.Scribe(*signers).sign(3, b"\x01" * 32)
    assert signed.count("\u2014 ") == len(signers)
    for signer in signers:
        known = [parse_vkey(vkey_of(signer))]
        assert checkpoint.open_checkpoint(signed, known).size == len("abc")
    grease = f"{signed}\u2014 grease.example AAAAAAAAAAAAAAAAAAAAAA==\n"
    known = [parse_vkey(vkey_of(signers[0]))]
    assert open_note(grease, known) == text
    identity = parse_vkey(vkey_of(signers[1])).id
    forged = sign(text, signers[0], identity).rpartition("\n\n")[2]
    both = [parse_vkey(vkey_of(one)) for one in signers[:2]]
    with pytest.raises(IntegrityViolation):
        open_note(sign(text, signers[0], both[0].id) + forged, both)
