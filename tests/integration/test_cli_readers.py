"""Commands that read: one JSON value on stdout with ``--json``, a table for people without, notes on stderr."""

from pathlib import Path

import pytest

from tests.integration.program import inside, run
from tests.integration.samples import code
from tests.integration.served import COUNTER, PORTAL

READERS = {
    "config show": ("config", "show"),
    "config show --effective": ("config", "show", "--effective"),
    "party list": ("party", "list", "--json"),
    "party show": ("party", "show", COUNTER, "--json"),
    "adapter list": ("adapter", "list", "--json"),
    "adapter show": ("adapter", "show", "portal", "--json"),
    "dossier list": ("dossier", "list", "--json"),
    "dossier show": ("dossier", "show", code(1), "--json"),
    "dossier timeline": ("dossier", "timeline", code(1), "--json"),
    "dossier at": ("dossier", "at", code(1), "--position", "9999", "--json"),
    "dossier diff": ("dossier", "diff", code(1), "1", "9999", "--json"),
    "log show": ("log", "show", "1", "--json"),
    "log heads": ("log", "heads", "--json"),
    "log verify": ("log", "verify", "--json"),
    "parked list": ("parked", "list", "--json"),
    "parked show": ("parked", "show", code(2), PORTAL, "--json"),
    "doctor": ("doctor", "--json"),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_prints_one_json_value(own: Path, name: str) -> None:
    args = READERS[name]
    if name == "dossier diff":
        known = (inside("dossier", "timeline", code(1), "--json", folder=own)).json["events"]
        args = ("dossier", "diff", code(1), str(known[0]["position"]), "9999", "--json")
    ran = inside(*args, folder=own)
    assert ran.code == 0, (ran.out, ran.err)
    assert ran.json is not None
    assert ran.out.endswith(b"\n")
    assert ran.out.count(b"\n") == 1


@pytest.mark.parametrize("name", [name for name in READERS if "config" not in name and name != "dossier diff"])
def test_every_reader_prints_a_table_for_people(own: Path, name: str) -> None:
    ran = inside(*(one for one in READERS[name] if one != "--json"), folder=own)
    assert ran.code == 0, (ran.out, ran.err)
    assert ran.out.strip()
    assert b"\x1b" not in ran.out
    assert "Traceback" not in ran.err


def test_the_log_is_told_line_by_line(lived: Path) -> None:
    ran = inside("log", "tail", "--after", "0", "--jsonl", folder=lived)
    assert [line["position"] for line in ran.lines] == list(range(1, len(ran.lines) + 1))
    last = inside("log", "tail", "--jsonl", folder=lived)
    assert last.lines == ran.lines[-10:]
    assert (inside("log", "tail", folder=lived)).out.count(b"\n") == 11


def test_the_checkpoint_is_printed_as_it_was_signed(lived: Path) -> None:
    ran = inside("log", "checkpoint", folder=lived)
    head = ran.out.decode().splitlines()
    assert head[0] == "lienthong.example/kiem-thu"
    assert head[4].startswith("\u2014 lienthong.example/kiem-thu ")


def test_dossiers_are_found_by_part_of_a_code(own: Path) -> None:
    found = (inside("dossier", "list", "H98 260105 0001", "--json", folder=own)).json["dossiers"]
    assert [one["code"] for one in found] == [code(1)]
    both = (inside("dossier", "list", "--status", "processing", "--agency", "H98", "--json", folder=own)).json
    assert {one["code"] for one in both["dossiers"]} >= {code(1)}
    assert len((inside("dossier", "list", "--limit", "1", "--json", folder=own)).json["dossiers"]) == 1


def test_what_is_shown_without_a_hub_is_recorded_all_the_same(own: Path) -> None:
    before = (inside("log", "tail", "--jsonl", folder=own)).lines[-1]["position"]
    shown = (inside("dossier", "show", code(1), "--json", folder=own)).json
    assert shown["status"]["portal"] == "4"
    after = (inside("log", "tail", "--after", str(before), "--jsonl", folder=own)).lines
    assert [line["type"] for line in after] == ["evidence.accessed"]
    assert (inside("log", "verify", folder=own)).code == 0


def test_what_is_parked_says_why(own: Path) -> None:
    (parked,) = (inside("parked", "list", "--json", folder=own)).json["parked"]
    assert (parked["code"], parked["target"]) == (code(2), PORTAL)
    assert parked["reason"] == "park.missing_for_target"
    shown = (inside("parked", "show", code(2), PORTAL, "--json", folder=own)).json
    assert shown["reason"] == parked["reason"]
    assert (inside("parked", "list", "--target", "khong-co", "--json", folder=own)).json["parked"] == []


async def test_the_configuration_may_be_named_in_three_ways(lived: Path, tmp_path: Path) -> None:
    config = str(lived / "lienthong.toml")
    by_option = await run("party", "list", "--json", "--config", config, folder=tmp_path)
    by_variable = await run("party", "list", "--json", folder=tmp_path, env={"LIENTHONG_CONFIG": config})
    in_place = await run("party", "list", "--json", folder=lived)
    assert by_option.json == by_variable.json == in_place.json
    assert (await run("party", "list", folder=tmp_path)).code == 5
