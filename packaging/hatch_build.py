"""Seals the five generic package names inside one private folder of the wheel (docs/adr/0002)."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("hub", "adapters", "contracts", "ledger", "monitoring")


class SealHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's generic takes no argument at run time
    """Maps ``<package>`` to ``lienthong_app/<package>``; an editable install needs no mapping.

    Done here and not as a static ``force-include``, because that one would copy the files on an editable install too.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the sealed folder to a standard build; the launcher is the wheel's one ordinary package."""
        if version == "editable":
            return
        build_data["force_include"].update({package: f"lienthong_app/{package}" for package in PACKAGES})
