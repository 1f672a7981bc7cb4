"""A key on a token (SoftHSM 2): its signatures are ordinary ones, and without the token nothing is signed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.errors import IntegrityViolation, MessageRefused, Misconfigured
from hub.world_seeded import SteppedClock
from ledger import pkcs11_child
from ledger.checkpoint import Scribe, open_checkpoint
from ledger.inspect import verify
from ledger.pkcs11_signer import Pkcs11Signer, TokenKey
from tests.ledger import made

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
MODULE = next((path for path in MODULES if Path(path).exists()), "")
PIN = "270519"
MAKE = """
import sys, pkcs11
token = pkcs11.lib(sys.argv[1]).get_token(token_label="mau")
with token.open(rw=True, user_pin=open(sys.argv[2]).read()) as session:
    parameters = session.create_domain_parameters(
        pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: bytes.fromhex("06032b6570")}, local=True)
    parameters.generate_keypair(mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label="log")
"""

pytestmark = pytest.mark.skipif(
    not (MODULE and shutil.which("softhsm2-util")) and "CI" not in os.environ, reason="needs softhsm2"
)


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenKey:
    """A fresh token with one key."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    (tmp_path / "pin").write_text(PIN)
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    init = ["softhsm2-util", "--init-token", "--free", "--label", "mau", "--pin", PIN, "--so-pin", PIN]
    subprocess.run(init, check=True, capture_output=True)
    script = tmp_path / "make.py"
    script.write_text(MAKE)
    subprocess.run([sys.executable, str(script), MODULE, str(tmp_path / "pin")], check=True)
    return TokenKey(module=MODULE, token="mau", label="log", pin_file=str(tmp_path / "pin"))


@pytest.fixture
def signer(key: TokenKey) -> Iterator[Pkcs11Signer]:
    found = Pkcs11Signer(made.ORIGIN, key)
    yield found
    found.close()


def test_a_checkpoint_signed_by_a_token_is_an_ordinary_one(signer: Pkcs11Signer) -> None:
    scribe = Scribe(signer)
    assert open_checkpoint(scribe.sign(3, b"\x01" * 32), scribe.keys).size == len("abc")
    Ed25519PublicKey.from_public_bytes(signer.public_key()).verify(signer.sign(b"mau"), b"mau")


def test_a_child_that_was_killed_is_an_error_in_words_and_stays_one(signer: Pkcs11Signer) -> None:
    os.kill(signer.pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(IntegrityViolation, match=r"ledger\.unavailable: the signing token is gone"):
            signer.sign(b"mau")


def test_a_child_that_hangs_is_given_up_at_the_deadline(key: TokenKey) -> None:
    signer = Pkcs11Signer(made.ORIGIN, key)
    os.kill(signer.pid, signal.SIGSTOP)
    signer._deadline_s = 0.05
    with pytest.raises(IntegrityViolation, match="no answer in time"):
        signer.sign(b"mau")
    signer.close()


def test_the_pin_is_in_no_argument_and_in_no_error(key: TokenKey, signer: Pkcs11Signer, tmp_path: Path) -> None:
    assert PIN.encode() not in Path(f"/proc/{signer.pid}/cmdline").read_bytes()
    (tmp_path / "pin").write_text("999999")
    with pytest.raises(Misconfigured) as caught:
        Pkcs11Signer(made.ORIGIN, key)
    assert caught.value.code == "config.invalid"
    assert "999999" not in str(caught.value)


def test_a_log_whose_key_lies_on_a_token_has_no_key_file_verifies_and_stops_with_the_token(
    signer: Pkcs11Signer, key: TokenKey, tmp_path: Path
) -> None:
    root = tmp_path / "log"
    ledger = made.opened(root, token=signer)
    ledger.submit(made.packet(ledger, [1]))
    ledger.flush()
    ledger.close()
    assert not (root / "keys/log.key").exists()
    again = Pkcs11Signer(made.ORIGIN, key)
    ledger = made.opened(root, seed="khác", token=again)
    assert verify(str(root), [ledger.vkey])["ok"]
    with pytest.raises(MessageRefused, match="token"):
        ledger.log_keys.rotate(ledger, SteppedClock())
    size = ledger.committed
    again.close()
    ledger.submit(made.packet(ledger, [2]))
    with pytest.raises(IntegrityViolation, match="the signing token is gone"):
        ledger.flush()
    assert ledger.committed == size
    ledger.close()


def test_a_child_that_is_told_nonsense_answers_with_an_error_and_ends() -> None:
    command = [sys.executable, "-I", pkcs11_child.__file__]
    done = subprocess.run(command, input=pkcs11_child.frame(b"{}"), capture_output=True, check=False)
    assert (done.returncode, done.stdout[4:5], done.stderr) == (1, b"\x01", b"")
