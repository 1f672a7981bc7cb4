"""Timestamps: real tokens of openssl hold here and with others; every broken rule is named; noise ends in an error."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import IntegrityViolation
from ledger import der, timestamp
from tests.ledger.forged_token import Forge
from tests.ledger.openssl_authority import Authority

NOTE = "mau.example/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u2014 mau.example/log AAAA\n".encode()
NONCE = 0x8123_4567_89AB_CDEF
QUERY = timestamp.request(sha256(NOTE).digest(), NONCE)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "good")


@pytest.fixture(scope="module")
def reply(authority: Authority) -> bytes:
    return authority.reply(QUERY)


def test_a_real_token_says_when_by_whom_and_over_what(authority: Authority, reply: bytes) -> None:
    found = timestamp.verify(reply, NOTE, authority.roots, nonce=NONCE)
    assert found.imprint == sha256(NOTE).digest()
    assert found.nonce == NONCE
    assert found.policy == "1.3.6.1.4.1.99999.1"
    assert "Cấp dấu thời gian Mẫu" in found.authority
    assert authority.certificate.not_valid_before_utc.timestamp() <= found.at_us / 1e6


def test_two_other_tools_agree_on_the_token(authority: Authority, reply: bytes) -> None:
    assert authority.accepts(reply, NOTE)
    assert not authority.accepts(reply, NOTE + b" ")
    builder = rfc3161_client.VerifierBuilder(common_name=None)
    for root in authority.roots:
        builder = builder.add_root_certificate(root)
    response = rfc3161_client.decode_timestamp_response(reply)
    assert builder.build().verify_message(response, NOTE)


def test_our_request_is_what_the_other_library_would_ask() -> None:
    asked = rfc3161_client.TimestampRequestBuilder().data(NOTE).nonce(nonce=True).build()
    outer = der.read_one(asked.as_bytes(), der.SEQUENCE, "theirs")
    ours = der.read_one(QUERY, der.SEQUENCE, "ours")
    theirs = list(der.Reader(outer.content, "theirs").rest())
    mine = list(der.Reader(ours.content, "ours").rest())
    assert [one.tag for one in mine] == [one.tag for one in theirs]
    assert sha256(NOTE).digest() in mine[1].content
    assert mine[3].content == b"\xff"


def test_a_token_may_enclose_its_chain_in_any_order(authority: Authority) -> None:
    """OpenSSL writes the certificates unsorted, which strict DER forbids in a SET and every verifier meets."""
    token = authority.reply(QUERY, chain=True)
    assert timestamp.verify(token, NOTE, authority.roots, nonce=NONCE).nonce == NONCE
    assert authority.accepts(token, NOTE)


@pytest.mark.parametrize("key", ["P-256", "P-384"])
def test_elliptic_curves_are_read_too(tmp_path: Path, key: str) -> None:
    authority = Authority(tmp_path / "ec", key=key)
    assert timestamp.verify(authority.reply(QUERY), NOTE, authority.roots, nonce=NONCE).nonce == NONCE


def refused(response: bytes, covered: bytes, roots: tuple[x509.Certificate, ...], rule: str, **other: Any) -> None:
    with pytest.raises(IntegrityViolation, match=rule) as caught:
        timestamp.verify(response, covered, roots, nonce=other.get("nonce"))
    assert caught.value.code == "testimony.invalid"


def test_a_token_over_another_checkpoint_is_refused(authority: Authority, reply: bytes) -> None:
    """Finding TSA_IMPRINT: another tree, or the token reused for a larger one."""
    refused(reply, NOTE.replace(b"\n7\n", b"\n8\n"), authority.roots, "TSA_IMPRINT")


def test_a_token_for_another_request_is_refused(authority: Authority, reply: bytes) -> None:
    refused(reply, NOTE, authority.roots, "nonce", nonce=NONCE + 1)


def test_an_authority_nobody_configured_is_refused(authority: Authority, reply: bytes) -> None:
    refused(reply, NOTE, (Forge().root,), "no trusted authority")
    refused(reply, NOTE, (), "no trusted authority")


def test_another_root_of_the_same_name_is_refused(tmp_path: Path, reply: bytes) -> None:
    refused(reply, NOTE, Authority(tmp_path / "double").roots, "no trusted authority")


def test_a_certificate_that_had_expired_by_then_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "old", start="200101000000Z", end="210101000000Z")
    refused(authority.reply(QUERY), NOTE, authority.roots, "not valid at the token's time")


def test_a_token_naming_its_certificate_by_sha1_alone_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "sha1", ess="sha1")
    refused(authority.reply(QUERY), NOTE, authority.roots, "only the SHA-1 form")


def test_a_token_is_judged_at_its_own_time_not_at_ours() -> None:
    """Its certificate ran for two days of a year that may be long past."""
    forge = Forge()
    assert timestamp.verify(forge.token(NOTE), NOTE, (forge.root,), nonce=None).at_us == 1_782_907_200_000_000


def test_fractions_of_a_second_are_kept_to_the_microsecond() -> None:
    forge = Forge()
    token = forge.token(NOTE, time="20260701120000.25Z")
    assert timestamp.verify(token, NOTE, (forge.root,), nonce=None).at_us == 1_782_907_200_250_000


BROKEN: dict[str, tuple[Callable[[Forge], bytes], str]] = {
    "refused": (lambda forge: forge.token(NOTE, status=2), "status 2"),
    "version": (lambda forge: forge.token(NOTE, version=2), "another version"),
    "imprint algorithm": (lambda forge: forge.token(NOTE, imprint_algorithm="1.3.14.3.2.26"), "TSA_IMPRINT"),
    "local time": (lambda forge: forge.token(NOTE, time="20260701120000+0700"), "genTime"),
    "trailing zero": (lambda forge: forge.token(NOTE, time="20260701120000.50Z"), "genTime"),
    "no such day": (lambda forge: forge.token(NOTE, time="20260231120000Z"), "day"),
    "too early": (lambda forge: forge.token(NOTE, time="20250701120000Z"), "not valid"),
    "content type": (lambda forge: forge.token(NOTE, content_type="1.2.840.113549.1.7.1"), "not a timestamp"),
    "digest": (lambda forge: forge.token(NOTE, digest=bytes(32)), "signed digest"),
    "no certificate id": (lambda forge: forge.token(NOTE, ess=False), "signingCertificateV2 is missing"),
    "other certificate": (lambda forge: forge.token(NOTE, names=Forge().certificate), "another signing certificate"),
    "attribute twice": (lambda forge: forge.token(NOTE, twice=True), "twice"),
    "trailing bytes": (lambda forge: forge.token(NOTE, trailing=b"\x05\x00"), "follows its end"),
    "no certificate": (lambda forge: forge.token(NOTE, certificates=False), "not in the token"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_every_broken_rule_is_named(broken: str) -> None:
    forge = Forge()
    make, rule = BROKEN[broken]
    refused(make(forge), NOTE, (forge.root,), rule)


@pytest.mark.parametrize(
    ("forge", "rule"),
    [
        (Forge(usages=()), "timestamping alone"),
        (Forge(critical=False), "timestamping alone"),
        (Forge(usages=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH)), "timestamping alone"),
        (Forge(root_is_ca=False), "no authority"),
    ],
)
def test_certificates_made_for_something_else_are_refused(forge: Forge, rule: str) -> None:
    refused(forge.token(NOTE), NOTE, (forge.root,), rule)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
def test_no_changed_token_says_another_time(
    authority: Authority, reply: bytes, at: int, bit: int, *, cut: bool
) -> None:
    """A flipped bit or a cut ends in the one error, or lies where nothing is said (the root's own copy, a status)."""
    at %= len(reply)
    changed = bytearray(reply)
    changed[at] ^= 1 << bit
    response = bytes(reply[:at]) if cut else bytes(changed)
    right = timestamp.verify(reply, NOTE, authority.roots, nonce=NONCE)
    with warnings.catch_warnings(), suppress(IntegrityViolation):
        warnings.simplefilter("ignore")  # the certificate reader warns of oddities it still reads
        assert timestamp.verify(response, NOTE, authority.roots, nonce=NONCE) == right


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_never_a_token(noise: bytes) -> None:
    with pytest.raises(IntegrityViolation) as caught:
        timestamp.verify(noise, NOTE, (), nonce=None)
    assert caught.value.code == "testimony.invalid"
    with pytest.raises(IntegrityViolation):
        timestamp.read(noise)


def test_a_way_through_an_intermediate_authority_is_followed_within_its_length() -> None:
    """The forge's root is an intermediate of another: believed only where the upper root allows one below it."""
    forge = Forge()
    token = forge.token(NOTE)
    for path_length, is_believed in ((None, True), (1, True), (0, False)):
        upper, middle = forge.under_another(path_length)
        chained = forge.token(NOTE, enclosed=(middle,))
        if is_believed:
            assert timestamp.verify(chained, NOTE, (upper,), nonce=None).at_us
        else:
            refused(chained, NOTE, (upper,), "no authority for this chain")
        refused(token, NOTE, (upper,), "no trusted authority")
