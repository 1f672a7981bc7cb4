"""The verifier's own reading of RFC 3161 tokens: what real authorities say is believed, every broken rule is not."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import timestamp
from ledger.verifier.note import Untrusted
from ledger.verifier.stamp import load_roots, read_stamp
from tests.ledger.forged_token import Forge
from tests.ledger.openssl_authority import Authority

NOTE = b"mau.example/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
QUERY = timestamp.request(sha256(NOTE).digest(), 0x8123_4567_89AB_CDEF)
NOON_US = 1_782_907_200_000_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "good")


@pytest.fixture(scope="module")
def reply(authority: Authority) -> bytes:
    return authority.reply(QUERY)


@pytest.mark.parametrize("key", ["P-256", "P-384"])
def test_a_real_token_says_the_time_that_the_hub_reads_from_it(tmp_path: Path, key: str) -> None:
    authority = Authority(tmp_path / "tsa", key=key)
    made = authority.reply(QUERY)
    assert read_stamp(made, NOTE, authority.roots) == timestamp.verify(made, NOTE, authority.roots, nonce=None).at_us


def test_a_token_over_another_checkpoint_is_no_testimony_to_this_one(authority: Authority, reply: bytes) -> None:
    with pytest.raises(Untrusted) as refused:
        read_stamp(reply, NOTE.replace(b"\n7\n", b"\n8\n"), authority.roots)
    assert refused.value.code == "TSA_IMPRINT"


def test_an_authority_nobody_named_is_not_believed(tmp_path: Path, reply: bytes) -> None:
    for roots in ((), Authority(tmp_path / "double").roots):
        with pytest.raises(Untrusted):
            read_stamp(reply, NOTE, roots)


def test_a_certificate_that_had_expired_by_then_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "old", start="200101000000Z", end="210101000000Z")
    with pytest.raises(Untrusted):
        read_stamp(authority.reply(QUERY), NOTE, authority.roots)


def test_a_token_naming_its_certificate_by_sha1_alone_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "sha1", ess="sha1")
    with pytest.raises(Untrusted):
        read_stamp(authority.reply(QUERY), NOTE, authority.roots)


def test_a_token_is_judged_at_its_own_time_not_at_ours() -> None:
    forge = Forge()
    assert read_stamp(forge.token(NOTE), NOTE, (forge.root,)) == NOON_US
    assert read_stamp(forge.token(NOTE, time="20260701120000.25Z"), NOTE, (forge.root,)) == NOON_US + 250_000


BROKEN: dict[str, Callable[[Forge], bytes]] = {
    "refused": lambda forge: forge.token(NOTE, status=2),
    "imprint algorithm": lambda forge: forge.token(NOTE, imprint_algorithm="1.3.14.3.2.26"),
    "local time": lambda forge: forge.token(NOTE, time="20260701120000+0700"),
    "no such day": lambda forge: forge.token(NOTE, time="20260231120000Z"),
    "too early": lambda forge: forge.token(NOTE, time="20250701120000Z"),
    "content type": lambda forge: forge.token(NOTE, content_type="1.2.840.113549.1.7.1"),
    "digest": lambda forge: forge.token(NOTE, digest=bytes(32)),
    "no certificate id": lambda forge: forge.token(NOTE, ess=False),
    "other certificate": lambda forge: forge.token(NOTE, names=Forge().certificate),
    "attribute twice": lambda forge: forge.token(NOTE, twice=True),
    "trailing bytes": lambda forge: forge.token(NOTE, trailing=b"\x05\x00"),
    "no certificate": lambda forge: forge.token(NOTE, certificates=False),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_every_broken_rule_is_found(broken: str) -> None:
    forge = Forge()
    with pytest.raises(Untrusted) as refused:
        read_stamp(BROKEN[broken](forge), NOTE, (forge.root,))
    assert refused.value.code == "TSA_IMPRINT"


@pytest.mark.parametrize(
    "forge",
    [
        Forge(usages=()),
        Forge(critical=False),
        Forge(usages=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH)),
        Forge(root_is_ca=False),
    ],
    ids=["no usage", "not critical", "also a server", "a root that is none"],
)
def test_certificates_made_for_something_else_are_refused(forge: Forge) -> None:
    with pytest.raises(Untrusted):
        read_stamp(forge.token(NOTE), NOTE, (forge.root,))


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
def test_no_changed_token_says_another_time(
    authority: Authority, reply: bytes, at: int, bit: int, *, cut: bool
) -> None:
    at %= len(reply)
    changed = bytearray(reply)
    changed[at] ^= 1 << bit
    right = read_stamp(reply, NOTE, authority.roots)
    with warnings.catch_warnings(), suppress(Untrusted):
        warnings.simplefilter("ignore")  # the library warns of serial numbers that no authority may give
        assert read_stamp(bytes(reply[:at]) if cut else bytes(changed), NOTE, authority.roots) == right


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(max_size=400))
def test_any_bytes_end_in_the_one_error(junk: bytes) -> None:
    with pytest.raises(Untrusted):
        read_stamp(junk, NOTE, ())
    with pytest.raises(Untrusted):
        load_roots(junk)
