"""The configuration: one TOML file, then environment, then flags. It refuses rather than guesses.

Every table is a frozen model; an unknown key is an error that names the nearest known one; durations and sizes carry
their unit in the key; secrets are named as files, never written here. ``load`` reports everything that is wrong at
once as ``Misconfigured`` ``config.invalid``; nothing is opened before the whole file is good.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contracts.errors import Misconfigured

ENV_PREFIX: Final = "LIENTHONG_"
TRUST_FILE: Final = "trust.txt"
"""In the hub's directory: the log's verifier keys, for whoever checks the log."""
PartyName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class Section(BaseModel):
    """Base of every table: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HubSettings(Section):
    """Where the hub listens and where it keeps its files. Ports: 0 = any free one."""

    directory: str = ".lienthong/hub"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(default=9100, ge=0, le=65_535)
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1_024, le=64 * 1024 * 1024)
    max_inline_attachments_bytes: int = Field(default=32 * 1024 * 1024, ge=1_024, le=64 * 1024 * 1024)
    shutdown_timeout_s: float = Field(default=20.0, gt=0, le=600)
    session_lifetime_s: int = Field(default=3_600, ge=1_800, le=86_400)


class LedgerSettings(Section):
    """The log: its origin (C2SP name), its store, and the bounds of its queue.

    With ``postgres`` two files in the hub's directory hold, a line each, how to reach the database of the log and the
    one of its data keys: they are secrets, and two databases. ``key_passphrase_file`` names the file whose one line
    encrypts the log's signing key at rest; without it the key lies in a plain file of mode 0600. With
    ``signer = "pkcs11"`` it lies on a token: the driver's file, the token's and the key's label, and the PIN's file.
    """

    origin: str = Field(default="lienthong.example/log", pattern=r"^[^\s+]{3,200}$")
    store: Literal["sqlite", "memory", "postgres"] = "sqlite"
    dsn_file: str = ""
    keys_dsn_file: str = ""
    key_passphrase_file: str = ""
    signer: Literal["file", "pkcs11"] = "file"
    pkcs11_module: str = ""
    pkcs11_token: str = ""
    pkcs11_key: str = ""
    pkcs11_pin_file: str = ""
    queue_units: int = Field(default=20_000, ge=100, le=1_000_000)
    queue_bytes: int = Field(default=256 * 1024 * 1024, ge=1_048_576)

    @model_validator(mode="after")
    def _postgres_needs_addresses(self) -> "LedgerSettings":
        if self.store == "postgres" and not (self.dsn_file and self.keys_dsn_file):
            raise ValueError('store = "postgres" needs dsn_file and keys_dsn_file')
        return self

    @model_validator(mode="after")
    def _token_needs_a_place(self) -> "LedgerSettings":
        place = (self.pkcs11_module, self.pkcs11_token, self.pkcs11_key, self.pkcs11_pin_file)
        if self.signer == "pkcs11" and not all(place):
            raise ValueError('signer = "pkcs11" needs pkcs11_module, pkcs11_token, pkcs11_key and pkcs11_pin_file')
        return self


class PublishSettings(Section):
    """The log as files that anybody may check (C2SP tlog-tiles), below ``log/`` of the hub's directory.

    Entry bundles hold every leaf a second time. Turned off, there are no tiles and ``/log/checkpoint`` shows the
    committed checkpoint.
    """

    enabled: bool = True
    interval_s: float = Field(default=1.0, ge=0.01, le=3_600)


class HeadsSettings(Section):
    """The map of stream heads, by which a bundle proves that no event of a dossier was left out.

    It follows the log at least every ``interval_s`` seconds and every ``events`` events.
    """

    enabled: bool = True
    interval_s: float = Field(default=60.0, ge=0.01, le=3_600)
    events: int = Field(default=1_000, ge=1, le=100_000)


class WitnessSettings(Section):
    """Somebody outside who cosigns this hub's checkpoints (C2SP tlog-witness): its verifier key of type 0x04."""

    name: str = Field(pattern=r"^[^\s#+]{1,80}$")
    url: str = Field(pattern=r"^https?://\S+$")
    vkey: str = Field(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$")


class QuorumSettings(Section):
    """How many witnesses must have cosigned (0 = all), how often they are asked, how often that becomes a leaf."""

    needed: int = Field(default=0, ge=0, le=100)
    interval_s: float = Field(default=5.0, ge=0.05, le=3_600)
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    anchor_interval_s: float = Field(default=600.0, ge=0, le=86_400)


class TimestampSettings(Section):
    """An RFC 3161 authority, asked where ``url`` is set; ``ca_file`` (PEM, in the hub's directory): who is believed."""

    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    ca_file: str = ""
    interval_s: float = Field(default=3_600.0, ge=1, le=86_400)
    timeout_s: float = Field(default=15.0, gt=0, le=120)
    retry_first_s: float = Field(default=5.0, gt=0, le=3_600)
    retry_longest_s: float = Field(default=600.0, gt=0, le=86_400)

    @model_validator(mode="after")
    def _url_needs_ca(self) -> "TimestampSettings":
        if self.url and not self.ca_file:
            raise ValueError("url needs ca_file: a token of an authority nobody named proves nothing")
        return self


class TestimonySettings(Section):
    """The fail-closed switch: with testimony older than ``max_age_s`` no message is taken. 0 = off."""

    max_age_s: float = Field(default=0.0, ge=0, le=2_592_000)


class WitnessingSettings(Section):
    """The name this hub cosigns with as a witness of others; empty = its origin with ``/witness``."""

    name: str = Field(default="", pattern=r"^[^\s+]{0,200}$")


class WatchedSettings(Section):
    """A log that this hub witnesses: its verifier key, and its origin where that is not the key's name."""

    vkey: str = Field(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$")
    origin: str = ""


class RetentionSettings(Section):
    """How long refused messages stay readable, days; 0 = for ever. Their leaves stay, their content is erased."""

    refused_days: int = Field(default=90, ge=0, le=36_500)
    interval_s: float = Field(default=3_600.0, ge=1, le=86_400)


class DeliverySettings(Section):
    """How outbound batches gather and how failures are retried."""

    linger_ms: float = Field(default=2.0, ge=0, le=1_000)
    batch_records: int = Field(default=100, ge=1, le=1_000)
    parallel_batches: int = Field(default=2, ge=1, le=32)
    retry_first_s: float = Field(default=0.5, gt=0, le=60)
    retry_longest_s: float = Field(default=60.0, gt=0, le=86_400)
    retry_limit: int = Field(default=50, ge=1, le=100_000)


class LogSettings(Section):
    """Structured logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class ProfileSettings(Section):
    """How this party's dialect differs: the zone of its dates, its own status words, its adapter's options."""

    date_zone: str = "Asia/Ho_Chi_Minh"
    statuses: dict[str, str] = {}
    options: dict[str, str] = {}


class PartySettings(Section):
    """One connected system. Without ``base_url`` nothing is sent to it; ``pull`` asks it for messages."""

    id: PartyName
    adapter: str
    name: str = ""
    agencies: tuple[str, ...] = ()
    role: Literal["agency", "portal", "platform"] = "agency"
    national: bool = False
    owns: tuple[str, ...] = ()
    enabled: bool = True
    quota_per_s: float = Field(default=5_000.0, gt=0)
    quota_burst: int = Field(default=20_000, ge=1)
    base_url: str = ""
    username: str = ""
    secret_file: str = ""
    agency: str = ""
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    pull: bool = False
    pull_interval_s: float = Field(default=10.0, gt=0, le=86_400)
    profile: ProfileSettings = ProfileSettings()

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _pull_needs_address(self) -> "PartySettings":
        if self.pull and not self.base_url:
            raise ValueError("pull needs base_url")
        return self


class RouteSettings(Section):
    """Who must hear of what: from one party (or "*") to others, optionally only some agencies, procedures, facts."""

    from_: str = Field(alias="from")
    to: tuple[PartyName, ...] = Field(min_length=1)
    agencies: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


class Settings(Section):
    """The whole configuration."""

    hub: HubSettings = HubSettings()
    ledger: LedgerSettings = LedgerSettings()
    publish: PublishSettings = PublishSettings()
    retention: RetentionSettings = RetentionSettings()
    heads: HeadsSettings = HeadsSettings()
    witness: tuple[WitnessSettings, ...] = ()
    quorum: QuorumSettings = QuorumSettings()
    timestamp: TimestampSettings = TimestampSettings()
    testimony: TestimonySettings = TestimonySettings()
    witnessing: WitnessingSettings = WitnessingSettings()
    watched: tuple[WatchedSettings, ...] = ()
    delivery: DeliverySettings = DeliverySettings()
    log: LogSettings = LogSettings()
    party: tuple[PartySettings, ...] = ()
    route: tuple[RouteSettings, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> "Settings":
        names = [party.id for party in self.party]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"party ids occur twice: {', '.join(doubles)}")
        for route in self.route:
            for name in (*route.to, *(() if route.from_ == "*" else (route.from_,))):
                if name not in names:
                    raise ValueError(f"route names a party that is not configured: {name}")
        return self

    @model_validator(mode="after")
    def _testimony_agrees(self) -> "Settings":
        names = [witness.name for witness in self.witness]
        if len(set(names)) < len(names):
            raise ValueError("witness names occur twice")
        if self.quorum.needed > len(names):
            raise ValueError(f"quorum.needed is {self.quorum.needed}, there are {len(names)} witnesses")
        if self.testimony.max_age_s and not (names or self.timestamp.url):
            raise ValueError("testimony.max_age_s needs a [[witness]] or a [timestamp] url")
        if self.timestamp.url and 0 < self.testimony.max_age_s <= self.timestamp.interval_s:
            raise ValueError("testimony.max_age_s must be longer than timestamp.interval_s")
        return self


def load(path: str | Path, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check a configuration file, with ``LIENTHONG_<TABLE>__<KEY>`` of the environment over it.

    Raises:
        Misconfigured: ``config.missing`` (no such file), ``config.unknown_key``, ``config.invalid``; the detail holds
            one line per fault.
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise Misconfigured("config.missing", str(error), name=str(path)) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured("config.invalid", str(error), name=str(path)) from error
    return check(_with_environment(values, os.environ if environ is None else environ))


def check(values: Mapping[str, Any]) -> Settings:
    """Turn plain values into ``Settings``; every fault is named in one ``Misconfigured``."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _misconfigured(error) from None


def _with_environment(values: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    merged = {name: dict(table) if isinstance(table, dict) else table for name, table in values.items()}
    for name in sorted(environ):
        table, separator, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        if name.startswith(ENV_PREFIX) and separator:
            merged.setdefault(table, {})[key] = environ[name]
    return merged


def _misconfigured(error: ValidationError) -> Misconfigured:
    lines = []
    unknown = ""
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or "(root)"
        if fault["type"] == "extra_forbidden":
            unknown = where
            lines.append(f"{where}: unknown key; did you mean {_nearest(fault['loc'])}?")
        else:
            lines.append(f"{where}: {fault['msg']}")
    code = "config.unknown_key" if unknown and len(lines) == 1 else "config.invalid"
    detail = "\n".join(lines)
    return Misconfigured(code, detail, name=unknown, nearest=detail)


def _nearest(location: tuple[int | str, ...]) -> str:
    names = list(_keys_at(Settings, location[:-1]))
    return next(
        iter(difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.0)), "one of its documented keys"
    )


def _keys_at(model: type[BaseModel], path: tuple[int | str, ...]) -> Iterator[str]:
    for part in path:
        if isinstance(part, int):
            continue
        field = next((f for n, f in model.model_fields.items() if part in {n, f.alias}), None)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return
        model = inner
    yield from (field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {tuple, list, Union, UnionType}:
        return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
    return None
