# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import threading
import time

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils.monitoring import response


class Answers(http.server.BaseHTTPRequestHandler):
    status, seconds = 200, 0.0

    def do_GET(self):
        self.hosts.append(self.headers["Host"])
        time.sleep(self.seconds)
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    """An address, and the class whose ``status`` and ``seconds`` say how it answers."""
    answers = type("Answers", (Answers,), {"hosts": []})
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}/health/?token=CANARY", answers
    made.shutdown()
    made.server_close()


def test_the_median_of_the_tries_is_measured_and_no_secret_of_the_address_is_shown(server):
    url, answers = server
    answers.seconds = 0.02
    measured = response.of_url(url, None, 3)
    assert 0.02 <= measured["seconds"] < 1
    assert (measured["tries"], measured["errors"]) == (3, 0)
    assert measured["what"].endswith("/health/")
    assert "CANARY" not in str(measured)


def test_an_answer_that_is_an_error_is_no_answer(server):
    url, answers = server
    answers.status = 503
    measured = response.of_url(url, None, 10)
    assert (measured["seconds"], measured["errors"], measured["error"]) == (None, 3, "HTTP 503")


def test_the_host_is_sent_that_the_application_answers_to(server):
    url, answers = server
    response.of_url(url, "shop.example.org", 1)
    assert answers.hosts == ["shop.example.org"]


def test_where_nobody_listens_it_is_not_tried_for_ever():
    measured = response.of_url("http://127.0.0.1:9/", None, 10)
    assert (measured["seconds"], measured["tries"], measured["error"]) == (None, 3, "ConnectionRefusedError")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1/health", "http://", "http://h:x/", "http://u:p@h/"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(RotationError, match="E_OPTION"):
        response.of_url(url, None, 1)


def measure(what: str, seconds: float | None, errors: int = 0) -> dict[str, object]:
    return {"what": what, "seconds": seconds, "tries": 10, "errors": errors, "error": "HTTP 503" if errors else ""}


@pytest.mark.parametrize(
    ("what", "before", "now", "slow"),
    [
        ("http://h/", 0.100, 0.190, False),  # not twice
        ("http://h/", 0.100, 0.210, True),
        ("http://h/", 0.010, 0.050, False),  # many times, and nobody notices
        ("http://h/", 0.010, 0.070, True),
        (response.OPENING, 0.000_010, 0.000_100, False),
        (response.OPENING, 0.000_010, 0.000_200, True),
    ],
)
def test_slow_is_what_is_both_many_times_the_baseline_and_well_above_it(what, before, now, slow):
    _, problems = response.compare([measure(what, now)], {what: [before, "2026-01-01T00:00:00Z"]}, 2.0)
    assert [problem.code for problem in problems] == ["E_MONITOR_SLOW"] * slow


def test_without_a_baseline_nothing_is_slow():
    compared, problems = response.compare([measure("http://h/", 99.0)], {}, 2.0)
    assert (compared[0]["baseline"], compared[0]["ratio"], problems) == (None, None, [])


def test_tries_without_an_answer_are_told():
    _, problems = response.compare([measure("http://h/", None, 3)], {}, 2.0)
    assert "http://h/: 3 of 10 tries had no good answer (HTTP 503)" in str(problems[0])
