"""RFC 3161 timestamps: asking an authority when a checkpoint existed, and judging what it answers.

A token counts when all of this holds: it was granted; its imprint is the SHA-256 of exactly the bytes asked about; its
nonce is ours; the signed attributes name the content, its digest and the signing certificate (ESSCertIDv2, RFC 5816);
the signature verifies; the certificate may do nothing but timestamping (critical EKU, RFC 3161 §2.3) and leads to a
configured authority. Certificates are judged at the time the token states, never by the judge's clock. Revocation lists
are not consulted: the token's time is compared with the log's own (findings TSA_IMPRINT and TIME_BRACKET).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256, sha384, sha512
from re import compile as pattern
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.errors import IntegrityViolation
from contracts.moment import from_datetime
from ledger import authority, der

QUERY_TYPE: Final = "application/timestamp-query"
REPLY_TYPE: Final = "application/timestamp-reply"
MAX_TOKEN_BYTES: Final = 64 * 1024
NONCE_BYTES: Final = 8

_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
_RSA: Final = "1.2.840.113549.1.1.1"
_ED25519: Final = "1.3.101.112"
_DIGESTS: Final = {_SHA256: sha256, "2.16.840.1.101.3.4.2.2": sha384, "2.16.840.1.101.3.4.2.3": sha512}
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    _SHA256: hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_RSA_WITH: Final = {f"1.2.840.113549.1.1.{arc}": digest for arc, digest in zip((11, 12, 13), _HASHES, strict=True)}
_ECDSA_WITH: Final = {f"1.2.840.10045.4.3.{arc}": digest for arc, digest in zip((2, 3, 4), _HASHES, strict=True)}
_UNREADABLE: Final = (
    *(ValueError, TypeError, OverflowError, InvalidSignature, UnsupportedAlgorithm),
    *(x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
)
"""Everything by which the certificates of a stranger can fail to be read or used."""
_GRANTED: Final = frozenset({0, 1})
_TIME: Final = pattern(r"(\d{14})(?:\.(\d{0,11}[1-9]))?Z")
_MICRO_DIGITS: Final = 6
_CERTIFICATES: Final = der.CONTEXT
_ATTRIBUTES: Final = der.CONTEXT
_TAG_1: Final = der.CONTEXT + 1
_TSA_NAME: Final = der.CONTEXT
_KEY_ID: Final = 0x80
_MOST_CERTIFICATES: Final = 16


class Timestamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says: time (microseconds UTC), the authority's name, its serial number, policy, and imprint."""

    at_us: int
    authority: str
    serial: int
    policy: str
    imprint: bytes
    nonce: int | None


class _Signer(msgspec.Struct, frozen=True):
    """The one signer of a token, taken apart."""

    issuer: bytes
    serial: int
    key_id: bytes
    digest: str
    attributes: bytes
    algorithm: str
    signature: bytes


class _Token(msgspec.Struct, frozen=True):
    """A token taken apart, nothing of it believed yet."""

    content: bytes
    certificates: tuple[bytes, ...]
    signer: _Signer
    said: Timestamp


def request(imprint: bytes, nonce: int) -> bytes:
    """A TimeStampReq for a SHA-256 ``imprint`` (32 bytes), asking for the certificates too (RFC 3161 §2.4.1)."""
    algorithm = der.element(der.SEQUENCE, der.oid(_SHA256), der.element(der.NULL))
    return der.element(
        der.SEQUENCE,
        der.integer(1),
        der.element(der.SEQUENCE, algorithm, der.element(der.OCTETS, imprint)),
        der.integer(nonce),
        der.boolean(value=True),
    )


def verify(response: bytes, covered: bytes, roots: Sequence[x509.Certificate], *, nonce: int | None) -> Timestamp:
    """Judge a TimeStampResp over the bytes ``covered``; ``roots`` are the authorities that are believed.

    ``nonce`` is that of our request, None for evidence that was kept (it was compared when it came).

    Raises:
        IntegrityViolation: ``testimony.invalid``; the detail says which rule is broken.
    """
    try:
        token = _parse(response)
        _judge_statement(token, covered, nonce)
        offered = [x509.load_der_x509_certificate(one) for one in token.certificates]
        certificate = _signing_certificate(token.signer, [*offered, *roots])
        authority.judge_chain(certificate, offered, roots, at_us=token.said.at_us)
        _judge_signature(token, certificate)
        return msgspec.structs.replace(token.said, authority=authority.name_of(certificate))
    except _UNREADABLE as error:
        raise IntegrityViolation("testimony.invalid", str(error) or type(error).__name__) from error


def read(response: bytes) -> Timestamp:
    """What a response says, unjudged; ``testimony.invalid`` where it is none."""
    try:
        return _parse(response).said
    except _UNREADABLE as error:
        raise IntegrityViolation("testimony.invalid", str(error) or type(error).__name__) from error


def load_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file; ValueError where there is none."""
    return tuple(x509.load_pem_x509_certificates(pem))


# ── taking apart ─────────────────────────────────────────────────────────────────────────────────


def _parse(response: bytes) -> _Token:
    if len(response) > MAX_TOKEN_BYTES:
        raise der.Malformed(f"the response is larger than {MAX_TOKEN_BYTES} bytes")
    outer = der.Reader(der.read_one(response, der.SEQUENCE, "TimeStampResp").content, "TimeStampResp")
    status = outer.sequence("PKIStatusInfo")
    code = der.integer_in(status.take(der.INTEGER))
    if code not in _GRANTED:
        raise ValueError(f"the authority refused with status {code}")
    content_info = outer.sequence("ContentInfo")
    outer.end()
    _expect_oid(content_info, _SIGNED_DATA, "ContentInfo")
    explicit = content_info.take(der.CONTEXT)
    content_info.end()
    signed = der.Reader(der.read_one(explicit.content, der.SEQUENCE, "SignedData").content, "SignedData")
    der.integer_in(signed.take(der.INTEGER))
    signed.take(der.SET)
    content = _content(signed.sequence("EncapsulatedContentInfo"))
    kept = signed.maybe(_CERTIFICATES)
    signed.maybe(_TAG_1)
    signers = der.Reader(signed.take(der.SET).content, "signerInfos")
    signed.end()
    signer = _signer(signers.sequence("SignerInfo"))
    signers.end()
    return _Token(content, _certificates(kept), signer, _statement(content))


def _content(encapsulated: der.Reader) -> bytes:
    _expect_oid(encapsulated, _TST_INFO, "EncapsulatedContentInfo")
    explicit = encapsulated.take(der.CONTEXT)
    encapsulated.end()
    return der.read_one(explicit.content, der.OCTETS, "eContent").content


def _certificates(kept: der.Element | None) -> tuple[bytes, ...]:
    found = [] if kept is None else [one.whole for one in der.Reader(kept.content, "certificates").rest()]
    if len(found) > _MOST_CERTIFICATES:
        raise der.Malformed(f"more than {_MOST_CERTIFICATES} certificates")
    return tuple(found)


def _signer(info: der.Reader) -> _Signer:
    der.integer_in(info.take(der.INTEGER))
    issuer, serial, key_id = b"", 0, b""
    if info.peek() == _KEY_ID:
        key_id = info.take(_KEY_ID).content
    else:
        named = info.sequence("IssuerAndSerialNumber")
        issuer = named.take(der.SEQUENCE).whole
        serial = der.integer_in(named.take(der.INTEGER))
        named.end()
    digest = _algorithm(info.sequence("digestAlgorithm"))
    attributes = info.take(_ATTRIBUTES)
    algorithm = _algorithm(info.sequence("signatureAlgorithm"))
    signature = info.take(der.OCTETS).content
    info.maybe(_TAG_1)
    info.end()
    return _Signer(issuer, serial, key_id, digest, attributes.content, algorithm, signature)


def _statement(content: bytes) -> Timestamp:
    """TSTInfo (RFC 3161 §2.4.2)."""
    info = der.Reader(der.read_one(content, der.SEQUENCE, "TSTInfo").content, "TSTInfo")
    if der.integer_in(info.take(der.INTEGER)) != 1:
        raise ValueError("TSTInfo is of another version than 1")
    policy = der.oid_in(info.take(der.OID))
    imprint = info.sequence("messageImprint")
    algorithm = _algorithm(imprint.sequence("hashAlgorithm"))
    hashed = imprint.take(der.OCTETS).content
    imprint.end()
    if algorithm != _SHA256:
        raise ValueError(f"TSA_IMPRINT: the imprint is made with {algorithm}, not SHA-256")
    serial = der.integer_in(info.take(der.INTEGER))
    at_us = _time(info.take(der.GENERALIZED_TIME).content)
    info.maybe(der.SEQUENCE)
    ordering = info.maybe(der.BOOLEAN)
    if ordering is not None:
        der.boolean_in(ordering)
    nonce = info.maybe(der.INTEGER)
    info.maybe(_TSA_NAME)
    info.maybe(_TAG_1)
    info.end()
    return Timestamp(
        at_us=at_us,
        authority="",
        serial=serial,
        policy=policy,
        imprint=hashed,
        nonce=None if nonce is None else der.integer_in(nonce),
    )


def _time(content: bytes) -> int:
    """GeneralizedTime as RFC 3161 restricts it: UTC, seconds, a fraction without trailing zeros; microseconds kept."""
    found = _TIME.fullmatch(content.decode("ascii", "replace"))
    if found is None:
        raise der.Malformed("genTime is not a time in UTC")
    second = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return from_datetime(second) + int((found[2] or "").ljust(_MICRO_DIGITS, "0")[:_MICRO_DIGITS])


def _algorithm(reader: der.Reader) -> str:
    """The algorithm of an AlgorithmIdentifier; its parameters, where it has any, are one element."""
    name = der.oid_in(reader.take(der.OID))
    if not reader.is_done:
        reader.take_any()
    reader.end()
    return name


def _expect_oid(reader: der.Reader, dotted: str, what: str) -> None:
    found = der.oid_in(reader.take(der.OID))
    if found != dotted:
        raise ValueError(f"{what} is {found}, not {dotted}")


# ── judging ──────────────────────────────────────────────────────────────────────────────────────


def _judge_statement(token: _Token, covered: bytes, nonce: int | None) -> None:
    if token.said.imprint != sha256(covered).digest():
        raise ValueError("TSA_IMPRINT: the token is over other bytes")
    if nonce is not None and token.said.nonce != nonce:
        raise ValueError("the token answers another request (nonce)")


def _signing_certificate(signer: _Signer, known: Sequence[x509.Certificate]) -> x509.Certificate:
    for one in known:
        if signer.key_id and signer.key_id == _subject_key_id(one):
            return one
        if not signer.key_id and one.serial_number == signer.serial and one.issuer.public_bytes() == signer.issuer:
            return one
    raise ValueError("the signer's certificate is not in the token")


def _subject_key_id(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


def _judge_signature(token: _Token, certificate: x509.Certificate) -> None:
    """The signed attributes say what was signed and with which certificate; the signature is over them (RFC 5652)."""
    signer = token.signer
    attributes = _attributes(signer.attributes)
    for needed in (_CONTENT_TYPE, _MESSAGE_DIGEST):
        if needed not in attributes:
            raise ValueError(f"the signed attribute {needed} is missing")
    if der.oid_in(der.read_one(attributes[_CONTENT_TYPE], der.OID, "contentType")) != _TST_INFO:
        raise ValueError("the signed content is not a timestamp")
    digest = _DIGESTS.get(signer.digest)
    if digest is None:
        raise ValueError(f"digest algorithm {signer.digest} is not accepted")
    said = der.read_one(attributes[_MESSAGE_DIGEST], der.OCTETS, "messageDigest").content
    if said != digest(token.content).digest():
        raise ValueError("the signed digest is not that of the statement")
    _judge_certificate_id(attributes, certificate)
    signed = der.element(der.SET, signer.attributes)
    _verify(certificate.public_key(), signer, signed)


def _attributes(content: bytes) -> dict[str, bytes]:
    """OID → the one value of each signed attribute."""
    found: dict[str, bytes] = {}
    for one in der.Reader(content, "signedAttrs").rest():
        if one.tag != der.SEQUENCE:
            raise der.Malformed("a signed attribute is no SEQUENCE")
        reader = der.Reader(one.content, "Attribute")
        name = der.oid_in(reader.take(der.OID))
        values = der.Reader(reader.take(der.SET).content, "AttributeValues")
        reader.end()
        value = values.take_any().whole
        values.end()
        if name in found:
            raise der.Malformed(f"the signed attribute {name} stands there twice")
        found[name] = value
    return found


def _judge_certificate_id(attributes: dict[str, bytes], certificate: x509.Certificate) -> None:
    """ESSCertIDv2 (RFC 5035 §4, RFC 5816): the first entry is the hash of the certificate that signed."""
    value = attributes.get(_SIGNING_CERTIFICATE_V2)
    if value is None:
        old = " (only the SHA-1 form is there)" if _SIGNING_CERTIFICATE in attributes else ""
        raise ValueError(f"the signed attribute signingCertificateV2 is missing{old}")
    outer = der.Reader(der.read_one(value, der.SEQUENCE, "SigningCertificateV2").content, "SigningCertificateV2")
    first = outer.sequence("certs").sequence("ESSCertIDv2")
    algorithm = _algorithm(first.sequence("hashAlgorithm")) if first.peek() == der.SEQUENCE else _SHA256
    digest = _DIGESTS.get(algorithm)
    said = first.take(der.OCTETS).content
    if digest is None or said != digest(certificate.public_bytes(Encoding.DER)).digest():
        raise ValueError("the token names another signing certificate (ESSCertIDv2)")


def _verify(key: object, signer: _Signer, signed: bytes) -> None:
    digest = _HASHES.get(_RSA_WITH.get(signer.algorithm) or _ECDSA_WITH.get(signer.algorithm) or signer.digest)
    try:
        if isinstance(key, rsa.RSAPublicKey) and (signer.algorithm == _RSA or signer.algorithm in _RSA_WITH) and digest:
            key.verify(signer.signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and signer.algorithm in _ECDSA_WITH and digest:
            key.verify(signer.signature, signed, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey) and signer.algorithm == _ED25519:
            key.verify(signer.signature, signed)
        else:
            raise ValueError(f"signature algorithm {signer.algorithm} is not accepted")
    except InvalidSignature as error:
        raise ValueError("the token's signature does not verify") from error
