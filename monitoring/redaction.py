"""What must not be read in a log: secrets by key, secret path segments, identity numbers."""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"
SECRET_KEYS: Final = ("session", "token", "secret", "password", "authorization", "cookie", "credential", "api_key")
"""A key that contains one of these words, in any case, holds a secret."""

_PATH_SECRET: Final = re.compile(r"(/p/)[^/?#\s\"']+")
_QUERY_SECRET: Final = re.compile(
    r"((?:session|token|secret|password|authorization|matkhau)[\w-]*[\"']?\s*[=:]\s*[\"']?)(?:Bearer\s+)?[^\s\"'&,;}]+",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"(Bearer\s+)[\w.~+/=-]+", re.IGNORECASE)
_IDENTITY_NUMBER: Final = re.compile(r"(?<![\w.])(?:\d{12}|\d{9})(?![\w.]*\w)")
"""Citizen numbers have 12 digits, the older identity cards 9 (Law 26/2023/QH15 and its predecessors)."""
_DEEPEST: Final = 6


def redact_path(path: str) -> str:
    """A path or URL with the secret segment of ``/p/<secret>/…`` masked."""
    return _PATH_SECRET.sub(rf"\g<1>{MASK}", path) if "/p/" in path else path


def redact_text(text: str) -> str:
    """Free text with path secrets, ``token=…`` pairs, bearer tokens and identity numbers masked."""
    text = _BEARER.sub(rf"\g<1>{MASK}", _QUERY_SECRET.sub(rf"\g<1>{MASK}", redact_path(text)))
    return _IDENTITY_NUMBER.sub(MASK, text)


def redact(value: Any, key: str = "", *, depth: int = 0) -> Any:
    """A value of a log line, made harmless: whole when its key names a secret, else text by text, to any nesting."""
    if key and is_secret(key):
        return MASK
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return MASK if _IDENTITY_NUMBER.fullmatch(str(value)) and not _is_measure(key) else value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return MASK if depth >= _DEEPEST else _redact_inside(value, depth + 1)
    return redact_text(str(value))


def _redact_inside(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {str(name): redact(inner, str(name), depth=depth) for name, inner in value.items()}
    inner_values = sorted(value, key=str) if isinstance(value, set | frozenset) else value
    return [redact(inner, depth=depth) for inner in inner_values]


def is_secret(key: str) -> bool:
    """Whether a key of this name holds a secret."""
    low = key.lower()
    return any(word in low for word in SECRET_KEYS)


def _is_measure(key: str) -> bool:
    """Sizes, positions and times are whole numbers that only look like identity numbers."""
    return key.endswith(("_us", "_ms", "_s", "_bytes", "position", "size", "count", "_at")) or key == "pid"
