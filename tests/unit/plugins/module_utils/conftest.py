# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.pg_client import Tools

# In place of pg_dump: what it was given, instead of a database.
DUMPS = (
    'env; echo "$@"; [ -z "$PGPASSFILE" ] && exit 0;'
    ' cat "$PGPASSFILE"; stat -L -c "passfile mode %a, names %h" "$PGPASSFILE"'
)


@pytest.fixture
def tools(tmp_path: Path):
    """Programs in the place of PostgreSQL's."""

    def make(name: str = "bin", version: str = "17.6", dump: str = DUMPS, restore: str = "exit 0") -> Tools:
        folder = tmp_path / name
        folder.mkdir()
        asked = f'[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {version} (Debian)" && exit 0\n'
        for program, act in (("pg_dump", dump), ("pg_restore", restore)):
            (folder / program).write_text(f"#!/bin/sh\n{asked}{act}\n")
            (folder / program).chmod(0o755)
        return Tools(str(folder), tuple(map(int, version.split("."))))

    return make


@pytest.fixture
def dripping() -> Iterator[Callable[[bytes], str]]:
    """The address of a server that begins an answer like that, and then sends a byte every now and then for ever."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer(head: bytes) -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(head)
                while not ended.wait(0.05):
                    connection.sendall(b".")

        def begin(head: bytes) -> str:
            threading.Thread(target=answer, args=(head,), daemon=True).start()
            return f"http://127.0.0.1:{listening.getsockname()[1]}/"

        yield begin
        ended.set()
