"""Which adapters there are, built in and brought by others."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from adapters import registry
from contracts.errors import Misconfigured


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Entry points of another distribution, by group."""
    groups: dict[str, dict[str, str]] = {registry.GROUP: {}, registry.SIMULATOR_GROUP: {}}

    def points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint(name, value, group) for name, value in groups[group].items()]

    monkeypatch.setattr(registry, "entry_points", points)
    return groups


def test_the_built_in_adapters_are_listed() -> None:
    assert set(registry.BUILT_IN) == {"civil_status", "opencps", "portal"}
    assert set(registry.BUILT_IN) <= set(registry.names())
    assert list(registry.names()) == sorted(registry.names())


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_a_built_in_adapter_has_every_member_of_the_port(name: str) -> None:
    adapter = registry.get(name)
    assert adapter.name == name
    assert adapter.types
    assert registry._checked(name, adapter) is adapter


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_every_built_in_adapter_has_a_simulator(name: str) -> None:
    assert callable(registry.simulators()[name])


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.get("portl")
    assert caught.value.code == "config.invalid"
    assert "'portal'" in caught.value.detail
    with pytest.raises(Misconfigured) as caught:
        registry.simulators()["opencp"]
    assert "'opencps'" in caught.value.detail


def test_an_adapter_of_another_distribution_is_found(brought: dict[str, dict[str, str]]) -> None:
    brought[registry.GROUP]["land"] = "types:SimpleNamespace"
    assert "land" in registry.names()
    with pytest.raises(Misconfigured) as caught:
        registry.get("land")
    assert "mapping_hash" in caught.value.detail


def test_a_complete_foreign_adapter_is_given_out(
    brought: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SimpleNamespace(**dict.fromkeys(registry._MEMBERS))
    monkeypatch.setitem(sys.modules, "land_adapter", SimpleNamespace(ADAPTER=whole, Simulator=dict))
    brought[registry.GROUP]["land"] = "land_adapter:ADAPTER"
    brought[registry.SIMULATOR_GROUP]["land"] = "land_adapter:Simulator"
    assert registry.get("land") is whole
    assert registry.simulators()["land"] is dict
    assert "land" in registry.simulators()
    assert len(registry.simulators()) == len(list(registry.simulators())) == 4


def test_an_adapter_that_fails_to_load_says_why(brought: dict[str, dict[str, str]]) -> None:
    brought[registry.GROUP]["land"] = "no_such_module_at_all:ADAPTER"
    with pytest.raises(Misconfigured) as caught:
        registry.get("land")
    assert "no_such_module_at_all" in caught.value.detail


def test_a_built_in_name_can_not_be_taken_over(brought: dict[str, dict[str, str]]) -> None:
    brought[registry.GROUP]["portal"] = "types:SimpleNamespace"
    assert registry.names().count("portal") == 1
    assert registry.get("portal").name == "portal"


def test_listing_loads_no_adapter() -> None:
    program = (
        "import sys; from adapters import registry; registry.names(); list(registry.simulators())\n"
        "sys.exit(any(name.startswith('adapters.') and name != 'adapters.registry' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
