"""The page on the map of heads is enough to verify with: its vector, judged by what the page says and made by us."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger import heads
from ledger.heads import Change, HeadsMap, MapLeaf
from tests.ledger.heads_check import EMPTY, map_root

PAGE = Path(__file__).parents[2] / "docs/explanation/heads-map.md"


@pytest.fixture(scope="module")
def vector() -> dict[str, Any]:
    block = PAGE.read_text("utf-8").partition("```json vector\n")[2].partition("```")[0]
    found: dict[str, Any] = json.loads(block)
    return found


def stream(number: int) -> bytes:
    return number.to_bytes(16, "big")


def proof(vector: dict[str, Any], number: int, reached: int) -> dict[str, Any]:
    (value,) = (one for one in vector["streams"] if one["id"] == reached)
    shown = {name: value[name] for name in ("count", "head", "idx")}
    other = {"key": sha256(stream(reached)).hexdigest(), **shown}
    path = vector["paths"][str(number)]
    is_member = number == reached
    return {"member": shown if is_member else None, "other": None if is_member else other, "path": path}


@pytest.mark.parametrize(("number", "reached"), [(1, 1), (3, 3), (4, 2)])
def test_the_vector_verifies_by_the_steps_of_the_page(vector: dict[str, Any], number: int, reached: int) -> None:
    found = map_root(stream(number), proof(vector, number, reached))
    assert found is not None
    assert found.hex() == vector["map_root"]
    assert EMPTY.hex() == vector["empty"] == heads.EMPTY_ROOT.hex()


def test_the_vector_is_what_we_make(vector: dict[str, Any]) -> None:
    made = HeadsMap(lambda ref: heads.decode(None, ref))
    for one in vector["streams"]:
        assert one["head"] == sha256(b"Mau %d" % one["id"]).hexdigest()
        key = heads.key_of(stream(one["id"]))
        made.apply([Change(MapLeaf(key, one["count"], bytes.fromhex(one["head"]), one["idx"]), 0, b"")])
    assert made.root[1].hex() == vector["map_root"]
    for number, path in vector["paths"].items():
        steps, _ = made.lookup(heads.key_of(stream(int(number))))
        assert [{"bit": step.bit, "side": step.side, "sibling": step.sibling.hex()} for step in steps] == path
