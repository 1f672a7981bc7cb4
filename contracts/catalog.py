"""The catalog of wire contracts: (standard, name, edition) → schema, validators, samples.

A contract is data under ``contracts/wire/<standard>/<edition>/``: ``<Name>.schema.json`` (JSON Schema of one record)
and/or ``<Name>.xsd`` (of a whole document), ``SOURCE.toml`` and ``samples/``. It is read and compiled on first use.
Two paths, one verdict: the fast one (``jsonschema_rs``, libxml2) says yes or no, the slow one says every reason.
"""

import hashlib
import json
import re
import tomllib
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal, NamedTuple

import jsonschema_rs
from lxml import etree

from contracts import explain, strict_xml
from contracts.errors import FieldError, Misconfigured

_JSON: Final = ".schema.json"
_XSD: Final = ".xsd"


class ContractId(NamedTuple):
    """What names a contract: ``qcvn120``, ``DongBoHoSoMC``, ``2019``."""

    standard: str
    name: str
    edition: str


class Contract:
    """One wire contract. Instances are immutable in effect and shared; get one from ``get``."""

    def __init__(self, identity: ContractId, folder: Traversable) -> None:
        self.standard, self.name, self.edition = identity
        self._folder = folder
        self._json = _bytes(folder.joinpath(self.name + _JSON))
        self._xsd = _bytes(folder.joinpath(self.name + _XSD))
        if self._json is None and self._xsd is None:
            raise Misconfigured("config.missing", name="/".join(("contracts/wire", *identity)))
        self._source = _bytes(folder.joinpath("SOURCE.toml"))

    @property
    def has_json(self) -> bool:
        """Whether there is a JSON Schema."""
        return self._json is not None

    @property
    def has_xml(self) -> bool:
        """Whether there is an XSD."""
        return self._xsd is not None

    @cached_property
    def source(self) -> dict[str, Any]:
        """What SOURCE.toml says of the edition, with the table ``contracts.<Name>`` merged over it."""
        whole = tomllib.loads((self._source or b"").decode())
        own = whole.pop("contracts", {}).get(self.name, {})
        return {**whole, **own}

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) over the names and bytes of its schema files and SOURCE.toml."""
        digest = hashlib.sha256()
        for name, content in ((_JSON, self._json), (_XSD, self._xsd), ("SOURCE.toml", self._source)):
            if content is not None:
                digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema as data; Misconfigured ``config.missing`` where there is none."""
        schema: dict[str, Any] = json.loads(self._need(self._json, _JSON))
        return schema

    @property
    def xsd(self) -> bytes:
        """The bytes of the XSD; Misconfigured ``config.missing`` where there is none."""
        return self._need(self._xsd, _XSD)

    def is_valid_json(self, value: Any) -> bool:
        """Whether one decoded record keeps the contract. The fast path."""
        return self._validator.is_valid(value)

    def json_errors(self, value: Any, *, limit: int = 50) -> tuple[FieldError, ...]:
        """Every fault of one decoded record, at most ``limit``; ``path`` is a JSON Pointer within the record."""
        return explain.json_faults(self._validator.iter_errors(value), limit)

    def is_valid_xml(self, element: etree._Element) -> bool:
        """Whether a document keeps the contract. The fast path; parse with ``strict_xml.parse``."""
        return bool(self._xml_schema.validate(element))

    def xml_errors(self, body: bytes, *, limit: int = 50) -> tuple[FieldError, ...]:
        """Every fault of a document, at most ``limit``: XPath, line and rule. Refuses as ``strict_xml.parse`` does."""
        return explain.xml_faults(self._slow_xml_schema.iter_errors(strict_xml.parse(body)), limit)

    def samples(self, kind: Literal["valid", "invalid"]) -> list[tuple[str, bytes]]:
        """The samples shipped with the edition that are for this contract, by file name, sorted.

        A sample is for the contract that its folder or file name names, else the one that its XML root or its member
        ``service`` names; in an edition of one contract every sample is for that one.
        """
        names = _names(self._folder)
        return [
            (path, content)
            for path, content in _files(self._folder.joinpath("samples", kind))
            if _belongs(path, content, names) == self.name
        ]

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for(self.json_schema, validate_formats=True)

    @cached_property
    def _xml_schema(self) -> etree.XMLSchema:
        return etree.XMLSchema(strict_xml.parse(self.xsd))

    @cached_property
    def _slow_xml_schema(self) -> Any:
        import xmlschema  # noqa: PLC0415  # a fifth of a second that only explanations need

        return xmlschema.XMLSchema(self.xsd.decode(), defuse="always", allow="none")

    def _need(self, content: bytes | None, suffix: str) -> bytes:
        if content is None:
            raise Misconfigured(
                "config.missing", name=f"contracts/wire/{self.standard}/{self.edition}/{self.name}{suffix}"
            )
        return content


@cache
def get(standard: str, name: str, edition: str) -> Contract:
    """The contract of that name, compiled once; Misconfigured ``config.missing`` where there is none."""
    identity = ContractId(standard, name, edition)
    return Contract(identity, _root().joinpath(standard, edition))


@cache
def listing() -> tuple[ContractId, ...]:
    """All contracts shipped, sorted."""
    return tuple(
        sorted(
            ContractId(standard.name, name, edition.name)
            for standard in _folders(_root())
            for edition in _folders(standard)
            for name in _names(edition)
        )
    )


def _root() -> Traversable:
    return resources.files("contracts").joinpath("wire")


def _folders(place: Traversable) -> list[Traversable]:
    return sorted((entry for entry in place.iterdir() if entry.is_dir()), key=lambda entry: entry.name)


def _names(edition: Traversable) -> tuple[str, ...]:
    found = {
        entry.name.removesuffix(suffix)
        for entry in edition.iterdir()
        for suffix in (_JSON, _XSD)
        if entry.is_file() and entry.name.endswith(suffix)
    }
    return tuple(sorted(found))


def _files(place: Traversable, path: str = "") -> list[tuple[str, bytes]]:
    """Files at and below ``place`` as (relative path, content), sorted."""
    if not place.is_dir():
        return []
    found: list[tuple[str, bytes]] = []
    for entry in sorted(place.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _files(entry, f"{path}{entry.name}/")
        else:
            found.append((path + entry.name, entry.read_bytes()))
    return found


def _bytes(file: Traversable) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _belongs(path: str, content: bytes, names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return names[0]
    by_length = sorted(names, key=len, reverse=True)  # of two names that both occur, the longer one says more
    for name in by_length:
        if name in path:
            return name
    for name in by_length:
        if re.search(rb'"service"\s*:\s*"%b"|<%b[\s/>]' % (name.encode(), name.encode()), content):
            return name
    return ""
