# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application as services that an operator stops and starts: a web server, and a worker that is connected."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Site

SERVICE = Path(__file__).with_name("service.py")
WORK = "import time; from django.db import connection; connection.ensure_connection(); time.sleep(600)"


class Served:
    """The application's web server and a worker, as an operator describes them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        python = str(site.project / ".venv/bin/python")
        manage = [python, str(site.project / "manage.py")]
        self.commands = {
            "web": [*manage, "runserver", "--noreload", f"127.0.0.1:{self.port}"],
            "worker": [*manage, "shell", "--verbosity=0", "--command", WORK],
        }
        (pk,) = site.sql("SELECT min(id) FROM customer_userprofile")[0]
        self.profile = f"http://127.0.0.1:{self.port}/profiles/{pk}/"

    def entries(self) -> list[dict[str, Any]]:
        return [
            {"name": name, **{verb: self.argv(verb, name) for verb in ("start", "stop", "status")}}
            for name in self.commands
        ]

    def argv(self, verb: str, name: str) -> list[str]:
        command = self.commands[name] if verb == "start" else []
        return [sys.executable, str(SERVICE), verb, str(self.site.folder / f"{name}.pid"), *command]

    def order(self, verb: str, *names: str) -> list[int]:
        return [subprocess.run(self.argv(verb, name), check=False).returncode for name in names or self.commands]

    def up(self) -> list[str]:
        return [name for name in self.commands if self.order("status", name) == [0]]

    def reads(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.profile, timeout=10) as answer:
            return json.load(answer)

    def wait(self) -> None:
        for _ in range(300):
            try:
                self.reads()
            except (urllib.error.URLError, ConnectionError):
                subprocess.run(["sleep", "0.1"], check=True)
            else:
                return
        pytest.fail("the web server does not answer")
