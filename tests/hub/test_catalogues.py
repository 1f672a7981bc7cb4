"""The catalogues that legacy senders read: the operator's files, and the agencies that ship with the hub."""

import pytest

from contracts.errors import Misconfigured
from hub.catalogues import load
from hub.world_seeded import MemoryFiles


def test_agencies_ship_with_the_hub_and_the_rest_is_the_operators() -> None:
    files = MemoryFiles()
    assert load(files)["procedures"] == ()
    files.write_durable("catalogues/procedures.json", '[{"MATTHC": "1.004873", "TENTTHC": "Thủ tục mẫu"}]'.encode())
    loaded = load(files)
    assert loaded["procedures"] == [{"MATTHC": "1.004873", "TENTTHC": "Thủ tục mẫu"}]
    assert loaded["fields"] == ()
    assert {"MADONVI": "000.00.00.H99", "TENDONVI": "Tỉnh Mẫu", "CAPDONVI": "1"} in loaded["agencies"]
    assert next(row for row in loaded["agencies"] if row["MADONVI"] == "000.00.00.G01")["CAPDONVI"] == "0"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"khong"])
def test_a_catalogue_that_is_there_but_wrong_stops_the_start(content: bytes) -> None:
    files = MemoryFiles()
    files.write_durable("catalogues/fields.json", content)
    with pytest.raises(Misconfigured) as caught:
        load(files)
    assert caught.value.code == "config.invalid"
    assert "catalogues/fields.json" in caught.value.en
