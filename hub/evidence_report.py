"""The pages of a bundle that people read: timeline, report in two languages, and how to check it all by hand."""

import csv
import io
from collections.abc import Sequence
from typing import Final

import jinja2
import msgspec

from contracts.moment import rfc3339
from ledger.events import AnyEvent, FactRecorded, TransitionQuestioned
from ledger.port import Entry

_COLUMNS: Final = ("position", "recorded_at", "business_time", "type", "party", "message", "leaf_hash")
_ERASED: Final = "đã xoá / erased"
_REPORT: Final = """<!DOCTYPE html>
<html lang="vi">
<head><meta charset="utf-8"><title>Chứng cứ / Evidence {{ code }}</title>
<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;width:100%}
td,th{border:1px solid #999;padding:.3em;text-align:left;font-size:.85em;overflow-wrap:anywhere}</style></head>
<body>
<h1>Chứng cứ về hồ sơ {{ code }}</h1>
<p>Sổ {{ origin }}, {{ size }} mục, {{ events|length }} sự kiện của hồ sơ này.
Trang này chỉ để đọc: tính xác thực, đầy đủ và thứ tự chỉ do chương trình kiểm tra độc lập xác nhận,
với tệp tin cậy nhận từ nơi khác.</p>
<h1 lang="en">Evidence about dossier {{ code }}</h1>
<p lang="en">Log {{ origin }}, {{ size }} entries, {{ events|length }} events of this dossier.
This page is for reading only: whether all this is authentic, complete and in order
is for the independent verifier to say,
with a trust file from elsewhere.</p>
{% if aliases %}<p>Mã khác / Other codes: {{ aliases|join(", ") }}</p>{% endif %}
<table><thead><tr><th>Vị trí<br>Position</th><th>Ghi nhận<br>Recorded</th><th>Thời điểm nghiệp vụ<br>Business time</th>
<th>Loại<br>Type</th><th>Bên gửi<br>Party</th><th>Băm của lá<br>Leaf hash</th></tr></thead><tbody>
{% for row in events %}<tr><td>{{ row.position }}</td><td>{{ row.recorded_at }}</td><td>{{ row.business_time }}</td>
<td>{{ row.type }}</td><td>{{ row.party }}</td><td>{{ row.leaf_hash }}</td></tr>
{% endfor %}</tbody></table>
<h2>Mã chuyển đổi / Mappings</h2>
<table>{% for name, digest in mappings %}<tr><td>{{ name }}</td><td>{{ digest }}</td></tr>{% endfor %}</table>
</body></html>
"""
_HOWTO: Final = """# Kiểm tra bằng tay / Checking by hand
# Chạy trong thư mục đã giải nén: bash HOWTO.txt / Run in the folder the bundle was unpacked to: bash HOWTO.txt
# TRUST là tệp tin cậy của bạn, không phải bản trong gói / TRUST is your own trust file, not the copy in here.
set -eu
TRUST="${{TRUST:-trust.txt}}"

# 1. Chữ ký của điểm kiểm / The signature of the checkpoint (Ed25519, RFC 8032)
sed '/^$/,$d' checkpoint > checkpoint.text
vkey=$(grep '^log {origin}+' "$TRUST" | head -n 1 | cut -d ' ' -f 2 | sed 's/^[^+]*+[^+]*+//')
printf '\\x30\\x2a\\x30\\x05\\x06\\x03\\x2b\\x65\\x70\\x03\\x21\\x00' > log.der
printf '%s' "$vkey" | openssl base64 -d -A | tail -c 32 >> log.der
grep '^— {origin} ' checkpoint | head -n 1 | cut -d ' ' -f 3 | openssl base64 -d -A | tail -c 64 > checkpoint.sig
openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey log.der -in checkpoint.text -sigfile checkpoint.sig

# 2. Băm của mỗi lá như trong danh sách / The hash of every leaf is the one listed (RFC 6962: 00, then the leaf)
check() {{ test "$(cat | sha256sum | cut -d ' ' -f 1)" = "$1" && echo "OK $2"; }}
binary() {{ printf "$(sed 's/../\\\\x&/g' "$1")"; }}
{leaves}
# 3. Nội dung đúng là cái đã cam kết / The content is what was committed to
{bodies}"""


def _rows(entries: Sequence[Entry]) -> list[dict[str, object]]:
    return [
        {
            "position": entry.position,
            "recorded_at": rfc3339(entry.recorded_at),
            "business_time": _business_time(entry.event),
            "type": entry.topic,
            "party": _ERASED if entry.event is None else getattr(entry.event, "party", ""),
            "message": getattr(entry.event, "message", ""),
            "leaf_hash": entry.leaf_hash.hex(),
        }
        for entry in entries
    ]


def _business_time(event: AnyEvent | None) -> str:
    return rfc3339(event.at_us) if isinstance(event, FactRecorded | TransitionQuestioned) else ""


def timeline(entries: Sequence[Entry]) -> bytes:
    """``timeline.csv``: one line an event, by position."""
    target = io.StringIO()
    writer = csv.DictWriter(target, _COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows([{name: _plain(value) for name, value in row.items()} for row in _rows(entries)])
    return target.getvalue().encode()


def _plain(value: object) -> object:
    """Texts of strangers are no formulas of a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t"} else value


class Heading(msgspec.Struct, frozen=True):
    """What a report is about: the dossier's codes, the log and its size, name and hash of every mapping in use."""

    code: str
    aliases: tuple[str, ...]
    origin: str
    size: int
    mappings: tuple[tuple[str, str], ...]


def report(heading: Heading, entries: Sequence[Entry]) -> bytes:
    """``report.html``, Vietnamese and English."""
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_REPORT)
    return page.render(**msgspec.to_builtins(heading), events=_rows(entries)).encode()


def howto(origin: str, leaves: dict[str, str], bodies: dict[str, str]) -> bytes:
    """``HOWTO.txt``, which a shell can run: ``leaves`` by path to their hash, ``bodies`` to their commitment (hex)."""
    listed = "".join(
        f"{{ printf '\\0'; cat {path}; }} | check {digest} {path}\n" for path, digest in sorted(leaves.items())
    )
    opened = "".join(
        f"{{ printf 'hub/pc/v1\\0body\\0'; binary {path}.salt; openssl dgst -sha256 -binary {path}.json; }}"
        f" | check {commitment} {path}.json\n"
        for path, commitment in sorted(bodies.items())
    )
    return _HOWTO.format(origin=origin, leaves=listed, bodies=opened).encode()
