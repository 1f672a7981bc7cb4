"""The exit code says whose move it is: 0 2 3 4 5 6 7 130."""

import asyncio
import signal
import sqlite3
from pathlib import Path

import pytest

from contracts.errors import HubError, IntegrityViolation, MessageRefused, Misconfigured, Overloaded, TargetUnavailable
from hub.cli import exit_code_of
from tests.integration.program import PROGRAM, inside, start
from tests.integration.samples import code
from tests.integration.served import COUNTER, PORTAL


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--help",), 0),
        (("dossier", "--help"), 0),
        (("khong-co",), 2),
        (("dossier", "show"), 2),
        (("dossier", "list", "--limit", "0"), 2),
        (("log", "show", "mot"), 2),
        (("dossier", "show", "khong-co"), 4),
        (("log", "show", "999999"), 4),
        (("party", "show", "khong-co"), 4),
        (("party", "disable", "khong-co", "--yes"), 4),
        (("adapter", "show", "khong-co"), 4),
        (("parked", "show", code(1), PORTAL), 4),
        (("parked", "requeue", code(1), PORTAL, "--note", "thử"), 4),
        (("dossier", "at", code(1), "--time", "hôm qua"), 5),
        (("party", "add", COUNTER, "--kind", "khong-co"), 5),
        (("party", "ping", COUNTER), 5),
        (("sample", "generate", "--format", "khong-co"), 5),
        (("adapter", "try", "khong-co.json"), 5),
        (("config", "check", "--config", "khong-co.toml"), 5),
        (("party", "ping", PORTAL), 6),
        (("party", "disable", COUNTER), 7),
    ],
)
def test_the_exit_code_says_whose_move_it_is(own: Path, args: tuple[str, ...], expected: int) -> None:
    ran = inside(*args, folder=own)
    assert ran.code == expected, (ran.out, ran.err)
    assert "Traceback" not in ran.err
    if expected:
        assert ran.out == b""
        assert ran.err


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MessageRefused("query.not_found"), 4),
        (MessageRefused("read.not_json"), 5),
        (Misconfigured("config.missing"), 5),
        (IntegrityViolation("ledger.corrupt"), 3),
        (TargetUnavailable(), 6),
        (Overloaded(), 6),
        (HubError("hub.internal"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: HubError, expected: int) -> None:
    assert exit_code_of(error) == expected


def test_a_good_log_verifies_and_one_flipped_byte_does_not(own: Path) -> None:
    good = inside("log", "verify", "--json", folder=own)
    assert (good.code, good.json["ok"]) == (0, True)
    with sqlite3.connect(own / "ledger.db") as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (leaf,) = ledger.execute("SELECT leaf FROM events WHERE position = 12").fetchone()
    ledger.close()
    stored = bytearray((own / "ledger.db").read_bytes())
    within = leaf.index(b'"typ":"') + len(b'"typ":"')
    at = stored.find(leaf)
    while at >= 0:  # a page that was split may still hold the bytes where they lay before
        stored[at + within] ^= 0x02
        at = stored.find(leaf, at + 1)
    (own / "ledger.db").write_bytes(stored)
    bad = inside("log", "verify", "--json", folder=own)
    assert (bad.code, bad.json["ok"]) == (3, False)
    wrong = [check for check in bad.json["checks"] if not check["ok"]]
    assert 12 in {check["position"] for check in wrong}
    assert {"check", "code", "ok", "position", "detail"} <= wrong[0].keys()
    assert (inside("log", "verify", folder=own)).code == 3


def test_a_log_under_another_key_does_not_verify(own: Path, lived: Path) -> None:
    trusted = (own / "trust.txt").read_text("ascii")
    (own / "trust.txt").write_text(trusted.replace("+A", "+B", 1), "ascii")
    assert (inside("log", "verify", folder=own)).code in {3, 5}


def test_a_file_that_is_no_log_is_not_taken_for_one(own: Path) -> None:
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (own / name).unlink(missing_ok=True)
    (own / "ledger.db").write_bytes(b"day khong phai la so cai" * 1_000)
    for args in (("log", "verify"), ("log", "tail"), ("dossier", "list")):
        ran = inside(*args, folder=own)
        assert ran.code == 3, (args, ran.code, ran.err)
        assert "Traceback" not in ran.err


async def test_ctrl_c_is_130_or_a_graceful_end(lived: Path) -> None:
    process = await start("log", "tail", "--follow", "--jsonl", folder=lived)
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err


async def test_a_reader_that_goes_away_is_no_accident(lived: Path) -> None:
    shell = f"set -o pipefail; '{PROGRAM}' log tail --after 0 --jsonl | head -n 1"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", shell, cwd=lived, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert out.count(b"\n") == 1
    assert b"Traceback" not in err
