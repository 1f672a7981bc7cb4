"""RFC 3161 tokens: that an authority saw these exact bytes at the time it states.

Certificates are judged at that time, never by the verifier's clock. Revocation lists are not read.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ledger.verifier.der import oid, one, split
from ledger.verifier.note import Untrusted

_SEQUENCE, _SET, _OCTETS, _OID, _INTEGER, _TIME = 0x30, 0x31, 0x04, 0x06, 0x02, 0x18
_CONTEXT_0, _CONTEXT_1, _KEY_ID = 0xA0, 0xA1, 0x80
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_HASHES = {
    _SHA256: hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_WITH = {
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
_MOST_BYTES = 64 * 1024
_LONGEST_CHAIN = 6
_WHEN = re.compile(rb"(\d{14})(?:\.(\d{1,12}))?Z")
_UNREADABLE = (
    *(ValueError, TypeError, IndexError, KeyError, OverflowError, InvalidSignature, UnsupportedAlgorithm),
    *(x509.DuplicateExtension, x509.InvalidVersion, x509.ExtensionNotFound, x509.UnsupportedGeneralNameType),
)


class _Parts(NamedTuple):
    content: bytes
    certificates: list[x509.Certificate]
    signer: list[tuple[int, bytes, bytes]]


def load_roots(pem: bytes) -> list[x509.Certificate]:
    """The authorities that a reader believes, from PEM."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except _UNREADABLE as error:
        raise Untrusted(f"no certificates: {error}", "TSA_IMPRINT") from error


def read_stamp(response: bytes, covered: bytes, roots: Sequence[x509.Certificate]) -> int:
    """The time (microseconds since 1970 UTC) at which an authority under ``roots`` saw the bytes ``covered``.

    Raises:
        Untrusted: TSA_IMPRINT where the token does not say so.
    """
    try:
        if len(response) > _MOST_BYTES:
            raise ValueError("a token larger than any")
        parts = _take_apart(response)
        at_us = _judge_statement(parts.content, covered)
        certificate = _signer_of(parts)
        _judge_signature(parts, certificate)
        _judge_chain(certificate, parts.certificates, roots, datetime.fromtimestamp(at_us // 1_000_000, UTC))
    except _UNREADABLE as error:
        raise Untrusted(f"the timestamp does not hold: {str(error) or type(error).__name__}", "TSA_IMPRINT") from error
    return at_us


def _take_apart(response: bytes) -> _Parts:
    status, token = split(one(response, _SEQUENCE))
    granted = split(status[1])[0]
    if granted[0] != _INTEGER or granted[1] not in {b"\x00", b"\x01"}:
        raise ValueError("the authority did not grant it")
    kind, wrapped = split(token[1])
    if oid(kind[1]) != _SIGNED_DATA or wrapped[0] != _CONTEXT_0:
        raise ValueError("not signed data")
    fields = split(one(wrapped[1], _SEQUENCE))
    named, content = split(fields[2][1])
    if oid(named[1]) != _TST_INFO or content[0] != _CONTEXT_0:
        raise ValueError("it does not sign a time")
    certificates = [
        x509.load_der_x509_certificate(whole)
        for tag, value, _ in fields[3:-1]
        if tag == _CONTEXT_0
        for _, _, whole in split(value)
    ]
    signers = split(fields[-1][1])
    if fields[-1][0] != _SET or len(signers) != 1:
        raise ValueError("not exactly one signer")
    return _Parts(one(content[1], _OCTETS), certificates, split(signers[0][1]))


def _judge_statement(content: bytes, covered: bytes) -> int:
    fields = split(one(content, _SEQUENCE))
    algorithm, imprint = split(fields[2][1])
    if oid(split(algorithm[1])[0][1]) != _SHA256 or imprint[1] != hashlib.sha256(covered).digest():
        raise ValueError("the token is about other bytes")
    match = _WHEN.fullmatch(fields[4][1])
    if fields[4][0] != _TIME or match is None:
        raise ValueError("the token states no time")
    second = datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return int(second.timestamp()) * 1_000_000 + int((match[2] or b"").ljust(6, b"0")[:6])


def _signer_of(parts: _Parts) -> x509.Certificate:
    named = parts.signer[1]
    for certificate in parts.certificates:
        if named[0] == _KEY_ID:
            identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            if identifier == named[1]:
                return certificate
        else:
            issuer, serial = split(named[1])
            if (certificate.issuer.public_bytes(), certificate.serial_number) == (
                issuer[2],
                int.from_bytes(serial[1], "big", signed=True),
            ):
                return certificate
    raise ValueError("the certificate of the signer is not in the token")


def _judge_signature(parts: _Parts, certificate: x509.Certificate) -> None:
    _, _, digest, attributes, algorithm, signature = parts.signer[:6]
    method = _HASHES[oid(split(digest[1])[0][1])]
    said = {oid(split(one_)[0][1]): split(one_)[1][1] for _, one_, _ in split(attributes[1])}
    if len(said) != len(split(attributes[1])):
        raise ValueError("a signed attribute stands there twice")
    if attributes[0] != _CONTEXT_0 or oid(one(said[_CONTENT_TYPE], _OID)) != _TST_INFO:
        raise ValueError("the signed attributes name other content")
    if one(said[_DIGEST], _OCTETS) != _hashed(method, parts.content):
        raise ValueError("the signed digest is another")
    _judge_named(said, certificate)
    signed = b"\x31" + attributes[2][1:]
    named = oid(split(algorithm[1])[0][1])
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature[1], signed, padding.PKCS1v15(), _WITH.get(named, method))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature[1], signed, ec.ECDSA(_WITH[named]))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature[1], signed)
    else:
        raise TypeError("a key of an algorithm that is not known here")


def _hashed(method: hashes.HashAlgorithm, content: bytes) -> bytes:
    digest = hashes.Hash(method)
    digest.update(content)
    return digest.finalize()


def _judge_named(said: dict[str, bytes], certificate: x509.Certificate) -> None:
    """The signed attributes name the certificate by its hash (ESSCertIDv2, RFC 5816); by SHA-1 alone is not enough."""
    whole = certificate.public_bytes(serialization.Encoding.DER)
    if _CERTIFICATE not in said:
        raise ValueError("the signed attributes do not name the certificate by a hash that counts")
    first = split(split(split(one(said[_CERTIFICATE], _SEQUENCE))[0][1])[0][1])
    if first[0][0] == _SEQUENCE:
        named, made = first[1][1], _hashed(_HASHES[oid(split(first[0][1])[0][1])], whole)
    else:
        named, made = first[0][1], hashlib.sha256(whole).digest()
    if named != made:
        raise ValueError("the signed attributes name another certificate")


def _judge_chain(
    certificate: x509.Certificate, given: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], when: datetime
) -> None:
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("the certificate is not for timestamping alone")
    current = certificate
    for _ in range(_LONGEST_CHAIN):
        if not current.not_valid_before_utc <= when <= current.not_valid_after_utc:
            raise ValueError("a certificate was not valid at that time")
        if current in roots:
            return
        above = next((one_ for one_ in (*roots, *given) if one_ != current and _issued(one_, current)), None)
        if above is None:
            break
        current = above
    raise ValueError("the certificate does not lead to a trusted authority")


def _issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
        return above.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _UNREADABLE:
        return False
