"""The keys of a hub's log through the command line: changed, revoked, and what rested on them."""

from pathlib import Path

from tests.integration.program import inside

SINCE = "2020-01-01T00:00:00+07:00"


def trusted(own: Path) -> list[str]:
    lines = (own / "trust.txt").read_text("ascii").splitlines()
    return [line.split()[1] for line in lines if line.startswith("log ")]


def signing(own: Path) -> list[str]:
    listed = inside("key", "list", "--json", folder=own).json
    assert listed["findings"] == []
    return [one["vkey"] for one in listed["keys"] if one["signs"]]


def test_a_log_whose_key_was_rotated_and_retired_still_verifies_whole(own: Path) -> None:
    [old] = signing(own)
    ran = inside("key", "rotate", "--json", folder=own)
    assert ran.code == 0, ran.err
    new = ran.json["vkey"]
    assert ran.json["checkpoint"].count("\u2014 ") == len([old, new])
    assert signing(own) == [old, new]
    assert inside("key", "rotate", folder=own).code == 5
    retired = inside("key", "retire", "--json", folder=own)
    assert retired.json["vkey"] == old
    assert retired.json["checkpoint"].count("\u2014 ") == 1
    assert signing(own) == [new]
    assert {old, new} <= set(trusted(own))
    verified = inside("log", "verify", "--json", folder=own)
    assert verified.json["ok"], verified.out


def test_a_drill_reports_what_rests_on_the_lost_key_and_the_log_goes_on_under_another(own: Path) -> None:
    [old] = signing(own)
    report = inside("key", "report", "--since", SINCE, "--json", folder=own).json
    assert report["vkey"] == old
    assert report["receipts"]
    assert report["uncovered"] == len(report["receipts"])
    assert report["key_events"][0] == {"position": 1, "covered": None}
    new = inside("key", "rotate", "--json", folder=own).json["vkey"]
    revoked = inside("key", "revoke", old, "--since", SINCE, "--reason", "compromised", folder=own)
    assert revoked.code == 0, revoked.err
    assert signing(own) == [new]
    assert old not in trusted(own)
    assert new in trusted(own)
    assert inside("log", "verify", "--json", folder=own).json["ok"]
    again = inside("key", "report", "--since", SINCE, "--key", old, "--json", folder=own).json
    assert [one["position"] for one in again["receipts"]] == [one["position"] for one in report["receipts"]]


def test_what_may_not_be_said_about_keys_is_refused_in_words(own: Path) -> None:
    [only] = signing(own)
    for args in (
        ("retire",),
        ("revoke", only, "--since", SINCE, "--reason", "lost"),
        ("revoke", only, "--since", "hôm qua", "--reason", "lost"),
        ("add", "khong-phai-khoa", "--purpose", "source"),
        ("add", "khong-phai-khoa", "--purpose", "witness"),
    ):
        ran = inside("key", *args, folder=own)
        assert ran.code == 5, (args, ran.err)
        assert "Traceback" not in ran.err
