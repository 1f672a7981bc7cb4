"""Tokens as a careless or lying authority would make them: every rule can be broken on its own."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger import der

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SHA256 = "2.16.840.1.101.3.4.2.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Forge:
    """A root and a timestamping certificate of invented authorities."""

    def __init__(
        self,
        *,
        usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        critical: bool = True,
        root_is_ca: bool = True,
        path_length: int | None = None,
    ) -> None:
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=root_is_ca, path_length=path_length if root_is_ca else None)
        self.root = (
            self._begun("Gốc Mẫu", "Gốc Mẫu", self._root_key)
            .add_extension(constraints, critical=True)
            .sign(self._root_key, hashes.SHA256())
        )
        builder = self._begun("Cấp dấu Mẫu", "Gốc Mẫu", self._key)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
        self.certificate = builder.sign(self._root_key, hashes.SHA256())

    def _begun(self, subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOON - timedelta(days=1))
            .not_valid_after(NOON + timedelta(days=1))
        )

    def under_another(self, path_length: int | None) -> tuple[x509.Certificate, x509.Certificate]:
        """Another root, and this forge's root as an intermediate below it."""
        key = ec.generate_private_key(ec.SECP256R1())
        upper = (
            self._begun("Gốc trên Mẫu", "Gốc trên Mẫu", key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .sign(key, hashes.SHA256())
        )
        middle = (
            self._begun("Gốc Mẫu", "Gốc trên Mẫu", self._root_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return upper, middle

    def token(  # one argument per rule that can be broken
        self,
        covered: bytes,
        *,
        time: str = "20260701120000Z",
        nonce: int | None = None,
        version: int = 1,
        status: int = 0,
        imprint_algorithm: str = SHA256,
        content_type: str = TST_INFO,
        digest: bytes = b"",
        names: x509.Certificate | None = None,
        ess: bool = True,
        twice: bool = False,
        trailing: bytes = b"",
        certificates: bool = True,
        enclosed: tuple[x509.Certificate, ...] = (),
    ) -> bytes:
        """A response, right in everything that is not said otherwise."""
        imprint = der.element(
            der.SEQUENCE,
            der.element(der.SEQUENCE, der.oid(imprint_algorithm)),
            der.element(der.OCTETS, sha256(covered).digest()),
        )
        info = der.element(
            der.SEQUENCE,
            *(der.integer(version), der.oid("1.3.6.1.4.1.99999.1"), imprint, der.integer(77)),
            der.element(der.GENERALIZED_TIME, time.encode()),
            der.integer(nonce) if nonce is not None else b"",
        )
        said = names or self.certificate
        cert_id = der.element(der.OCTETS, sha256(said.public_bytes(Encoding.DER)).digest())
        ess_value = der.element(der.SEQUENCE, der.element(der.SEQUENCE, der.element(der.SEQUENCE, cert_id)))
        attributes = [
            self._attribute("1.2.840.113549.1.9.3", der.oid(content_type)),
            self._attribute("1.2.840.113549.1.9.4", der.element(der.OCTETS, digest or sha256(info).digest())),
        ]
        if ess:
            attributes.append(self._attribute("1.2.840.113549.1.9.16.2.47", ess_value))
        if twice:
            attributes.append(attributes[0])
        own = (self.certificate,) if certificates else ()
        return self._response(info, b"".join(attributes), status, trailing, held=(*own, *enclosed))

    @staticmethod
    def _attribute(dotted: str, value: bytes) -> bytes:
        return der.element(der.SEQUENCE, der.oid(dotted), der.element(der.SET, value))

    def _response(
        self, info: bytes, attributes: bytes, status: int, trailing: bytes, *, held: tuple[x509.Certificate, ...]
    ) -> bytes:
        algorithm = der.element(der.SEQUENCE, der.oid(SHA256))
        signature = self._key.sign(der.element(der.SET, attributes), ec.ECDSA(hashes.SHA256()))
        signer = der.element(
            der.SEQUENCE,
            der.integer(1),
            der.element(
                der.SEQUENCE, self.certificate.issuer.public_bytes(), der.integer(self.certificate.serial_number)
            ),
            algorithm,
            der.element(der.CONTEXT, attributes),
            der.element(der.SEQUENCE, der.oid("1.2.840.10045.4.3.2")),
            der.element(der.OCTETS, signature),
        )
        kept = der.element(der.CONTEXT, *(one.public_bytes(Encoding.DER) for one in held)) if held else b""
        signed = der.element(
            der.SEQUENCE,
            *(der.integer(3), der.element(der.SET, algorithm)),
            der.element(der.SEQUENCE, der.oid(TST_INFO), der.element(der.CONTEXT, der.element(der.OCTETS, info))),
            *(kept, der.element(der.SET, signer)),
        )
        content = der.element(der.SEQUENCE, der.oid("1.2.840.113549.1.7.2"), der.element(der.CONTEXT, signed))
        return der.element(der.SEQUENCE, der.element(der.SEQUENCE, der.integer(status)), content, trailing)
