"""Packs the independent verifier as one file that needs only Python and ``cryptography``; the same bytes every time.

Run as ``python packaging/build_verifier.py [FILE]``; the default is ``dist/lienthong-verify.pyz``.
"""

import io
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "dist" / "lienthong-verify.pyz"
_DATE = (1980, 1, 1, 0, 0, 0)
_MAIN = b"import sys\n\nfrom ledger.verifier.__main__ import main\n\nsys.exit(main())\n"
_PACKAGE = b'"""Holds the verifier."""\n'


def packed(root: Path = ROOT) -> bytes:
    """The bytes of the one file."""
    files = {
        f"ledger/verifier/{path.name}": path.read_bytes() for path in sorted((root / "ledger/verifier").glob("*.py"))
    }
    files |= {"__main__.py": _MAIN, "ledger/__init__.py": _PACKAGE}
    target = io.BytesIO()
    target.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(target, "a") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _DATE)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, files[name], zipfile.ZIP_STORED)
    return target.getvalue()


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(packed())
    place.chmod(0o755)
