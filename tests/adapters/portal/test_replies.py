"""What replies mean."""

import pytest

from adapters.portal.replies import ROWS, code_of, fold, understand
from contracts.delivery import Reply

EXISTS = "Hồ sơ đã tồn tại trên hệ thống"


def verdict(body: str | bytes, status: int = 200) -> str:
    raw = body if isinstance(body, bytes) else body.encode()
    return understand(Reply(status=status, body=raw)).outcome().verdict


@pytest.mark.parametrize("code", ['"0"', "0", '"00"', '" 0 "', "0.0"])
def test_success_is_a_zero_in_any_spelling(code: str) -> None:
    assert verdict(f'{{"error_code": {code}, "message": "Đồng bộ thành công"}}') == "done"
    assert verdict(f'{{"error_code": {code}, "message": null}}') == "done"


@pytest.mark.parametrize(
    "text", ["Cập nhật không thành công", "CẬP NHẬT KHÔNG THÀNH CÔNG", "Cập nhật chưa thành công", "Đồng bộ thất bại"]
)
def test_a_denial_is_never_success(text: str) -> None:
    assert verdict(text) == "unknown"
    assert verdict(f'"{text}"') == "unknown"
    assert verdict(f'{{"error_code": 0, "message": "{text}"}}') == "unknown"
    assert verdict(f'{{"message": "{text}"}}') == "unknown"
    assert verdict(f'{{"error_code": 99, "message": "{text}"}}') == "unknown"


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (f'{{"error_code": "-3", "message": "{EXISTS}"}}', "exists"),
        ('{"error_code": -3}', "exists"),
        (f'{{"error_code": 3, "message": "{EXISTS}"}}', "exists"),
        ('{"error_code": 3}', "unknown"),
        ('{"error_code": 1, "message": "Hồ sơ không tồn tại"}', "missing"),
        ('{"error_code": -3, "message": "Không tìm thấy hồ sơ"}', "missing"),
        ('{"error_code": 1, "message": "Thiếu MaTTHC"}', "permanent"),
        ('{"error_code": 4}', "permanent"),
        ('{"error_code": 6}', "retry"),
        ('{"error_code": 500, "message": "Hệ thống quá tải"}', "retry"),
        ('{"error_code": 99, "message": "Lỗi hệ thống"}', "unknown"),
        ('{"error_code": 99}', "unknown"),
        ('{"error_code": "abc"}', "unknown"),
        ('{"error_code": true}', "unknown"),
        ("Cập nhật tiến độ thành công", "done"),
        ("Chào bạn", "unknown"),
        ("", "unknown"),
        ("[]", "unknown"),
        ("5", "unknown"),
        ("<html><body>thành công</body>", "unknown"),
        ("<r><error_code>00</error_code><message>x</message></r>", "done"),
        ('{"error_code": "0", "mess', "unknown"),
        (b"\xff\xfe\x00", "unknown"),
    ],
)
def test_a_reply_is_classified_by_code_and_phrase(body: str | bytes, meant: str) -> None:
    assert verdict(body) == meant


@pytest.mark.parametrize(
    ("status", "meant"),
    [(401, "retry"), (403, "retry"), (404, "retry"), (408, "unknown"), (413, "permanent"), (429, "retry")],
)
def test_http_statuses_have_rows_of_their_own(status: int, meant: str) -> None:
    assert verdict('{"error_code": 0}', status) == meant


@pytest.mark.parametrize("status", [500, 502, 504, 599])
def test_a_fault_of_the_server_is_unknown_whatever_it_says(status: int) -> None:
    assert verdict('{"error_code": 0, "message": "thành công"}', status) == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        '{"error_code": 2}',
        '{"error_code": "2", "message": "Phiên làm việc đã hết hạn"}',
        '{"error_code": 99, "message": "Session expired"}',
        '{"error_code": 1, "message": "Vui lòng đăng nhập lại"}',
        "Phiên làm việc không hợp lệ",
    ],
)
def test_an_expired_session_is_told_apart(body: str) -> None:
    understood = understand(Reply(status=200, body=body.encode()))

    assert understood.row.relogin
    assert understood.outcome().verdict == "retry"


def test_the_portal_may_say_how_long_to_wait() -> None:
    def wait(value: str) -> float:
        return understand(Reply(status=503, headers=(("retry-after", value),))).outcome().retry_after_s

    assert (wait("7"), wait("999999"), wait("soon"), wait("")) == (7.0, 3600.0, 0.0, 0.0)


def test_texts_are_compared_without_marks_and_case() -> None:
    assert fold("  ĐÃ  tồn\ttại ") == "da ton tai"
    assert fold("Đa\u0303 to\u0302\u0300n ta\u0323i") == "da ton tai"


@pytest.mark.parametrize(
    ("value", "code"),
    [("0", "0"), ("-03", "-3"), (-3, "-3"), ("", "none"), (None, "none"), ("1.5", "none"), ("٣", "none")],
)
def test_codes_have_one_spelling(value: object, code: str) -> None:
    assert code_of(value) == code


def test_the_last_row_fits_everything_and_names_are_unique() -> None:
    assert (ROWS[-1].code, ROWS[-1].phrase, ROWS[-1].verdict) == ("*", "", "unknown")
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert all(row.phrase == fold(row.phrase) for row in ROWS)
