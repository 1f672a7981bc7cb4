"""Structured logs on standard error: JSON lines for machines, colours on a terminal, and nothing that must not be read.

Everything goes through one chain, the loggers of libraries too. Keys: ``timestamp`` (RFC 3339 UTC), ``level``,
``event``, ``logger``, then whatever the place knows. Log per batch or per failure, never per message: one line costs
about as much as reading a small message.
"""

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO, TypeAlias

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from monitoring.redaction import redact, redact_text

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "json", "console"]

_FIRST_KEYS: Final = ("timestamp", "level", "logger", "event")
_OWN_KEYS: Final = frozenset({"timestamp", "level", "logger"})
_LIBRARIES: Final[Mapping[str, int]] = {"aiohttp": logging.INFO, "asyncio": logging.WARNING, "uvloop": logging.WARNING}
"""Least level of loggers that are not ours; access lines of aiohttp are off (the metrics count requests)."""


def configure(level: Level = "info", form: Format = "auto", stream: TextIO | None = None) -> None:
    """Set up logging for the whole process; called once by the program, never by a library.

    ``auto`` is ``console`` when ``stream`` (standard error) is a terminal, else ``json``.
    """
    out = stream if stream is not None else sys.stderr
    console = form == "console" or (form == "auto" and out.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(console=console)],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, number))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger by dotted name (``hub.deliver``); ``log.info("what happened", key=value)``."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
    ]


def _renderer(*, console: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(serializer=_to_json)


def _to_json(event: dict[str, Any], **_options: Any) -> str:
    ordered: dict[str, Any] = {key: event[key] for key in _FIRST_KEYS if key in event}
    return json.dumps(ordered | event, ensure_ascii=False, default=repr)


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask secrets and identity numbers in every value of a log line (a structlog processor).

    It runs after exceptions became text, because their messages quote what they could not read.
    """
    for key in tuple(event):
        value = event[key]
        if key in {"event", "exception"}:
            event[key] = redact_text(str(value))
        elif key not in _OWN_KEYS and not key.startswith("_"):
            event[key] = redact(value, key)
    return event
