# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application behind a real pgbouncer: noticed, refused, and rotated by a direct connection."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Site


@pytest.fixture(params=["transaction", pytest.param("session", marks=pytest.mark.thorough)])
def pooled(site: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The site reaches its database through pgbouncer alone."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).is_file():
        pytest.fail("apt-get install pgbouncer")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n{site.database} = host={site.host} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {request.param}\n"
        f"ignore_startup_parameters = extra_float_digits,options\nlogfile = {folder}/log\n"
    )
    folder.chmod(0o755)
    command = [program, str(config)]
    if os.geteuid() == 0:  # pgbouncer does not run as root; PostgreSQL's own user may use its socket
        owner = pwd.getpwuid(os.stat(site.host).st_uid).pw_name
        shutil.chown(folder, owner)
        command = ["runuser", "-u", owner, "--", *command]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    site.set_env("DB_HOST", "DB_HOST=127.0.0.1\n")
    site.env_file.write_text(site.env_file.read_text() + f"DB_PORT={port}\n")
    yield site
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder)


@pytest.mark.thorough
def test_a_pooler_is_refused_with_what_to_set_and_that_works(pooled: Site) -> None:
    before, tokens = pooled.read_all(), pooled.tokens()
    refused = pooled.play("rotate")
    assert refused.code != 0
    assert refused.error() == "E_DB_POOLER"
    assert "Set key_rotation_direct to {default: {host: ..., port: ...}}" in " ".join(refused.text.split())
    assert pooled.tokens() == tokens

    direct = json.dumps({"key_rotation_direct": {"default": {"host": pooled.host, "port": 5432}}})
    rotated = pooled.play("rotate", "-e", direct)
    assert rotated.code == 0, rotated.text
    assert pooled.read_all() == before
    assert pooled.tokens() != tokens
