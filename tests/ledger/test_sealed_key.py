from pathlib import Path

import pytest

from contracts.errors import Misconfigured
from hub.world import DiskFiles
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger.keys import LOG_KEY_FILE, FileSigner, log_signer
from ledger.sealed_key import read_key, write_key
from tests.ledger import made

SECRET = "mật khẩu mẫu".encode()
SEED = b"\x05" * 32


def sealed(passphrase: bytes = SECRET) -> str:
    return write_key(made.ORIGIN, SEED, passphrase, SeededEntropy("mau"))


def test_an_encrypted_key_comes_back_with_its_passphrase_and_shows_nothing_without_it() -> None:
    assert read_key(sealed(), SECRET, "x") == (made.ORIGIN, SEED)
    assert SEED.hex() not in sealed()
    assert sealed().startswith("ENCRYPTED+KEY+mau.example/log+")


@pytest.mark.parametrize(("passphrase", "code"), [(b"sai", "config.invalid"), (b"", "config.missing")])
def test_a_wrong_or_missing_passphrase_says_so_and_names_no_secret(passphrase: bytes, code: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_key(sealed(), passphrase, LOG_KEY_FILE)
    assert caught.value.code == code
    assert "sai" not in str(caught.value)


def test_a_file_cut_off_anywhere_is_no_key() -> None:
    for text in (sealed(b""), sealed().strip()):
        whole = text.strip()
        for length in {0, 5, 20, len(whole) // 2, len(whole) - 8, len(whole) - 1}:
            with pytest.raises(Misconfigured):
                read_key(whole[:length], SECRET, LOG_KEY_FILE)


def test_a_ciphertext_under_another_name_does_not_open() -> None:
    with pytest.raises(Misconfigured):
        read_key(sealed().replace("mau.example/log", "kia.example/log"), SECRET, LOG_KEY_FILE)


def test_a_key_others_may_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path)
    log_signer(files, SeededEntropy("mau"), made.ORIGIN, create=True)
    (tmp_path / LOG_KEY_FILE).chmod(0o640)
    with pytest.raises(Misconfigured) as caught:
        log_signer(files, SeededEntropy("mau"), made.ORIGIN, create=False)
    assert caught.value.code == "config.invalid"
    assert "chmod 600 keys/log.key" in caught.value.detail


def test_a_plain_key_stays_readable_where_a_passphrase_is_configured() -> None:
    files = MemoryFiles()
    plain = log_signer(files, SeededEntropy("mau"), made.ORIGIN, create=True)
    again = log_signer(files, SeededEntropy("mau"), made.ORIGIN, create=False, passphrase=SECRET)
    assert again.public_key() == plain.public_key() == FileSigner(made.ORIGIN, again.seed()).public_key()


def test_a_log_with_a_passphrase_keeps_its_keys_encrypted_also_new_ones(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path, passphrase=SECRET)
    ledger.log_keys.rotate(ledger, SteppedClock())
    for name in ("log.key", "log-next.key"):
        assert (tmp_path / "keys" / name).read_text("utf-8").startswith("ENCRYPTED+KEY+")
    ledger.log_keys.retire(ledger, SteppedClock())
    ledger.close()
    assert (tmp_path / "keys/log.key").read_text("utf-8").startswith("ENCRYPTED+KEY+")
    with pytest.raises(Misconfigured):
        made.opened(tmp_path)
    made.opened(tmp_path, passphrase=SECRET).close()
