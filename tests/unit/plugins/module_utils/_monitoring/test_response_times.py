# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import ssl
import threading
import time

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import response_times
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.health import HealthCheck
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from .._services.test_health import HEAD, made_certificate


class Answers(http.server.BaseHTTPRequestHandler):
    status, seconds = 200, 0.0

    def do_GET(self):
        self.hosts.append(self.headers["Host"])
        self.tokens.append(self.headers["Authorization"])
        time.sleep(self.seconds)
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    """An address, and the class whose ``status`` and ``seconds`` say how it answers."""
    answers = type("Answers", (Answers,), {"hosts": [], "tokens": []})
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}/health/?token=CANARY", answers
    made.shutdown()
    made.server_close()


def test_the_median_of_the_tries_is_measured_and_no_secret_of_the_address_is_shown(server):
    url, answers = server
    answers.seconds = 0.02
    measured = response_times.of_url(HealthCheck(url), 3)
    assert 0.02 <= measured["seconds"] < 1
    assert (measured["tries"], measured["errors"]) == (3, 0)
    assert measured["what"].endswith("/health/")
    assert "CANARY" not in str(measured)


def test_an_answer_that_is_an_error_is_no_answer(server):
    url, answers = server
    answers.status = 503
    measured = response_times.of_url(HealthCheck(url), 10)
    assert (measured["seconds"], measured["errors"], measured["error"]) == (None, 3, "HTTP 503")


def test_the_host_is_sent_that_the_application_answers_to(server):
    url, answers = server
    response_times.of_url(HealthCheck(url, "shop.example.org"), 1)
    assert answers.hosts == ["shop.example.org"]


def test_the_headers_are_sent_and_not_shown(server):
    url, answers = server
    measured = response_times.of_url(
        HealthCheck(url, "shop.example.org", headers={"Authorization": "Bearer CANARY"}), 1
    )
    assert (answers.tokens, answers.hosts) == (["Bearer CANARY"], ["shop.example.org"])
    assert "CANARY" not in str(measured)


def test_a_header_that_http_cannot_carry_is_refused_and_not_shown():
    with expect_error("E_OPTION", option="health_headers", fault=Containing("number 1")) as refused:
        response_times.of_url(HealthCheck("http://127.0.0.1:9/", headers={"Authorization": "CANARY\n"}), 1)
    assert "CANARY" not in str(refused.value)


def test_an_answer_has_the_seconds_that_it_was_given(server):
    url, answers = server
    answers.seconds = 0.5
    measured = response_times.of_url(HealthCheck(url, answer_patience=0.05), 1)
    assert (measured["seconds"], measured["error"]) == (None, "TimeoutError")


def test_an_answer_that_does_not_end_does_not_count(dripping):
    measured = response_times.of_url(HealthCheck(dripping(HEAD + b"\r\n"), answer_patience=0.3), 1)
    assert (measured["seconds"], measured["error"]) == (None, "TimeoutError")


def test_a_server_is_trusted_by_the_certificates_in_the_file(tmp_path):
    certificate = made_certificate(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    made = http.server.HTTPServer(("127.0.0.1", 0), type("Secured", (Answers,), {"hosts": [], "tokens": []}))
    made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    url = f"https://127.0.0.1:{made.server_port}/"
    assert response_times.of_url(HealthCheck(url), 1)["error"] == "SSLCertVerificationError"
    assert response_times.of_url(HealthCheck(url, ca_file=str(certificate)), 1)["errors"] == 0
    made.shutdown()
    made.server_close()


def test_a_file_of_certificates_that_is_invalid_is_refused(tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    for name, told in (("ca.pem", "cannot read a certificate"), ("typo.pem", "there is no such file")):
        with pytest.raises(RotationError, match=rf"E_OPTION: key_rotation_health_ca_file is .*{told}"):
            response_times.of_url(HealthCheck("https://127.0.0.1:9/", ca_file=str(tmp_path / name)), 1)


def test_if_nobody_listens_it_is_not_tried_for_ever():
    measured = response_times.of_url(HealthCheck("http://127.0.0.1:9/"), 10)
    assert (measured["seconds"], measured["tries"], measured["error"]) == (None, 3, "ConnectionRefusedError")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1/health", "http://", "http://h:x/", "http://u:p@h/"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(RotationError, match="E_OPTION"):
        response_times.of_url(HealthCheck(url), 1)


def measure(what: str, seconds: float | None, errors: int = 0) -> dict[str, object]:
    return {"what": what, "seconds": seconds, "tries": 10, "errors": errors, "error": "HTTP 503" if errors else ""}


@pytest.mark.parametrize(
    ("what", "before", "now", "slow"),
    [
        ("http://h/", 0.100, 0.190, False),  # not twice
        ("http://h/", 0.100, 0.210, True),
        ("http://h/", 0.010, 0.050, False),  # many times, and nobody notices
        ("http://h/", 0.010, 0.070, True),
        (response_times.OPENING, 0.000_010, 0.000_100, False),
        (response_times.OPENING, 0.000_010, 0.000_200, True),
    ],
)
def test_slow_is_what_is_both_many_times_the_baseline_and_well_above_it(what, before, now, slow):
    _, problems = response_times.compare([measure(what, now)], {what: [before, "2026-01-01T00:00:00Z"]}, 2.0)
    assert [problem.code for problem in problems] == ["E_MONITOR_SLOW"] * slow


def test_without_a_baseline_nothing_is_slow():
    compared, problems = response_times.compare([measure("http://h/", 99.0)], {}, 2.0)
    assert (compared[0]["baseline"], compared[0]["ratio"], problems) == (None, None, [])


def test_tries_without_an_answer_are_reported():
    _, problems = response_times.compare([measure("http://h/", None, 3)], {}, 2.0)
    assert "http://h/: 3 of 10 requests failed (HTTP 503)" in str(problems[0])
