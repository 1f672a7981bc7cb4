"""Everything shipped under contracts/wire, whoever added it."""

from pathlib import Path

import pytest

from contracts import catalog, strict_xml
from contracts.catalog import ContractId
from contracts.errors import CODES, Misconfigured
from tests.contracts.wire_samples import READING_CODES, SCHEMA_CODES, faults, verdict

LISTING = catalog.listing()
EDITIONS = sorted({(identity.standard, identity.edition) for identity in LISTING})
VALID = [(identity, *sample) for identity in LISTING for sample in catalog.get(*identity).samples("valid")]
INVALID = [(identity, *sample) for identity in LISTING for sample in catalog.get(*identity).samples("invalid")]


def code_of(path: str) -> str:
    return path.rpartition("/")[2].partition("--")[0]


@pytest.mark.parametrize("identity", LISTING, ids="/".join)
def test_a_contract_compiles_once_and_says_where_it_comes_from(identity: ContractId) -> None:
    contract = catalog.get(*identity)

    assert contract is catalog.get(*identity)
    assert contract.source["source"]
    assert len(bytes.fromhex(contract.hash)) == 32
    if contract.has_json:
        assert not contract.is_valid_json([])
    if contract.has_xml:
        assert not contract.is_valid_xml(strict_xml.parse(b"<nothing-of-ours/>"))


@pytest.mark.parametrize(("standard", "edition"), EDITIONS)
def test_every_edition_ships_enough_samples(standard: str, edition: str) -> None:
    mine = [
        catalog.get(*identity) for identity in LISTING if (identity.standard, identity.edition) == (standard, edition)
    ]

    assert sum(len(contract.samples("valid")) for contract in mine) >= 6
    assert sum(len(contract.samples("invalid")) for contract in mine) >= 10


@pytest.mark.parametrize(("standard", "edition"), EDITIONS)
def test_every_sample_belongs_to_exactly_one_contract(standard: str, edition: str) -> None:
    folder = Path("contracts/wire", standard, edition, "samples")
    files = {
        f"{kind}/{file.relative_to(folder / kind)}"
        for kind in ("valid", "invalid")
        for file in (folder / kind).rglob("*.*")
    }
    owned = [
        f"{kind}/{path}"
        for samples, kind in ((VALID, "valid"), (INVALID, "invalid"))
        for identity, path, _ in samples
        if (identity.standard, identity.edition) == (standard, edition)
    ]

    assert sorted(owned) == sorted(files)


@pytest.mark.parametrize(("identity", "path", "body"), VALID, ids=lambda value: value if isinstance(value, str) else "")
def test_both_paths_accept_every_valid_sample(identity: ContractId, path: str, body: bytes) -> None:
    contract = catalog.get(*identity)

    assert faults(contract, path, body) == []
    assert verdict(contract, path, body)


@pytest.mark.parametrize(
    ("identity", "path", "body"), INVALID, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_invalid_sample_is_refused_with_the_code_it_is_named_by(
    identity: ContractId, path: str, body: bytes
) -> None:
    code = code_of(path)
    contract = catalog.get(*identity)

    assert code in CODES
    if path in contract.source.get("samples", {}).get("reader_rules", ()):
        assert verdict(contract, path, body)
    elif code in SCHEMA_CODES:
        assert not verdict(contract, path, body)
        assert code in {fault.code for fault in faults(contract, path, body)}
    elif code in READING_CODES and (code, path[-4:]) != ("read.duplicate_key", ".xml"):  # in XML a rule of the reader
        assert [fault.code for fault in faults(contract, path, body)] == [code]


@pytest.mark.parametrize(
    ("identity", "path", "body"), INVALID, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_explanation_names_a_place_and_speaks_both_languages(
    identity: ContractId, path: str, body: bytes
) -> None:
    for fault in faults(catalog.get(*identity), path, body):
        assert fault.vi
        assert fault.en
        assert (
            fault.path
            or fault.code in READING_CODES
            or fault.code in {"read.type", "read.structure", "read.envelope", "read.record_count"}
        )
        assert "thành công" not in fault.vi


def test_an_unknown_contract_is_missing() -> None:
    with pytest.raises(Misconfigured) as caught:
        catalog.get("qcvn120", "NoSuchPacket", "2019")
    assert caught.value.code == "config.missing"


def test_the_hash_depends_on_name_standard_and_edition() -> None:
    hashes = [catalog.get(*identity).hash for identity in LISTING]

    assert len(set(hashes)) == len(hashes)
