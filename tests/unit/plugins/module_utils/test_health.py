# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils import health
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError


class Handler(BaseHTTPRequestHandler):
    answers: list[int] = []  # noqa: RUF012  # the statuses to come; the last one stays
    hosts: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.send_response(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(health, "POLL", 0.01)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    yield f"http://127.0.0.1:{server.server_port}/health/"
    server.shutdown()
    server.server_close()


def test_the_first_good_answer_ends_the_wait(url):
    Handler.answers = [500, 503, 204]
    found = health.wait(url, "food.example.org", 10)
    assert found["status"] == 204
    assert 0 <= found["seconds"] < 5
    assert Handler.hosts[-1] == "food.example.org"


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_any_other_status_is_no_health(url, status):
    Handler.answers = [status]
    with pytest.raises(RotationError, match=rf"E_HEALTH: {url} does not answer .*: status {status}\."):
        health.wait(f"{url}?token=CANARY", None, 0.05)


def test_nobody_there_is_no_health():
    with pytest.raises(RotationError, match=r"E_HEALTH: .*no answer \(ConnectionRefusedError\)"):
        health.wait("http://127.0.0.1:9/", None, 0)


@pytest.mark.parametrize("url", ["127.0.0.1:8000/", "file:///etc/passwd", "http://ada:CANARY@127.0.0.1/", "http:///x"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(RotationError, match="E_OPTION") as refused:
        health.wait(url, None, 0)
    assert "CANARY" not in str(refused.value)
