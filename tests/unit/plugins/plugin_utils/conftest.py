# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record


@pytest.fixture(scope="session")
def log_socket() -> Iterator[str]:
    """The path of a syslog that takes every line, whatever machine this is."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(f"{folder}/log")
        reader = threading.Thread(target=lambda: all(iter(lambda: log.recv(1000), b"")), daemon=True)
        reader.start()
        yield f"{folder}/log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", f"{folder}/log")
        reader.join()


@pytest.fixture(autouse=True)
def syslog(log_socket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{Record.__module__}.SYSLOG", log_socket)
