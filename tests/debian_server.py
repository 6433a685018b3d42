# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL as Debian packages it: with the extensions that the embedded server lacks, run by its own user."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def debian_server(extension: str) -> Iterator[str]:
    """The socket folder of a new server that has ``extension``; stopped and removed at the end."""
    if not PROGRAMS or not list(Path("/usr/share/postgresql").glob(f"*/extension/{extension}.control")):
        pytest.fail(f"apt-get install postgresql: the embedded server has no {extension}")
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o755)

    def run(program: str, *args: str) -> None:
        command = ["runuser", "-u", "postgres", "--", str(PROGRAMS[-1] / program), "-D", str(folder / "data"), *args]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
    options = f"-k {folder} -c listen_addresses="
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield str(folder)
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)
