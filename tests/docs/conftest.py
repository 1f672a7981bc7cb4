"""A demo that stays up while the pages are read."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.docs.pages import Demo, environment


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """What ``make demo`` leaves running, with little traffic, on free ports."""
    folder = tmp_path_factory.mktemp("reader")
    options = ["--seconds", "5", "--dossiers", "8", "--port", "0", "--ops-port", "0"]
    with subprocess.Popen(
        ["lienthong", "demo", *options], cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        lines = process.stderr or iter(())
        said = []
        for line in lines:
            said.append(line)
            if line.startswith("Stop:"):
                break
        else:
            pytest.fail("the demo ended: " + "".join(said))
        rest = threading.Thread(target=lambda: list(lines))
        rest.start()
        addresses = msgspec.json.decode((folder / ".lienthong/demo/endpoints.json").read_bytes(), type=dict[str, str])
        yield Demo(Path(folder), addresses["base_url"], addresses["ops_url"])
        process.terminate()
        process.wait(30)
        rest.join()
