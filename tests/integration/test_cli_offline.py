"""Commands that need no hub: configuration, samples, adapters, doctor."""

from pathlib import Path

import msgspec
import pytest

from tests.integration.program import inside
from tests.integration.samples import code, packet, record

FORMATS = ("portal", "opencps", "civil_status")

# ── configuration ────────────────────────────────────────────────────────────────────────────────


def test_a_written_template_is_a_good_configuration_and_is_never_overwritten(tmp_path: Path) -> None:
    assert inside("config", "init", folder=tmp_path).code == 0
    before = (tmp_path / "lienthong.toml").read_bytes()
    without = inside("config", "check", folder=tmp_path)
    assert (without.code, "secrets/cong-quoc-gia" in without.err) == (5, True)
    (tmp_path / ".lienthong/hub/secrets").mkdir(parents=True)
    (tmp_path / ".lienthong/hub/secrets/cong-quoc-gia").write_text("mat-khau-mau", "ascii")
    checked = inside("config", "check", folder=tmp_path)
    assert (checked.code, checked.out) == (0, b"")
    assert "ok" in checked.err
    assert inside("config", "init", folder=tmp_path).code == 5
    assert (tmp_path / "lienthong.toml").read_bytes() == before
    shown = inside("config", "show", folder=tmp_path).json
    effective = inside("config", "show", "--effective", folder=tmp_path).json
    assert "delivery" not in shown
    assert effective["delivery"]["batch_records"] == 100


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text(
        "[hub]\nprot = 8080\nsession_lifetime_s = 5\n\n[[party]]\nid = 'Mot Cua'\nadapter = 'portal'\n", "utf-8"
    )
    ran = inside("config", "check", folder=tmp_path)
    assert ran.code == 5
    assert "hub.prot: unknown key; did you mean port?" in ran.err
    assert "hub.session_lifetime_s" in ran.err
    assert "party.0.id" in ran.err


def test_a_route_to_nobody_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text("[[route]]\nfrom = '*'\nto = ['khong-co']\n", "utf-8")
    ran = inside("config", "check", folder=tmp_path)
    assert ran.code == 5
    assert "khong-co" in ran.err


def test_a_format_that_is_not_installed_is_found_before_a_start(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text("[[party]]\nid = 'a'\nadapter = 'potal'\n", "utf-8")
    ran = inside("config", "check", folder=tmp_path)
    assert ran.code == 5
    assert "portal" in ran.err


# ── samples ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    made = [
        inside("sample", "generate", "--format", kind, "--dossiers", "5", "--seed", seed, folder=tmp_path).out
        for seed in ("7", "7", "8")
    ]
    assert made[0] == made[1] != made[2]
    assert made[0].count(b"\n") >= 5
    assert all(msgspec.json.decode(line) for line in made[0].splitlines())
    assert "Mẫu" in made[0].decode()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_sample_is_read_by_its_adapter_and_rendered_for_another(tmp_path: Path, kind: str) -> None:
    made = inside("sample", "generate", "--format", kind, "--dossiers", "2", folder=tmp_path).out
    target = "opencps" if kind != "opencps" else "portal"
    for number, line in enumerate(made.splitlines()):
        (tmp_path / f"{number}.json").write_bytes(line)
        ran = inside("adapter", "try", f"{number}.json", "--to", target, "--json", folder=tmp_path)
        assert ran.code == 0, ran.err
        assert ran.json["records"]
        assert ran.json["refused"] == []


def test_a_trial_shows_facts_losses_and_what_the_other_side_would_get(tmp_path: Path) -> None:
    (tmp_path / "goi.json").write_bytes(msgspec.json.encode(packet(record(1), record(2, MaTTHC="sai"))))
    ran = inside("adapter", "try", "goi.json", "--from", "portal", "--to", "opencps", "--json", folder=tmp_path)
    assert ran.code == 0
    assert [one["dossier"] for one in ran.json["records"]] == [code(1)]
    assert ran.json["refused"][0]["code"] == "read.pattern"
    assert code(1) in ran.out.decode()
    people = inside("adapter", "try", "goi.json", folder=tmp_path)
    assert people.code == 0
    assert "applicant_name" in people.out.decode()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe"])
def test_a_file_of_no_known_format_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "la").write_bytes(content)
    ran = inside("adapter", "try", "la", folder=tmp_path)
    assert ran.code == 5
    assert "Traceback" not in ran.err


# ── doctor ───────────────────────────────────────────────────────────────────────────────────────


def test_the_doctor_finds_a_healthy_hub_healthy(own: Path) -> None:
    ran = inside("doctor", "--json", folder=own)
    checks = {one["check"]: one for one in ran.json["checks"]}
    assert (ran.code, ran.json["ok"]) == (0, True), [one for one in checks.values() if not one["ok"]]
    assert {"python", "sqlite", "clock", "configuration", "disk", "fsync", "access.json"} <= checks.keys()


def test_the_doctor_names_the_mend_of_a_secret_that_others_can_read(own: Path) -> None:
    (own / "access.json").chmod(0o644)
    ran = inside("doctor", "--json", folder=own)
    assert ran.code == 5
    (wrong,) = [one for one in ran.json["checks"] if not one["ok"]]
    assert (wrong["check"], wrong["mend"]) == ("access.json", "chmod 600 access.json")


def test_the_doctor_without_a_configuration_says_what_to_do(tmp_path: Path) -> None:
    ran = inside("doctor", folder=tmp_path)
    assert ran.code == 5
    assert "lienthong config init" in ran.out.decode()
