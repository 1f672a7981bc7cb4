"""Seals the five generic package names inside one private folder of the wheel (docs/adr/0002)."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("hub", "adapters", "contracts", "ledger", "monitoring")


class SealHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's generic takes no argument at run time
    """Maps ``<package>`` to ``lienthong_app/<package>``; an editable install needs no mapping."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the sealed folder and the launcher to a standard build."""
        if version == "editable":
            return
        include = build_data["force_include"]
        include.update({package: f"lienthong_app/{package}" for package in PACKAGES})
        include["packaging/lienthong"] = "lienthong"
