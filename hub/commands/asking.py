"""One admin command, asked of whichever hub the configuration means."""

from collections.abc import Mapping
from typing import Any

from hub.api.admin_client import ask as ask_hub
from hub.commands.locate import config_path, directory_of
from hub.settings import load
from monitoring import logs


def ask(config: str, command: str, values: Mapping[str, Any]) -> Any:
    """Run an admin command in the running hub, or alone when none runs."""
    logs.configure("warning", "auto")
    path = config_path(config)
    settings = load(path)
    return ask_hub(settings, directory_of(settings, path.parent), command, values)
