"""The certificates of a timestamping authority: what they may do, and whether they lead to a root that is believed.

Judged at the time the token states (RFC 3161 §2.3, RFC 5280 §6.1 as far as timestamps need it): names, signatures,
validity, basic constraints, key usage. Policies, name constraints and revocation are not consulted.
"""

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from contracts.moment import to_datetime

LONGEST_CHAIN: Final = 6


def judge_chain(
    certificate: x509.Certificate,
    offered: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    *,
    at_us: int,
) -> None:
    """Follow a signing certificate up to one of ``roots``; ValueError with the rule that is broken.

    ``offered`` came with the token and may only fill the way; ``at_us`` is the token's time (microseconds UTC).
    """
    at = to_datetime(at_us)
    chain = [certificate]
    _judge_purpose(certificate)
    while len(chain) <= LONGEST_CHAIN:
        newest = chain[-1]
        if not newest.not_valid_before_utc <= at <= newest.not_valid_after_utc:
            raise ValueError(f"the certificate {name_of(newest)} was not valid at the token's time")
        if newest in roots:
            return
        above = _issuer(newest, roots) or _issuer(newest, [one for one in offered if one not in chain])
        if above is None:
            raise ValueError(f"no trusted authority issued {name_of(newest)}")
        _judge_authority(above, len(chain) - 1)
        chain.append(above)
    raise ValueError(f"the chain is longer than {LONGEST_CHAIN}")


def name_of(certificate: x509.Certificate) -> str:
    """The subject of a certificate as RFC 4514 text."""
    return certificate.subject.rfc4514_string()


def _issuer(certificate: x509.Certificate, among: Sequence[x509.Certificate]) -> x509.Certificate | None:
    for one in among:
        if one.subject == certificate.issuer:
            try:
                certificate.verify_directly_issued_by(one)
            except (InvalidSignature, ValueError, TypeError):
                continue
            return one
    return None


def _judge_purpose(certificate: x509.Certificate) -> None:
    """RFC 3161 §2.3: one extended key usage, timestamping, marked critical."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        usage = None
    if usage is None or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING] or not usage.critical:
        raise ValueError(f"the certificate {name_of(certificate)} is not for timestamping alone (critical EKU)")


def _judge_authority(certificate: x509.Certificate, below: int) -> None:
    """An issuer is a CA that may sign certificates and may have this many authorities below it (RFC 5280 §4.2.1.9)."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        raise ValueError(f"{name_of(certificate)} is no authority") from None
    if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
        raise ValueError(f"{name_of(certificate)} is no authority for this chain")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_cert_sign:
        raise ValueError(f"{name_of(certificate)} may not sign certificates")
