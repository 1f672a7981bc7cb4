"""Keys made ahead, content sealed to its place, keys destroyed for good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import HubError, IntegrityViolation, Misconfigured
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger.keys import WRAPPING_KEY_FILE, log_signer, wrapping_key
from ledger.keystore import SLOTS, KeyStore, MemoryKeys, SqliteKeys, missing_blocks
from ledger.stores.postgres_keys import PostgresKeys
from ledger.vault import Vault, fingerprint


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    made: KeyStore = MemoryKeys()
    if request.param == "sqlite":
        made = SqliteKeys(str(tmp_path / "keys.db"))
    elif request.param == "postgres":
        made = PostgresKeys(request.getfixturevalue("postgres_keys_dsn"))
    yield made
    made.close()


def _vault(keys: KeyStore, *, seed: str = "mau", wrapping: bytes = b"w" * 32, compress_from: int = 4_096) -> Vault:
    return Vault(keys, wrapping, SteppedClock(), SeededEntropy(seed), compress_from=compress_from)


def test_what_is_sealed_opens_only_in_its_place_and_under_its_key(keys: KeyStore) -> None:
    vault = _vault(keys)
    one, other = vault.take(), vault.take()
    salt, sealed = vault.seal(one, "Lò Thị Mẫu".encode(), b"here")
    assert vault.open(one, sealed, b"here") == (salt, "Lò Thị Mẫu".encode())
    for key, item, place in (
        (one, sealed, b"there"),
        (other, sealed, b"here"),
        (one, sealed[:-1] + b"x", b"here"),
        (one, b"", b""),
    ):
        with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
            vault.open(key, item, place)


def test_salts_nonces_and_keys_are_never_given_twice(keys: KeyStore) -> None:
    vault = _vault(keys)
    taken = [vault.take() for _ in range(3 * 8 * SLOTS)]
    assert len({key.id for key in taken}) == len({key.raw for key in taken}) == len(taken)
    sealed = [vault.seal(taken[0], b"same", b"place") for _ in range(500)]
    assert len({salt for salt, _ in sealed}) == len({item[:12] for _, item in sealed}) == 500


def test_great_content_is_deflated_and_comes_back(keys: KeyStore) -> None:
    vault = _vault(keys, compress_from=100)
    key = vault.take()
    for content in (b"a" * 10_000, SeededEntropy("x").bytes(10_000), b"", b"b" * 99):
        _, sealed = vault.seal(key, content, b"here")
        assert vault.open(key, sealed, b"here")[1] == content
    assert len(vault.seal(key, b"a" * 10_000, b"here")[1]) < 200


def test_keys_are_there_after_a_restart_and_only_for_who_holds_the_wrapping_key(tmp_path: Path) -> None:
    path = str(tmp_path / "keys.db")
    vault = _vault(SqliteKeys(path))
    key = vault.take()
    secret = vault.secret
    vault.close()
    again = _vault(SqliteKeys(path), seed="other")
    assert again.key(key.id).raw == key.raw
    assert again.secret == secret
    assert again.take().id > key.id
    again.close()
    assert key.raw not in (tmp_path / "keys.db").read_bytes()
    with pytest.raises(IntegrityViolation, match=r"vault\.key_missing"):
        _vault(SqliteKeys(path), wrapping=b"x" * 32)


def test_a_destroyed_key_is_gone_from_the_file_and_its_neighbours_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    vault = _vault(SqliteKeys(str(path)))
    kept, gone = vault.take(), vault.take()
    vault._store.add([(1, b"not touched")])
    before = vault._store.get(gone.id // SLOTS)
    assert before is not None
    vault.destroy(gone.id)
    for _ in range(2):
        with pytest.raises(HubError, match=r"vault\.erased"):
            vault.key(gone.id)
        assert vault.key(kept.id).raw == kept.raw
        files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert before not in files
        vault.close()
        vault = _vault(SqliteKeys(str(path)), seed="other")
    vault.close()


def test_lost_keys_are_found_at_the_start(keys: KeyStore) -> None:
    keys.add([(number, b"x") for number in (5, 7, 9_000)])
    assert list(missing_blocks(keys, iter([[5, 7], [9_000]]))) == []
    assert list(missing_blocks(keys, iter([[4, 5], [6, 7], [9_000, 9_001]]))) == [4, 6, 9_001]
    vault = _vault(keys)
    vault.check(iter([[5]]))
    with pytest.raises(IntegrityViolation, match=r"vault\.key_missing"):
        vault.check(iter([[5, 6]]))
    with pytest.raises(IntegrityViolation, match=r"vault\.key_missing"):
        vault.key(6 * SLOTS)


def test_fingerprints_and_blinded_names_depend_on_the_key(keys: KeyStore) -> None:
    vault = _vault(keys)
    one, other = vault.take(), vault.take()
    assert fingerprint(one, b"x") == fingerprint(one, b"x") != fingerprint(other, b"x")
    assert len(fingerprint(one, b"x")) == 16
    assert vault.blind(b"eid", b"a", b"b") != vault.blind(b"code", b"a", b"b")


def test_key_files_that_hold_no_key_are_refused() -> None:
    files, entropy = MemoryFiles(), SeededEntropy("x")
    with pytest.raises(Misconfigured, match=r"config\.missing"):
        wrapping_key(files, entropy, create=False)
    key = wrapping_key(files, entropy, create=True)
    assert wrapping_key(files, entropy, create=False) == key
    assert files.modes[WRAPPING_KEY_FILE] == 0o600
    for content in (b"zz", b"00", b"\xff"):
        files.write_durable(WRAPPING_KEY_FILE, content)
        with pytest.raises(Misconfigured, match=r"config\.invalid"):
            wrapping_key(files, entropy, create=True)
    signer = log_signer(files, entropy, "mau.example/log", create=True)
    assert log_signer(files, entropy, "mau.example/log", create=False).public_key() == signer.public_key()
    for content in (
        b"",
        b"PRIVATE+KEY+a+b",
        b"PRIVATE+KEY+mau.example/log+00+!!",
        b"PRIVATE+KEY+mau.example/log+00+AQ==",
    ):
        files.write_durable("keys/log.key", content)
        with pytest.raises(Misconfigured, match=r"config\.invalid"):
            log_signer(files, entropy, "mau.example/log", create=True)
