"""One chain of logs for us and for libraries: structured, and harmless to read."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from monitoring.logs import configure, get_logger


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Standard error for this test; logging of the process is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("aiohttp", "aiohttp.access", "asyncio", "uvloop")}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_the_fixed_keys_first(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    get_logger("hub.deliver").info("batch sent", target="bo-mau", records=100)
    [line] = lines(stream)
    assert list(line)[:4] == ["timestamp", "level", "logger", "event"]
    assert (line["level"], line["logger"], line["event"]) == ("info", "hub.deliver", "batch sent")
    assert (line["target"], line["records"]) == ("bo-mau", 100)
    assert line["timestamp"].endswith("Z")


def test_vietnamese_stays_readable(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    get_logger("hub").info("đã tiếp nhận", agency="Sở Tư pháp tỉnh Mẫu")
    assert "Sở Tư pháp tỉnh Mẫu" in stream.getvalue()


def test_lines_below_the_level_are_dropped(stream: io.StringIO) -> None:
    configure("warning", "json", stream)
    log = get_logger("hub")
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_secrets_and_identity_numbers_are_masked_everywhere(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    get_logger("hub").warning(
        "POST /p/bi-mat/mapi/g by 001099000001",
        session="bi-mat",
        headers={"Authorization": "Bearer bi-mat", "nested": [{"password": "bi-mat"}]},
        citizen="001099000001",
        body=b"bi-mat",
    )
    text = stream.getvalue()
    assert "bi-mat" not in text
    assert "001099000001" not in text


def test_an_exception_is_told_without_the_identity_numbers_it_quotes(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    log = get_logger("hub")
    try:
        raise ValueError("can not read 001099000001 with token=bi-mat")
    except ValueError:
        log.exception("failed")
    [line] = lines(stream)
    assert "ValueError" in line["exception"]
    assert "001099000001" not in stream.getvalue()
    assert "bi-mat" not in stream.getvalue()


def test_loggers_of_libraries_go_through_the_same_chain(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    logging.getLogger("aiohttp.server").error("Error handling %s", "/p/bi-mat/x")
    [line] = lines(stream)
    assert (line["logger"], line["level"], line["event"]) == ("aiohttp.server", "error", "Error handling /p/***/x")


def test_access_lines_are_off(stream: io.StringIO) -> None:
    configure("debug", "json", stream)
    logging.getLogger("aiohttp.access").info("GET /v1/messages")
    assert stream.getvalue() == ""


def test_a_terminal_gets_readable_lines(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "isatty", lambda: True)
    configure("info", "auto", stream)
    get_logger("hub").info("started", port=8080)
    text = stream.getvalue()
    assert "started" in text
    assert not text.startswith("{")


def test_a_pipe_gets_json_without_asking(stream: io.StringIO) -> None:
    configure("info", "auto", stream)
    get_logger("hub").info("started")
    assert lines(stream)[0]["event"] == "started"


def test_a_value_json_does_not_know_is_told_all_the_same(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    get_logger("hub").info("odd", value=object(), number=float("inf"))
    assert "odd" in stream.getvalue()


def test_configuring_twice_does_not_double_lines(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    configure("info", "json", stream)
    get_logger("hub").info("once")
    assert len(lines(stream)) == 1
