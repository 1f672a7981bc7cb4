"""The ways something can fail, and nothing else. An error says whose move it is.

``code`` is stable, dotted, from the closed list ``CODES``: it is the metric label, the wire answer and what
tests assert. The texts are for people and may change. No Vietnamese text of a refusal contains the phrase
"thành công": real senders take "không thành công" for success (domain.md §11).
"""

from typing import Final, NamedTuple

import msgspec


class Text(NamedTuple):
    """One code in both languages; ``{…}`` are filled from the error's ``values``."""

    vi: str
    en: str


CODES: Final[dict[str, Text]] = {
    # transport and intake: the sender changes something
    "transport.unauthenticated": Text("Thiếu hoặc sai thông tin xác thực.", "Credentials are missing or wrong."),
    "transport.session_expired": Text(
        "Phiên làm việc không tồn tại hoặc đã hết hạn; hãy đăng nhập lại.",
        "The session is unknown or expired; log in again.",
    ),
    "transport.forbidden": Text("Tài khoản không có quyền làm việc này.", "These credentials may not do this."),
    "transport.too_large": Text("Gói tin lớn hơn giới hạn {limit} byte.", "The body is larger than {limit} bytes."),
    "transport.incomplete": Text(
        "Gói tin không tới đủ hoặc tới quá chậm.", "The body did not arrive whole or in time."
    ),
    "transport.not_found": Text("Không có địa chỉ này.", "There is nothing at this address."),
    "transport.method": Text("Phương thức không được hỗ trợ.", "This method is not supported."),
    "intake.empty": Text("Gói tin rỗng.", "The body is empty."),
    "intake.type_unknown": Text(
        "Không nhận ra loại gói tin; hãy nêu ?type=<chuẩn>/<tên>.",
        "The message type is not recognised; give ?type=<standard>/<name>.",
    ),
    "intake.idempotency_key_missing": Text(
        "Định dạng này không có mã gói tin; cần tiêu đề Idempotency-Key.",
        "This format carries no id; the header Idempotency-Key is required.",
    ),
    "intake.conflict": Text(
        "Mã gói tin này đã được dùng cho nội dung khác; cả hai đều được lưu.",
        "This message id was used for other content; both are kept.",
    ),
    "intake.erased": Text(
        "Gói tin có mã này đã được tiếp nhận và nội dung đã bị xoá; nội dung mới phải mang mã mới.",
        "A message with this id was accepted and its content erased since; send new content under a new id.",
    ),
    "intake.agency_forbidden": Text(
        "Mã đơn vị {agency} không thuộc quyền của tài khoản.", "Agency {agency} is outside these credentials."
    ),
    "intake.party_disabled": Text("Hệ thống này đã bị tạm khoá.", "This party is disabled."),
    "intake.possible_replay": Text(
        "Bản ghi giống một trạng thái cũ; có thể là gửi lại muộn.",
        "The record equals an older state; it may be a late retry.",
    ),
    "intake.unknown_dossier": Text(
        "Hồ sơ chưa từng được gửi tới; vẫn tiếp nhận.", "The dossier was never seen before; accepted all the same."
    ),
    "intake.exists": Text(
        "Hồ sơ đã tồn tại; hãy gửi ở chế độ cập nhật.", "The dossier already exists; send it as an update."
    ),
    # reading: syntax and contract
    "read.not_json": Text("Không phải JSON hợp lệ: {detail}", "Not valid JSON: {detail}"),
    "read.not_xml": Text("Không phải XML hợp lệ: {detail}", "Not well-formed XML: {detail}"),
    "read.encoding": Text("Gói tin phải là UTF-8.", "The body must be UTF-8."),
    "read.bom": Text("Bỏ dấu BOM ở đầu gói tin.", "Remove the byte order mark at the start."),
    "read.nul": Text("Có ký tự NUL trong giá trị.", "A value contains a NUL character."),
    "read.surrogate": Text("Có ký tự Unicode không ghép cặp.", "A value contains a lone surrogate."),
    "read.duplicate_key": Text("Khoá {name} xuất hiện hai lần.", "Key {name} occurs twice."),
    "read.too_deep": Text("Lồng sâu quá {limit} mức.", "Nested deeper than {limit} levels."),
    "read.too_many_elements": Text("Quá nhiều phần tử (tối đa {limit}).", "Too many elements (at most {limit})."),
    "read.dtd": Text("Không chấp nhận DOCTYPE hay thực thể.", "DOCTYPE and entities are not accepted."),
    "read.record_count": Text("Số bản ghi phải từ 1 đến {limit}.", "There must be 1 to {limit} records."),
    "read.envelope": Text("Phong bì gói tin không đúng: {detail}", "The envelope is wrong: {detail}"),
    "read.missing": Text("Thiếu trường bắt buộc {name}.", "Required field {name} is missing."),
    "read.type": Text("Trường {name} sai kiểu dữ liệu.", "Field {name} has the wrong type."),
    "read.pattern": Text("Trường {name} sai định dạng.", "Field {name} has the wrong format."),
    "read.enumeration": Text("Trường {name} có giá trị ngoài danh mục.", "Field {name} is outside its code list."),
    "read.length": Text("Trường {name} sai độ dài.", "Field {name} has the wrong length."),
    "read.range": Text("Trường {name} ngoài khoảng cho phép.", "Field {name} is out of range."),
    "read.structure": Text("Cấu trúc sai tại {name}.", "The structure is wrong at {name}."),
    "read.date": Text("Trường {name} không phải ngày giờ hợp lệ.", "Field {name} is not a valid date and time."),
    "read.dossier_code": Text("Mã hồ sơ không đúng dạng nào đã biết.", "The dossier code has no known form."),
    # accepted with a warning
    "warn.unknown_field": Text(
        "Trường không có trong chuẩn, đã lưu nguyên văn.", "Field outside the standard, kept as it is."
    ),
    "warn.number_for_string": Text("Giá trị số ở nơi chuẩn yêu cầu chuỗi.", "A number where the standard says string."),
    "warn.string_for_number": Text("Chuỗi ở nơi chuẩn yêu cầu số.", "A string where the standard says number."),
    "warn.not_nfc": Text("Chữ không ở dạng Unicode dựng sẵn (NFC).", "Text is not in Unicode NFC."),
    "warn.fake_citizen_number": Text(
        "Số định danh giả (dãy số mặc định).", "A made-up identity number (default digits)."
    ),
    "warn.random_dossier_code": Text(
        "Mã hồ sơ không theo quy tắc, có thể do sinh ngẫu nhiên.", "The dossier code may be random."
    ),
    "warn.rewritten_status": Text("Trạng thái có dấu hiệu bị viết lại thành 9.", "The status looks rewritten to 9."),
    "warn.first_attachment_as_result": Text(
        "Tệp nộp đầu tiên được gửi làm kết quả.", "The first attachment handed in is sent as the result."
    ),
    "warn.invented_step": Text("Dòng tiến độ có dấu hiệu được tạo thêm.", "The progress row looks invented."),
    "warn.twelve_hour_clock": Text("Giờ có thể theo đồng hồ 12 giờ.", "The time may be on a 12-hour clock."),
    "warn.literal_z": Text("Chữ Z được hiểu là giờ địa phương theo cấu hình.", "The literal Z is read as local time."),
    "warn.truncated_text": Text("Văn bản có dấu hiệu bị cắt.", "The text looks cut off."),
    "warn.placeholder_text": Text("Văn bản có dấu hiệu được điền thay.", "The text looks like a placeholder."),
    "warn.hard_coded": Text("Giá trị có dấu hiệu gán cứng.", "The value looks hard-coded."),
    "warn.procedure_suffix": Text(
        "Mã thủ tục kèm hậu tố đơn vị, đã bỏ khi so sánh.", "The procedure code carries an agency suffix."
    ),
    "warn.phone_in_fax": Text("Số điện thoại nằm ở trường fax.", "The phone number stands in the fax field."),
    "warn.identity_as_account": Text(
        "Số giấy tờ nằm ở trường tài khoản.", "An identity number stands in the account field."
    ),
    "warn.agency_retired": Text(
        "Mã đơn vị đã hết hiệu lực; dùng mã kế thừa.", "The agency code is retired; its successor is used."
    ),
    "warn.date_form": Text("Ngày giờ viết khác dạng chuẩn.", "The date is not in the standard's form."),
    # losses an adapter declares
    "loss.not_carried": Text(
        "Định dạng đích không có chỗ cho trường này.", "The target's format has no place for this field."
    ),
    "loss.state_folded": Text(
        "Định dạng này gộp nhiều trạng thái làm một.", "This format folds several states into one."
    ),
    # parked: the hub's move
    "park.status_unmapped": Text("Chưa có ánh xạ cho trạng thái này.", "No mapping for this status."),
    "park.code_unmapped": Text("Chưa có ánh xạ cho mã này.", "No mapping for this code."),
    "park.agency_unmapped": Text("Đơn vị chưa có trong danh mục.", "The agency is not in the table."),
    "park.missing_for_target": Text(
        "Thiếu dữ liệu mà nơi nhận bắt buộc: {name}.", "The target requires data we do not have: {name}."
    ),
    "park.target_refused": Text("Nơi nhận từ chối vĩnh viễn.", "The target refused for good."),
    "park.target_missing": Text(
        "Nơi nhận chưa có hồ sơ và ta không có bản ghi.", "The target lacks the dossier and we hold no record."
    ),
    "sync.disputed": Text("Nơi nhận liên tục khẳng định giá trị khác.", "The target keeps insisting on another value."),
    "sync.erased": Text("Hồ sơ đã bị xoá; không gửi nữa.", "The dossier was erased; nothing more is sent."),
    "sync.retries_exhausted": Text("Đã thử lại đủ số lần cho phép.", "All permitted retries are used up."),
    # decisions
    "decide.illegal_transition": Text("Bước chuyển trạng thái không hợp lệ.", "The transition is not legal."),
    "decide.not_authoritative": Text(
        "Bên gửi không có thẩm quyền với dữ kiện này.", "The sender does not own this fact."
    ),
    # the target's move
    "target.unavailable": Text("Nơi nhận tạm thời không phản hồi.", "The target does not answer."),
    "target.busy": Text("Nơi nhận đang bận.", "The target is busy."),
    "target.unknown": Text("Chưa rõ nơi nhận đã xử lý hay chưa.", "The outcome at the target is not known."),
    # the hub's move
    "hub.overloaded": Text("Hệ thống đang bận; hãy gửi lại sau.", "The hub is busy; send again later."),
    "hub.quota": Text("Vượt hạn mức gửi; hãy gửi lại sau.", "The quota is used up; send again later."),
    "hub.draining": Text("Hệ thống đang dừng; hãy gửi lại sau.", "The hub is shutting down; send again later."),
    "hub.internal": Text("Lỗi bên trong hệ thống liên thông.", "An internal fault of the hub."),
    "ledger.unavailable": Text(
        "Nhật ký không ghi được; hệ thống dừng.", "The ledger can not be written; the hub stops."
    ),
    "ledger.corrupt": Text("Nhật ký không còn khớp với chữ ký.", "The ledger no longer matches its signature."),
    "ledger.locked": Text("Một tiến trình khác đang giữ nhật ký.", "Another process holds the ledger."),
    "ledger.fenced": Text(
        "Tiến trình khác đã tiếp quản nhật ký; tiến trình này dừng.",
        "Another process took the ledger over; this one stops.",
    ),
    "ledger.rollback": Text("Nhật ký cũ hơn điểm đã công bố.", "The ledger is older than what was published."),
    "ledger.other_origin": Text("Nhật ký thuộc nguồn khác.", "The ledger belongs to another origin."),
    "ledger.clock_stepped": Text("Đồng hồ hệ thống nhảy bất thường.", "The system clock stepped."),
    "testimony.invalid": Text(
        "Lời chứng từ bên ngoài không có giá trị: {detail}", "The testimony from outside does not hold: {detail}"
    ),
    "testimony.stale": Text(
        "Tạm ngừng tiếp nhận: đã quá lâu chưa có bên ngoài chứng nhận nhật ký; hãy gửi lại sau.",
        "Intake is closed: nobody outside has vouched for the log for too long; send again later.",
    ),
    "vault.key_missing": Text("Thiếu khoá dữ liệu mà nhật ký cần.", "A data key named in the ledger is missing."),
    "vault.erased": Text("Nội dung đã được xoá theo yêu cầu.", "The content was erased."),
    # the operator's move, at start only
    "config.unknown_key": Text(
        "Khoá cấu hình không có: {name}. Có phải {nearest}?", "Unknown key {name}. Did you mean {nearest}?"
    ),
    "config.invalid": Text("Cấu hình sai tại {name}: {detail}", "Setting {name} is wrong: {detail}"),
    "config.missing": Text("Thiếu cấu hình {name}.", "Setting {name} is missing."),
    # queries
    "query.not_found": Text("Không tìm thấy.", "Not found."),
    "query.invalid": Text("Tham số {name} không hợp lệ.", "Parameter {name} is not valid."),
    "cursor.other_origin": Text("Con trỏ thuộc nhật ký khác.", "The cursor belongs to another log."),
}


class FieldError(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One thing the sender must mend: where (JSON Pointer or XPath, with the line), which rule, both languages."""

    path: str
    code: str
    vi: str
    en: str
    line: int = 0


def field_error(code: str, path: str = "", line: int = 0, **values: object) -> FieldError:
    """Build a ``FieldError`` with its texts filled in; an unlisted ``code`` is a mistake of ours (KeyError)."""
    text = CODES[code]
    return FieldError(path=path, code=code, vi=_fill(text.vi, values), en=_fill(text.en, values), line=line)


def _fill(text: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text


class HubError(Exception):
    """Base of every error that crosses a package border."""

    def __init__(self, code: str, detail: str = "", **values: object) -> None:
        text = CODES[code]
        self.code = code
        self.detail = detail
        filled = {"detail": detail, **values}
        self.vi = _fill(text.vi, filled)
        self.en = _fill(text.en, filled)
        super().__init__(f"{code}: {detail or self.en}")


class MessageRefused(HubError):
    """The sender must change something; the same bytes would fail again. ``errors`` lists every fault found."""

    def __init__(self, code: str, detail: str = "", *, errors: tuple[FieldError, ...] = (), **values: object) -> None:
        super().__init__(code, detail, **values)
        self.errors = errors or (FieldError(path="", code=code, vi=self.vi, en=self.en),)


class TargetUnavailable(HubError):
    """The target's move: try again after ``retry_after_s``."""

    def __init__(self, code: str = "target.unavailable", detail: str = "", *, retry_after_s: float = 1.0) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class Overloaded(HubError):
    """The hub's move: the sender waits ``retry_after_s`` and sends the same again. Nothing was kept."""

    def __init__(self, code: str = "hub.overloaded", detail: str = "", *, retry_after_s: float = 1.0) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class IntegrityViolation(HubError):
    """The hub stops and calls a human."""


class Misconfigured(HubError):
    """The operator's move, at start only."""
