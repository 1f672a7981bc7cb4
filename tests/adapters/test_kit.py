"""The adapter author's kit: the skeleton passes the suite, and the suite catches what it is there to catch."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import AdapterConformance, Sample, expected_code, full_picture, picture_of, scaffold
from adapters.kit.samples import content_type_of, folder_samples
from adapters.kit.specimen import full_fields
from contracts.delivery import Outcome, Unrenderable
from contracts.errors import Misconfigured
from contracts.facts import FACT_TYPES, VALUE_FIELDS
from contracts.ports import Adapter

ROOT = Path(__file__).parents[2]


def written(folder: Path, name: str) -> Path:
    for path, text in scaffold(name).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[AdapterConformance]]:
    """The conformance suite of a freshly made adapter, loaded into this process."""
    written(tmp_path, "dat_dai")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = importlib.util.spec_from_file_location("generated_suite", tmp_path / "tests/test_adapter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.TestDatDai
    for name in [one for one in sys.modules if one.startswith("lienthong_dat_dai")]:
        del sys.modules[name]


class Spoiled:
    """An adapter with some members replaced."""

    def __init__(self, adapter: Adapter, **members: Any) -> None:
        self._adapter = adapter
        self._members = members

    def __getattr__(self, name: str) -> Any:
        return self._members[name] if name in self._members else getattr(self._adapter, name)


def spoiled(suite: type[AdapterConformance], **members: Any) -> AdapterConformance:
    class Case(suite):  # type: ignore[valid-type, misc]  # the class is made at run time
        adapter = Spoiled(suite.adapter, **members)
        examples = 60

    made: AdapterConformance = Case()
    return made


def test_a_new_adapter_passes_its_own_suite_and_says_what_it_ran(tmp_path: Path) -> None:
    written(tmp_path, "dat_dai")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "tests"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}:{ROOT / 'packaging'}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_skeleton_keeps_the_rules_of_the_house(tmp_path: Path) -> None:
    written(tmp_path, "dat_dai")
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "E,F,B,UP,N,RET,SIM",
        "--line-length",
        "120",
    ]
    done = subprocess.run([*ruff, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_files_are_named_after_the_adapter() -> None:
    made = scaffold("dat_dai")
    assert "lienthong_dat_dai/__init__.py" in made
    assert "tests/test_adapter.py" in made
    assert 'dat_dai = "lienthong_dat_dai:ADAPTER"' in made["pyproject.toml"]
    assert not [path for path, text in made.items() if "@" in path or "@name" in text or "@class" in text]


@pytest.mark.parametrize("name", ["", "Land", "land-use", "1land", "a__b", "../x", "đất", "portal", "x" * 41])
def test_a_name_that_is_no_plain_word_or_taken_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        scaffold(name)
    assert caught.value.code == "config.invalid"


def test_importing_the_kit_needs_no_test_library() -> None:
    program = "import sys, adapters.kit; sys.exit(any(name in sys.modules for name in ('pytest', 'hypothesis')))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def valid(suite: type[AdapterConformance]) -> Sample:
    return suite().samples("valid")[0]


def test_an_unexpected_error_on_odd_bytes_is_caught(suite: type[AdapterConformance]) -> None:
    def read(envelope: Any, profile: Any) -> Any:
        if b"\xff" in envelope.body:
            raise KeyError("not declared")
        return suite.adapter.read(envelope, profile)

    with pytest.raises(KeyError):
        spoiled(suite, read=read).test_arbitrary_bytes_end_in_a_reading_or_a_refusal()


def test_a_reading_that_changes_is_caught(suite: type[AdapterConformance]) -> None:
    calls = iter(range(9))

    def read(envelope: Any, profile: Any) -> Any:
        reading = suite.adapter.read(envelope, profile)
        return type(reading)(standard="x", edition=str(next(calls)), service="x", records=reading.records)

    with pytest.raises(AssertionError, match="differ"):
        spoiled(suite, read=read).test_reading_is_deterministic(valid(suite))


def test_a_wrong_sample_that_is_accepted_is_caught(suite: type[AdapterConformance]) -> None:
    accepted = Sample("read.date.json", valid(suite).body, suite.adapter.types[0], "application/json")
    with pytest.raises(AssertionError, match=r"expected read\.date"):
        suite().test_every_invalid_sample_is_refused_with_its_code(accepted)


def test_a_silent_loss_is_caught(suite: type[AdapterConformance]) -> None:
    def write(due: Any, profile: Any) -> Any:
        import msgspec

        made = suite.adapter.write(due, profile)
        assert not isinstance(made, Unrenderable)
        return tuple(msgspec.structs.replace(one, losses=()) for one in made)

    with pytest.raises(AssertionError, match="neither carried nor declared"):
        spoiled(suite, write=write).test_what_is_not_carried_is_declared()


def test_a_value_that_comes_back_changed_is_caught(suite: type[AdapterConformance]) -> None:
    def write(due: Any, profile: Any) -> Any:
        import msgspec

        made = suite.adapter.write(due, profile)
        assert not isinstance(made, Unrenderable)
        spoilt = made[0].body.replace("Lò".encode(), b"Lo")
        return (msgspec.structs.replace(made[0], body=spoilt),)

    with pytest.raises(AssertionError, match="applicant_name"):
        spoiled(suite, write=write).test_what_is_written_reads_back_as_what_it_carries()


@pytest.mark.parametrize("reason", ["", "config.invalid", "park.made_up", "000.00.12.H99-250310-0001"])
def test_a_parking_reason_outside_the_list_is_caught(suite: type[AdapterConformance], reason: str) -> None:
    def write(due: Any, profile: Any) -> Any:
        return Unrenderable(code=reason, missing=("x",))

    with pytest.raises(AssertionError, match="parked with"):
        spoiled(suite, write=write).test_every_state_is_written_or_parked_with_a_reason()


class Optimist:
    """A client that takes everything for success."""

    def __init__(self, *_arguments: Any) -> None:
        self.outcome = Outcome(verdict="done")

    async def send(self, _batch: Any) -> Outcome:
        return self.outcome

    async def ask(self, _code: str) -> Any:
        raise ValueError("not declared")

    async def close(self) -> None:
        return


@pytest.mark.parametrize(
    "run",
    [
        AdapterConformance.test_any_reply_is_understood_and_never_raises,
        AdapterConformance.test_a_refusal_in_words_is_never_success,
        AdapterConformance.test_a_party_that_can_not_be_reached_is_tried_again,
    ],
)
def test_a_client_that_takes_everything_for_success_is_caught(
    suite: type[AdapterConformance], run: Callable[[AdapterConformance], None]
) -> None:
    with pytest.raises(AssertionError):
        run(spoiled(suite, remote=Optimist))


def test_an_undeclared_error_when_asking_is_caught(suite: type[AdapterConformance]) -> None:
    with pytest.raises(ValueError, match="not declared"):
        spoiled(suite, remote=Optimist).test_asking_and_pulling_survive_any_reply()


@pytest.mark.parametrize("member", [{"name": "Not A Word"}, {"types": ()}, {"batch_limit": 0}, {"edition": ""}])
def test_a_wrong_declaration_is_caught(suite: type[AdapterConformance], member: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        spoiled(suite, **member).test_it_declares_itself()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("read.missing--MaHoSo.json", "read.missing"),
        ("2019/DongBoHoSoMC/read.not_json.json", "read.not_json"),
        ("DongBoHoSoMC.read.date.2.xml", "read.date"),
        ("park.status_unmapped.json", "park.status_unmapped"),
        ("07-read.duplicate_key.json", "read.duplicate_key"),
    ],
)
def test_the_expected_code_is_read_from_the_file_name(name: str, code: str) -> None:
    assert expected_code(name) == code


def test_a_file_name_without_a_code_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="names no code"):
        expected_code("wrong-date.json")


def test_samples_of_a_folder_know_their_type(tmp_path: Path) -> None:
    (tmp_path / "valid/B").mkdir(parents=True)
    (tmp_path / "valid/B/1.xml").write_bytes(b"<a/>")
    (tmp_path / "valid/0").write_bytes(b"  <a/>")
    found = folder_samples(tmp_path, ("s/A", "s/B"), "valid")
    assert [(one.name, one.type, one.content_type) for one in found] == [
        ("0", "s/A", "application/xml"),
        ("B/1.xml", "s/B", "application/xml"),
    ]
    assert content_type_of("x", b"{}") == "application/json"


def test_the_made_up_dossier_states_every_canonical_value() -> None:
    names = {name for kind in FACT_TYPES for name in VALUE_FIELDS[kind]}
    assert set(full_fields()) == names
    assert full_picture().fields.keys() == names


def test_a_reading_becomes_a_picture(suite: type[AdapterConformance]) -> None:
    case = suite()
    picture = picture_of(case.adapter.read(case.envelope(valid(suite)), case.profile))
    assert picture.code == "000.00.12.H99-250310-0001"
    assert picture.state == "received"
    assert picture.fields["applicant_name"] == "Lò Thị Mẫu"
