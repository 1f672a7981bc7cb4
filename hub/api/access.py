"""Who may enter: credentials issued by the hub, kept only as hashes, and the legacy sessions of mapi.

Every secret is drawn by the hub with 192 bits of entropy, so a salted SHA-256 is enough at rest: there is nothing to
guess. Nobody chooses a password of their own.

A session is a signed token, not a row: ``<party>.<expiry>.<nonce>.<mac>`` under a key of this hub. It survives a
restart (a real sender keeps its session ten minutes by its own clock and never logs in again on failure) and needs no
storage that several hubs would have to share.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final, Literal, TypeAlias

import msgspec

from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Clock, Entropy, Files, Principal

Kind: TypeAlias = Literal["bearer", "mapi", "path"]
Role: TypeAlias = Literal["party", "auditor", "operator", "admin"]
ACCESS_FILE: Final = "access.json"
SESSION_KEY_FILE: Final = "session.key"


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One credential at rest: whose it is, what it may do, and the salted hash of its secret."""

    id: str
    party: str
    role: Role
    kind: Kind
    salt: str
    digest: str
    adapter: str = ""
    agencies: tuple[str, ...] = ()
    username: str = ""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A credential at the only moment its secret is known in clear."""

    grant: Grant
    secret: str


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}:{secret}".encode()).hexdigest()


def issue(
    entropy: Entropy,
    *,
    party: str,
    role: Role,
    kind: Kind,
    adapter: str = "",
    agencies: tuple[str, ...] = (),
) -> Issued:
    """Draw a new credential. A bearer's secret starts with its grant id, so that looking it up needs no search."""
    grant_id = entropy.bytes(6).hex()
    body = urlsafe_b64encode(entropy.bytes(24)).decode()
    secret = f"{grant_id}_{body}"
    salt = entropy.bytes(8).hex()
    grant = Grant(
        id=grant_id,
        party=party,
        role=role,
        kind=kind,
        salt=salt,
        digest=_digest(salt, secret),
        adapter=adapter,
        agencies=agencies,
        username=f"{party}" if kind == "mapi" else "",
    )
    return Issued(grant=grant, secret=secret)


class Access:
    """The credentials of one hub. Looking one up is one hash; a wrong secret costs the same as a right one."""

    def __init__(
        self, grants: tuple[Grant, ...], *, session_key: bytes, clock: Clock, entropy: Entropy, lifetime_s: int
    ) -> None:
        self._grants = {grant.id: grant for grant in grants}
        self._session_key = session_key
        self._clock = clock
        self._entropy = entropy.stream("sessions")
        self._lifetime_us = lifetime_s * MICROS_PER_SECOND
        self._principals: dict[str, Principal] = {}

    @property
    def grants(self) -> tuple[Grant, ...]:
        """All credentials, in no secret-bearing form."""
        return tuple(self._grants.values())

    def by_secret(self, secret: str, kind: Kind) -> Principal | None:
        """The holder of a bearer token, path segment or mapi password."""
        grant = self._grants.get(secret.partition("_")[0])
        if grant is None or grant.kind != kind or not self._matches(grant, secret):
            return None
        return self._principal(grant)

    def login(self, username: str, password: str) -> str | None:
        """A session for a mapi credential, None when user name or password is wrong."""
        grant = self._grants.get(password.partition("_")[0])
        if grant is None or grant.kind != "mapi" or grant.username != username or not self._matches(grant, password):
            return None
        expiry = (self._clock.now() + self._lifetime_us) // MICROS_PER_SECOND
        body = f"{grant.id}.{expiry}.{self._entropy.bytes(8).hex()}"
        return f"{body}.{self._mac(body)}"

    def by_session(self, session: str) -> Principal | None:
        """The holder of a live session, None when it is unknown, forged or expired."""
        body, _, mac = session.rpartition(".")
        if not hmac.compare_digest(self._mac(body).encode(), mac.encode("utf-8", "replace")):
            return None
        grant_id, expiry, _ = body.split(".")
        grant = self._grants.get(grant_id)
        if grant is None or int(expiry) * MICROS_PER_SECOND <= self._clock.now():
            return None
        return self._principal(grant)

    def _mac(self, body: str) -> str:
        return hmac.new(self._session_key, body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:40]

    @staticmethod
    def _matches(grant: Grant, secret: str) -> bool:
        return hmac.compare_digest(grant.digest, _digest(grant.salt, secret))

    def _principal(self, grant: Grant) -> Principal:
        known = self._principals.get(grant.id)
        if known is None:
            known = Principal(party=grant.party, role=grant.role, adapter=grant.adapter, agencies=grant.agencies)
            self._principals[grant.id] = known
        return known


def read_grants(files: Files) -> tuple[Grant, ...]:
    """The credentials at rest; none when the file does not exist (then nobody may enter)."""
    try:
        content = files.read(ACCESS_FILE)
    except FileNotFoundError:
        return ()
    return msgspec.json.decode(content, type=tuple[Grant, ...])


def write_grants(files: Files, grants: tuple[Grant, ...]) -> None:
    """Replace the credentials at rest, readable by the owner only."""
    files.write_durable(ACCESS_FILE, msgspec.json.format(msgspec.json.encode(grants), indent=2), mode=0o600)


def session_key(files: Files, entropy: Entropy) -> bytes:
    """The hub's key for sessions, made on first use."""
    try:
        return files.read(SESSION_KEY_FILE)
    except FileNotFoundError:
        key = entropy.stream("session-key").bytes(32)
        files.write_durable(SESSION_KEY_FILE, key, mode=0o600)
        return key
