"""What a reply means, whoever stands in between."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.opencps.replies import ROWS, understand
from contracts.delivery import Reply, Verdict


def verdict(status: int, body: object = b"") -> Verdict:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return understand(Reply(status=status, body=raw))[1].verdict


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"Status": 1, "Message": "Cập nhật thành công"}, "done"),
        (200, {"status": "200", "message": None}, "done"),
        (202, {"Status": 1, "Message": ""}, "done"),
        (200, {"Status": True}, "done"),
        (200, b'"Th\xc3\xa0nh c\xc3\xb4ng"', "done"),
        (200, "Đã tiếp nhận", "unknown"),
        (200, {"Status": 1, "Message": "Cập nhật không thành công"}, "unknown"),
        (200, {"Status": 0, "Message": "Cập nhật không thành công"}, "unknown"),
        (200, {"Status": 0, "Message": "Hồ sơ không tồn tại"}, "missing"),
        (200, {"Status": 0, "Message": "Hồ sơ đã tồn tại trên hệ thống"}, "exists"),
        (200, {"Status": 0, "Message": "Dữ liệu không hợp lệ: Phone"}, "permanent"),
        (200, {"Status": 0, "Message": "Thiếu trường DocTypeCode"}, "permanent"),
        (200, {"Status": 0, "Message": "Hệ thống đang bận"}, "retry"),
        (200, {"Status": 0, "Message": "Lỗi hệ thống"}, "unknown"),
        (200, {"Status": 0}, "unknown"),
        (200, {"message": "Token không hợp lệ"}, "retry"),
        (200, b"", "unknown"),
        (200, {}, "unknown"),
        (200, b"<html>Gateway</html>", "unknown"),
        (200, b"[1]", "unknown"),
        (401, {"fault": {"code": 900_901, "message": "Invalid Credentials"}}, "retry"),
        (403, b"", "retry"),
        (404, b"", "retry"),
        (409, b"", "exists"),
        (413, b"", "permanent"),
        (422, {"Status": 0, "errors": []}, "permanent"),
        (400, b"bad request", "permanent"),
        (418, b"", "permanent"),
        (429, b"", "retry"),
        (302, b"", "retry"),
        (500, {"Status": 1}, "unknown"),
        (502, b"", "unknown"),
        (503, b"", "retry"),
        (504, b"", "unknown"),
        (599, b"", "unknown"),
        (7, b"", "unknown"),
    ],
)
def test_a_reply_is_understood(status: int, body: object, expected: Verdict) -> None:
    assert verdict(status, body) == expected


def test_a_refused_token_asks_for_a_new_one_and_a_refused_record_does_not() -> None:
    assert understand(Reply(status=401))[0].renew
    assert understand(Reply(status=200, body=b'{"message": "token expired"}'))[0].renew
    assert not understand(Reply(status=422))[0].renew
    denied = Reply(status=200, body=b'{"Status": 1, "Message": "token"}')
    assert not understand(denied)[0].renew


def test_the_target_says_how_long_to_wait_and_only_within_reason() -> None:
    for value, wait in (("7", 7.0), ("999999", 3_600.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 5.0)):
        assert understand(Reply(status=503, headers=(("retry-after", value),)))[1].retry_after_s == wait


def test_every_row_of_the_table_can_be_reached_by_its_name() -> None:
    names = [row.id for row in ROWS]
    assert len(names) == len(set(names))
    assert ROWS[-1].id == "other"


@given(
    status=st.integers(-5, 999), body=st.one_of(st.binary(max_size=60), st.text(max_size=30).map(msgspec.json.encode))
)
def test_no_reply_raises_and_no_fault_of_the_server_is_success(status: int, body: bytes) -> None:
    found = understand(Reply(status=status, body=body))[1]
    assert found.phrase
    if not 200 <= status < 300:
        assert found.verdict != "done"
