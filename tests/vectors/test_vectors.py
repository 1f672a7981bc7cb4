"""The vectors of this folder: reproduced byte for byte, and judged alike by everybody who judges proofs."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.errors import IntegrityViolation
from ledger import checkpoint, merkle, proof
from ledger.verifier import tree as stranger
from tests.interop import foreign
from tests.ledger.plain_log import PlainLog
from tests.vectors import generate

FOLDER = Path(__file__).parent
INCLUSION = FOLDER / "inclusion.json"
CONSISTENCY = FOLDER / "consistency.json"


def cases(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(file.read_bytes())
    for one in found:
        for name in ("leaf", "root", "old_root", "new_root"):
            if name in one:
                one[name] = b64decode(one[name])
        one["proof"] = [b64decode(step) for step in one["proof"]]
    return found


@pytest.mark.parametrize("name", ["inclusion.json", "consistency.json"])
def test_the_generator_gives_the_committed_bytes(name: str) -> None:
    assert generate.files()[name] == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("file", [INCLUSION, CONSISTENCY], ids=lambda file: file.stem)
def test_there_are_good_and_spoilt_proofs_at_every_size_that_matters(file: Path) -> None:
    found = cases(file)
    sizes = {one.get("size", one.get("new")) for one in found if one["ok"]}
    assert {1, 2, 3, 255, 256, 257, 65_535, 65_536, 65_537} <= sizes | {one.get("old") for one in found if one["ok"]}
    assert all(one["ok"] for one in found if one["case"] == "good")
    assert sum(not one["ok"] for one in found) > 100


def test_the_ledger_judges_inclusion_as_the_vectors_say() -> None:
    for one in cases(INCLUSION):
        reached = merkle.root_from_inclusion(one["index"], one["size"], one["leaf"], one["proof"])
        assert (reached == one["root"]) is one["ok"], one["case"]


def test_the_ledger_judges_consistency_as_the_vectors_say() -> None:
    for one in cases(CONSISTENCY):
        held = merkle.is_consistent(one["old"], one["new"], one["old_root"], one["new_root"], one["proof"])
        assert held is one["ok"], one["case"]


def test_the_independent_verifier_judges_inclusion_as_the_vectors_say() -> None:
    for one in cases(INCLUSION):
        reached = stranger.climb(one["index"], one["size"], one["leaf"], one["proof"])
        assert (reached == one["root"]) is one["ok"], one["case"]


def test_as_the_text_of_a_proof_they_are_judged_alike() -> None:
    scribe = PlainLog().scribe
    entries = {merkle.leaf_hash(generate.entry(number)): generate.entry(number) for number in range(65_540)}
    judged = 0
    for one in cases(INCLUSION):
        if one["leaf"] not in entries or one["index"] < 0 or any(len(step) != 32 for step in one["proof"]):
            continue
        written = proof.write(one["index"], one["proof"], scribe.sign(one["size"], one["root"]))
        try:
            held: checkpoint.Checkpoint | None = proof.verify(written, entries[one["leaf"]], [scribe.key])
        except IntegrityViolation:
            held = None
        assert (held is not None) is one["ok"], one["case"]
        judged += 1
    assert judged > 200


@pytest.mark.parametrize("judge", ["go", "python"])
def test_others_judge_them_alike(judge: str) -> None:
    told = foreign.ask(judge, "vectors", INCLUSION, CONSISTENCY)
    for file, answers in zip((INCLUSION, CONSISTENCY), told, strict=True):
        found = cases(file)
        assert len(found) == len(answers)
        astray = [(one["case"], answer) for one, answer in zip(found, answers, strict=True) if one["ok"] != answer]
        assert not astray, file.name


def test_the_verifier_of_sigstore_judges_inclusion_alike(tmp_path: Path) -> None:
    entries = {merkle.leaf_hash(generate.entry(number)): generate.entry(number) for number in range(65_540)}
    asked = [one for one in cases(INCLUSION) if one["leaf"] in entries]
    file = tmp_path / "asked.json"
    file.write_bytes(msgspec.json.encode([one | {"entry": entries[one["leaf"]], "checkpoint": ""} for one in asked]))
    told = foreign.ask("javascript", "receipts", file)
    assert [(one["case"], one["size"], one["ok"]) for one in asked] == [
        (one["case"], one["size"], answer) for one, answer in zip(asked, told, strict=True)
    ]
