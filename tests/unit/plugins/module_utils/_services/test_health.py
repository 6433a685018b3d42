# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.options import InvalidOption
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.services import HealthCheckFailed
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import health
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Handler(BaseHTTPRequestHandler):
    answers: list[int] = []  # noqa: RUF012  # the statuses to come; the last one stays
    hosts: list[str] = []  # noqa: RUF012
    tokens: list[str | None] = []  # noqa: RUF012
    paths: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.tokens.append(self.headers["Authorization"])
        self.paths.append(self.path)
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
    found = health.wait(health.HealthCheck(url, "food.example.org"), 10)
    assert found.status == 204
    assert 0 <= found.seconds < 5
    assert Handler.hosts[-1] == "food.example.org"


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_any_other_status_is_no_health(url, status):
    Handler.answers = [status]
    with pytest.raises(HealthCheckFailed) as refused:
        health.wait(health.HealthCheck(f"{url}?token=CANARY"), 0.05)
    assert (refused.value.where["url"], refused.value.where["reason"]) == (url, f"status {status}")
    assert "CANARY" not in str(refused.value)


def test_nobody_there_is_no_health():
    with pytest.raises(HealthCheckFailed) as refused:
        health.wait(health.HealthCheck("http://127.0.0.1:9/"), 0)
    assert "(ConnectionRefusedError)" in refused.value.where["reason"]


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8000/", "file:///etc/passwd", "http://ada:CANARY@127.0.0.1/", "http:///x", "http://[::1/"),
        *("http://..org/", "http://127.0.0.1:x/", "http://127.0.0.1/a b", "http://127.0.0.1/\nX"),
    ],
)
def test_an_address_that_is_invalid_is_refused(url):
    with pytest.raises(RotationError, match="E_OPTION") as refused:
        health.wait(health.HealthCheck(url), 0)
    assert "CANARY" not in str(refused.value)


def test_a_path_in_another_script_is_sent_as_http_carries_it(url):
    Handler.answers = [200]
    health.wait(health.HealthCheck(f"{url}prüfung%2F/?wer=café"), 0)
    assert Handler.paths[-1] == "/health/pr%C3%BCfung%2F/?wer=caf%C3%A9"
    assert health.fit_url("https://münchen.example:8443/") == "https://xn--mnchen-3ya.example:8443/"


@pytest.mark.parametrize("host", ["food.example.org\nX: CANARY", "münchen.example", "a b"])
def test_a_host_that_cannot_be_sent_is_refused(url, host):
    with pytest.raises(InvalidOption) as refused:
        health.wait(health.HealthCheck(url, host), 0)
    assert refused.value.where["option"] == "health_host"
    assert "CANARY" not in str(refused.value)


def test_headers_are_sent_and_the_host_is_the_one_that_has_an_option_of_its_own(url):
    Handler.answers = [200]
    health.wait(
        health.HealthCheck(
            url, "food.example.org", headers={"Authorization": "Bearer CANARY", "Host": "other", "X-Try": 1}
        ),
        10,
    )
    assert (Handler.tokens[-1], Handler.hosts[-1]) == ("Bearer CANARY", "food.example.org")


def test_no_header_is_in_an_error(url):
    Handler.answers = [403]
    with pytest.raises(RotationError, match="E_HEALTH") as refused:
        health.wait(health.HealthCheck(url, headers={"Authorization": "CANARY"}), 0)
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize("headers", [{"Authorization": "CANARY\r\nX: y"}, {"CANARY: x": "y"}, {"X": "\u20ac CANARY"}])
def test_a_header_that_cannot_be_sent_is_reported_by_its_place(url, headers):
    with pytest.raises(InvalidOption) as refused:
        health.wait(health.HealthCheck(url, headers={"Accept": "*/*", **headers}), 0)
    assert (refused.value.where["option"], "number 2" in refused.value.where["fault"]) == ("health_headers", True)
    assert "CANARY" not in str(refused.value)


def test_certificates_that_are_not_there_are_reported_at_once(url, tmp_path):
    with pytest.raises(InvalidOption) as refused:
        health.wait(health.HealthCheck(url, ca_file=str(tmp_path / "ca.pem")), 60)
    assert (refused.value.where["option"], str(tmp_path) in refused.value.where["fault"]) == ("health_ca_file", True)
    assert "no such file" in refused.value.where["fault"]


def test_a_server_is_known_by_the_certificates_that_are_given_and_by_no_others(monkeypatch, tmp_path):
    certificate = tmp_path / "ca.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made_certificate(certificate))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    Handler.answers = [200]
    url = f"https://127.0.0.1:{server.server_port}/"
    assert health.wait(health.HealthCheck(url, ca_file=str(certificate)), 0).status == 200
    with expect_error("E_HEALTH", url=url, reason=Containing("no answer")):
        health.wait(health.HealthCheck(url), 0)
    server.shutdown()
    server.server_close()


def made_certificate(path: Path) -> Path:
    """A server's certificate that vouches for itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "health")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return path


def test_each_single_answer_has_its_own_time():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        begun = time.monotonic()
        with expect_error("E_HEALTH", reason=Containing("no complete answer", "0.2 seconds")):
            health.wait(health.HealthCheck(f"http://127.0.0.1:{deaf.getsockname()[1]}/", answer_patience=0.2), 0)
        assert time.monotonic() - begun < 8


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@pytest.mark.parametrize("head", [HEAD + b"\r\n", HEAD + b"X: "], ids=["its body", "its head"])
def test_an_answer_that_does_not_end_does_not_count(dripping, head):
    begun = time.monotonic()
    with expect_error("E_HEALTH", reason=Containing("no complete answer", "0.2 seconds")):
        health.wait(health.HealthCheck(dripping(head), answer_patience=0.2), 0)
    assert time.monotonic() - begun < 8


ZIPPED = b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(range(256)) * 2)
SPOILT = ZIPPED[:40] + b"\xff\xff\xff" + ZIPPED[43:]


@pytest.mark.parametrize(
    ("rest", "found"),
    [(b"\r\nonly this", "IncompleteRead"), (ZIPPED[:-20], "EOFError"), (SPOILT, "error")],
    ids=["as it is", "of gzip, unasked", "of gzip, and wrong"],
)
def test_an_answer_that_breaks_off_does_not_count(rest, found):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n" + rest
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_break_off, args=(server, head), daemon=True).start()
        with pytest.raises(HealthCheckFailed) as refused:
            health.wait(health.HealthCheck(f"http://127.0.0.1:{server.getsockname()[1]}/"), 0)
        assert f"({found})" in refused.value.where["reason"]


def _break_off(server: socket.socket, head: bytes) -> None:
    asked, _ = server.accept()
    with asked:
        asked.recv(1 << 16)
        asked.sendall(head)


def test_a_long_answer_that_is_quick_is_well(dripping, monkeypatch):
    monkeypatch.setattr(health, "ENOUGH", 1000)
    assert health.wait(health.HealthCheck(dripping(HEAD + b"\r\n" + b"." * 1000), answer_patience=30), 0).status == 200
