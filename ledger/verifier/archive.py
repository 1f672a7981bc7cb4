"""Opening the file of a bundle: a zip that came from a stranger."""

import hashlib
import io
import json
import re
import zipfile
import zlib

from ledger.verifier.note import Untrusted

MIMETYPE = "application/vnd.etsi.asic-e+zip"
MANIFEST = "META-INF/manifest.json"
FORMAT = "lienthong-evidence/1"
_MOST_FILES = 100_000
_MOST_BYTES = 512 * 1024 * 1024
_NAME = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+(?:\.[a-z]+)?", re.ASCII)
_ENCRYPTED = 1
_ROLES = (
    (r"checkpoint", "checkpoint"),
    (r"trust\.txt", "reading"),
    (r"dossier\.json", "dossier"),
    (r"adapters\.json", "reading"),
    (r"timeline\.csv|report\.html|report\.pdf|HOWTO\.txt", "reading"),
    (r"(?:events|messages|governance|outcomes)/[1-9][0-9]*\.(?:leaf|json|salt|proof|item)", "log"),
    (r"parts/[1-9][0-9]*/(?:0|[1-9][0-9]*)(?:\.salt)?|parts/[1-9][0-9]*/commitments", "part"),
    (r"heads/[0-9a-f]{32}\.json|heads/consistency\.json", "heads"),
    (r"anchors/[0-9a-f]{64}\.(?:tsr|cosig|checkpoint|json)", "anchor"),
)


def role_of(path: str) -> str:
    """What a file of a bundle is for, "" where this format has no such file."""
    return next((role for shape, role in _ROLES if re.fullmatch(shape, path)), "")


def read_archive(content: bytes) -> dict[str, bytes]:
    """All files of a bundle by path.

    Raises:
        Untrusted: BUNDLE_FORMAT for what is no zip of this form, whatever a hostile one may hold.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _judge(members)
            found = {}
            left = _MOST_BYTES
            for member in members:
                with archive.open(member) as file:
                    found[member.filename] = file.read(left + 1)
                left -= len(found[member.filename])
                if left < 0:
                    raise Untrusted(f"more than {_MOST_BYTES} bytes", "BUNDLE_FORMAT")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Untrusted(f"not a zip file: {error}", "BUNDLE_FORMAT") from error
    if found["mimetype"] != MIMETYPE.encode():
        raise Untrusted("not a bundle of evidence", "BUNDLE_FORMAT")
    return found


def _judge(members: list[zipfile.ZipInfo]) -> None:
    if not members or members[0].filename != "mimetype" or members[0].compress_type != zipfile.ZIP_STORED:
        raise Untrusted("the first entry is not a stored mimetype", "BUNDLE_FORMAT")
    if len(members) > _MOST_FILES or sum(member.file_size for member in members) > _MOST_BYTES:
        raise Untrusted("too many files or bytes", "BUNDLE_FORMAT")
    names = [member.filename for member in members]
    if len({name.casefold() for name in names}) != len(names):
        raise Untrusted("a name occurs twice", "BUNDLE_FORMAT")
    for member in members:
        if not _NAME.fullmatch(member.filename) or member.orig_filename != member.filename:
            raise Untrusted(f"not a name of a file here: {member.filename[:80]!r}", "BUNDLE_FORMAT")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} or member.flag_bits & _ENCRYPTED:
            raise Untrusted(f"{member.filename} is packed in another way", "BUNDLE_FORMAT")


def judge_manifest(files: dict[str, bytes]) -> list[tuple[str, str]]:
    """(path, what is wrong) of every file that is not what the manifest lists, and of the manifest itself."""
    try:
        text = files[MANIFEST].decode()
        listed = json.loads(text)
        again = json.dumps(listed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        rows = {row["path"]: (row["sha256"], row["role"]) for row in listed["files"]}
        if again != text or listed.keys() != {"files", "format"} or len(rows) != len(listed["files"]):
            return [(MANIFEST, "it is not in its one form")]
        if any(row.keys() != {"path", "sha256", "role"} for row in listed["files"]):
            return [(MANIFEST, "it is not in its one form")]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return [(MANIFEST, f"it can not be read: {error}")]
    if listed["format"] != FORMAT:
        return [(MANIFEST, f"{listed['format']!r} is another format")]
    found = []
    for path in sorted({*rows, *files} - {"mimetype", MANIFEST}):
        if path not in rows or path not in files:
            found.append((path, "listed and not there" if path in rows else "there and not listed"))
        elif rows[path] != (hashlib.sha256(files[path]).hexdigest(), role_of(path)) or not role_of(path):
            found.append((path, "not what the manifest lists"))
    return found
