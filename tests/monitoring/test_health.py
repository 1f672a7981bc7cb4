"""Alive and ready are different questions."""

import pytest

from monitoring.health import Health


def fine() -> str:
    return ""


def test_a_starting_hub_is_alive_and_not_ready() -> None:
    health = Health()
    health.add("store", fine)
    assert health.livez().ok
    assert not health.readyz().ok
    health.started()
    assert health.readyz().ok


def test_a_failed_check_names_itself_and_its_reason() -> None:
    health = Health()
    health.add("store", fine)
    health.add("disk", lambda: "2 % free")
    health.started()
    report = health.readyz()
    assert not report.ok
    assert report.text(verbose=False) == "[-]disk failed: 2 % free\nfailed\n"
    assert report.text(verbose=True).splitlines() == [
        "[+]lifecycle ok",
        "[+]store ok",
        "[-]disk failed: 2 % free",
        "failed",
    ]


def test_a_check_that_breaks_is_a_failed_check_and_tells_no_details() -> None:
    def broken() -> str:
        raise OSError("/srv/secret/path")

    health = Health()
    health.add("store", broken)
    health.started()
    assert health.readyz().text(verbose=True).count("OSError") == 1
    assert "/srv" not in health.readyz().text(verbose=True)


def test_a_stopping_hub_is_alive_and_not_ready() -> None:
    health = Health()
    health.started()
    health.drain()
    assert health.livez().ok
    assert "shutting down" in health.readyz().text(verbose=False)


def test_what_fails_liveness_fails_readiness_too() -> None:
    health = Health()
    health.add_liveness("ledger", lambda: "stopped after a failed commit")
    health.started()
    assert not health.livez().ok
    assert not health.readyz().ok


def test_readiness_failures_do_not_touch_liveness() -> None:
    health = Health()
    health.add("clock", lambda: "stepped")
    health.started()
    assert health.livez().ok
    assert health.livez().text(verbose=True) == "[+]process ok\nok\n"


def test_a_name_used_twice_is_a_mistake() -> None:
    health = Health()
    health.add("store", fine)
    with pytest.raises(ValueError, match="store"):
        health.add("store", fine)
