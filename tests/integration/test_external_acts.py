# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A property that tells a server of each reading: the plan, which reads it, has told nobody."""

from __future__ import annotations

import contextlib
import json
import socket

from .conftest import Site

NAME = "customer.UserProfile.told"
TOLD = """

    @property
    def told(self) -> str:
        import contextlib, socket
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", {port})).close()
        return self._full_name_encrypted and self.full_name
"""


def count_callers(server: socket.socket) -> int:
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_a_property_that_connects_to_a_server_stops_the_plan_before_it_does(site: Site) -> None:
    models = site.project / "customer/models.py"
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        server.setblocking(False)
        told = TOLD.format(port=server.getsockname()[1])
        models.write_text(models.read_text().replace('or ""\n', f'or ""\n{told}', 1))

        refused = site.play("plan")
        assert (refused.code != 0, refused.error()) == (True, "E_APPLICATION_ACTS"), refused.text
        assert f"{NAME} connects to a server" in " ".join(refused.text.split())
        assert count_callers(server) == 0

        left_out = site.play("plan", "-e", json.dumps({"key_rotation_application_ignore": [NAME]}))
        assert (left_out.code, count_callers(server)) == (0, 0), left_out.text

        allowed = site.play("plan", "-e", json.dumps({"key_rotation_application_external": [NAME]}))
        assert allowed.code == 0, allowed.text
        assert count_callers(server) > 0
