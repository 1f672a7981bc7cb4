import os
from pathlib import Path

import pytest

from tests.ledger import made


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_databases_of_a_log_are_readable_by_their_owner_alone_whatever_the_umask(
    tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        ledger = made.opened(tmp_path)
        modes = {path.name: path.stat().st_mode & 0o777 for path in sorted(tmp_path.glob("*.db*"))}
        ledger.close()
    finally:
        os.umask(before)
    assert {"ledger.db", "keys.db", "ledger.db-wal", "keys.db-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}
