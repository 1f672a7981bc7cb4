"""The configuration refuses rather than guesses."""

from pathlib import Path

import pytest

from contracts.errors import Misconfigured
from hub.commands.config import TEMPLATE
from hub.settings import Settings, check, load


def test_template_is_a_good_configuration(tmp_path: Path) -> None:
    """What `config init` writes passes `config check`."""
    path = tmp_path / "lienthong.toml"
    path.write_text(TEMPLATE, "utf-8")

    settings = load(path, environ={})

    assert settings.party[0].id == "mot-cua-tinh-mau"
    assert settings.route[0].to == ("cong-quoc-gia",)


def test_missing_file_is_named() -> None:
    """A file that is not there is one clear error."""
    with pytest.raises(Misconfigured) as refused:
        load("/nonexistent/lienthong.toml", environ={})

    assert refused.value.code == "config.missing"


def test_unknown_key_is_an_error_with_the_nearest_name() -> None:
    """A typo never silently means the default."""
    with pytest.raises(Misconfigured) as refused:
        check({"hub": {"prot": 1}})

    assert refused.value.code == "config.unknown_key"
    assert "did you mean port?" in refused.value.detail


def test_unknown_key_inside_a_party_names_the_nearest_there() -> None:
    """Nearest names come from the table the typo stands in."""
    with pytest.raises(Misconfigured) as refused:
        check({"party": [{"id": "a", "adapter": "portal", "base_ulr": "http://x"}]})

    assert "did you mean base_url?" in refused.value.detail


def test_every_fault_is_reported_at_once() -> None:
    """Nobody mends one line, starts, and finds the next."""
    with pytest.raises(Misconfigured) as refused:
        check({"hub": {"port": 70_000, "host": 3}, "delivery": {"linger_ms": -1}})

    assert {line.split(":")[0] for line in refused.value.detail.splitlines()} == {
        "hub.port",
        "hub.host",
        "delivery.linger_ms",
    }


def test_route_to_a_party_that_is_not_configured_is_refused() -> None:
    """A route that leads nowhere would lose what it should carry."""
    with pytest.raises(Misconfigured) as refused:
        check({"party": [{"id": "a", "adapter": "portal"}], "route": [{"from": "a", "to": ["b"]}]})

    assert "not configured: b" in refused.value.detail


def test_party_ids_are_unique() -> None:
    """Two parties of one name would share a stream."""
    with pytest.raises(Misconfigured) as refused:
        check({"party": [{"id": "a", "adapter": "portal"}, {"id": "a", "adapter": "opencps"}]})

    assert "occur twice: a" in refused.value.detail


def test_pull_needs_an_address() -> None:
    """A party that is to be asked must have somewhere to ask."""
    with pytest.raises(Misconfigured) as refused:
        check({"party": [{"id": "a", "adapter": "civil_status", "pull": True}]})

    assert "pull needs base_url" in refused.value.detail


def test_environment_stands_over_the_file(tmp_path: Path) -> None:
    """``LIENTHONG_<TABLE>__<KEY>`` wins over the file."""
    path = tmp_path / "lienthong.toml"
    path.write_text("[hub]\nport = 1\n", "utf-8")

    settings = load(path, environ={"LIENTHONG_HUB__PORT": "2", "LIENTHONG_CONFIG": "ignored"})

    assert settings.hub.port == 2


def test_nothing_is_open_by_default() -> None:
    """Without configuration the hub listens on the loopback only and knows nobody."""
    settings = Settings()

    assert settings.hub.host == "127.0.0.1"
    assert settings.party == ()
