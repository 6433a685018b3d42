# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Against a real SMTP server with TLS and a login, and a real HTTP server, both on loopback."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import ipaddress
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._notify import notification
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.read_rotation import read
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.rotation_state import RotationState
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.answer = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/services/CANARY-path"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine's own with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Mailbox:
    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("gone"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"robot", b"CANARY-password"))


@pytest.fixture
def mailbox(certificate: Path) -> Iterator[Mailbox]:
    """A server that takes mail after STARTTLS and a login alone."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    box = Mailbox()
    options = {"tls_context": tls, "require_starttls": True, "authenticator": login, "auth_required": True}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ready_timeout=60, **options)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def told(tmp_path: Path) -> RotationState:
    record = Record(str(tmp_path / "records"), "r1")
    record.append("rotate", "intent", reason="a leak", authorization={"who": "Ada", "ticket": "SEC-1"})
    record.append(
        "rotate", "failed", failed_task="Back up", error={"code": "E_PG_DUMP", "what": "no room", "todo": "Make room."}
    )
    return read(record)


@pytest.fixture
def dripping() -> Iterator[int]:
    """The port of a mail server that begins its greeting sign by sign and never ends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = threading.Event()

        def greet() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while not gone.wait(0.05):
                    connection.sendall(b"2")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        gone.set()
        thread.join(5)


def tell(told: RotationState, moment: str = "failed", **channel: Any) -> dict[str, Any]:
    (result,) = notification.tell(notification.check([channel], str), moment, told)
    return result


def test_a_mail_goes_by_starttls_with_a_login(mailbox, certificate, told, tmp_path):
    (tmp_path / "password").write_text("CANARY-password\n")
    channel = {
        "type": "email",
        "host": "127.0.0.1",
        "port": mailbox.port,
        "from": "keys@example.org",
        "to": ["a@example.org"],
    }
    channel.update(user="robot", password_file=str(tmp_path / "password"), ca_cert=str(certificate))
    assert tell(told, **channel) == {"channel": "email by 127.0.0.1", "about": "failed", "to": ["a@example.org"]}
    ((to, mail),) = mailbox.got
    assert (to, mail["Subject"]) == (["a@example.org"], "Key rotation r1: FAILED")
    body = mail.get_payload(decode=True).decode()
    for words in ("E_PG_DUMP: no room. Make room.", "Ada (SEC-1)", "a leak"):
        assert words in body


def test_the_name_on_is_what_yaml_makes_of_it(hook, told):
    """In YAML 1.1 it is a boolean."""
    channel = yaml.safe_load(f"{{type: slack, url: '{hook.url}', on: [completed, rolled back]}}")
    assert True in channel
    assert list(notification.tell(notification.check([channel], str), "failed", told)) == []
    assert "found" not in tell(told, "completed", **{"type": "slack", "url": hook.url, "on": ["completed"]})
    (result,) = notification.tell(notification.check([channel], str), "rolled back", told)
    assert "found" not in result
    with pytest.raises(RotationError, match="E_NOTIFY"):
        notification.check([{"type": "slack", "url": hook.url, True: ["soon"]}], str)


def test_a_file_that_never_ends_holds_nothing_up(told, tmp_path, monkeypatch):
    monkeypatch.setattr(notification, "ALTOGETHER", 0.5)
    os.mkfifo(tmp_path / "url")
    assert tell(told, type="slack", url_file=str(tmp_path / "url"))["found"] == "TimeoutError"


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (
            ["gone1@example.org", "ada@example.org", "gone2@example.org"],
            {
                "found": "refused for gone1@example.org (550), gone2@example.org (550)",
                "reached": 1,
                "to": ["ada@example.org"],
            },
        ),
        (["gone1@example.org"], {"found": "refused for gone1@example.org (550)"}),
    ],
)
def test_who_of_several_did_not_get_a_mail_is_said(mailbox, certificate, told, to, found):
    channel = {"type": "email", "host": "127.0.0.1", "port": mailbox.port, "from": "k@example.org", "to": to}
    channel.update(user="robot", password="CANARY-password", ca_cert=str(certificate))
    assert tell(told, **channel) == {"channel": "email by 127.0.0.1", "about": "failed", **found}
    assert [to for to, _ in mailbox.got] == [["ada@example.org"]][: found.get("reached", 0)]


def test_every_file_that_a_channel_names_is_put_where_paths_are():
    mail = {"type": "email", "host": "h", "from": "f", "to": "t", "ca_cert": "ca.pem", "password_file": "password"}
    hook = {"type": "http", "url_file": "url", "token_file": "token", "template": "own.j2", "url": "https://h/x"}
    found = notification.check([mail, hook], "/inventory/{}".format)
    assert [one[name] for one in found for name in notification.PATHS if name in one] == [
        f"/inventory/{name}" for name in ("ca.pem", "password", "own.j2", "url", "token")
    ]
    assert (found[0]["host"], found[1]["url"]) == ("h", "https://h/x")


@pytest.mark.parametrize(
    ("run", "subject"),
    [
        (("rotate", {}), "Key rotation r1 in demo: STARTED"),
        (("rotate", {"resumed": True}), "Resumed key rotation r1 in demo: STARTED"),
        (("rollback", {"strategy": "backwards"}), "Rollback of key rotation r1 in demo: STARTED"),
    ],
)
def test_what_has_started_is_said_and_who_began_that_and_why(told, tmp_path, hook, run, subject):
    record = Record(str(tmp_path / "records"), "r1")
    direction, about = run
    record.append(direction, "intent", environment="demo", reason="a drill", authorization={"who": "Eve"}, **about)
    tell(read(record), "started", type="http", url=hook.url)
    content = hook.got[0][2]
    assert content["text"].splitlines()[0] == subject
    for words in ("Reason: a drill. Authorized by: Eve.", *(["backwards"] if direction == "rollback" else [])):
        assert words in content["text"]
    for words in ("a leak", "Ada", "E_PG_DUMP"):
        assert words not in content["text"]
    assert content["act"]["title"] == {"rollback": "Rollback"}.get(
        direction, "Rotation resumed" if about else "Rotation"
    )


def test_a_rollback_that_was_refused_is_not_reported_as_if_the_rotation_had_failed(tmp_path, hook):
    record = Record(str(tmp_path / "records"), "r1")
    record.append("rotate", "intent")
    record.append("rotate", "done")
    record.append("rollback", "intent")
    record.append("rollback", "failed", error={"code": "E_LOCKED", "what": "another works on it", "todo": "Wait."})
    tell(read(record), "failed", type="slack", url=hook.url)
    text = hook.got[0][2]["text"]
    assert text.splitlines()[0] == "Rollback of key rotation r1: FAILED"
    assert (
        "The rollback stopped before it changed anything.\nNo value and no key of the application was written." in text
    )
    assert "E_LOCKED: another works on it. Wait." in text


def test_a_mail_server_that_is_not_trusted_gets_nothing(mailbox, told):
    channel = {
        "type": "email",
        "host": "127.0.0.1",
        "port": mailbox.port,
        "from": "k@example.org",
        "to": "a@example.org",
    }
    assert tell(told, **channel, user="robot", password="CANARY-password")["found"] == "SSLCertVerificationError"
    assert mailbox.got == []


def test_a_slack_webhook_is_sent_its_text_and_shown_by_its_host_alone(hook, told, tmp_path):
    (tmp_path / "url").write_text(f"{hook.url}\n")
    result = tell(told, type="slack", url_file=str(tmp_path / "url"))
    assert result == {"channel": "slack to 127.0.0.1", "about": "failed"}
    ((path, _, content),) = hook.got
    assert (path, list(content)) == ("/services/CANARY-path", ["text"])
    assert content["text"].startswith("Key rotation r1: FAILED\n")


def test_what_somebody_wrote_is_no_markup_of_slack_s(hook, tmp_path):
    record = Record(str(tmp_path / "records"), "r1")
    record.append("rotate", "intent", reason="<!channel> & <https://evil.example|\u202eclick\u2066>")
    tell(read(record), "started", type="slack", url=hook.url)
    assert "Reason: &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;." in hook.got[0][2]["text"]
    tell(read(record), "started", type="http", url=hook.url)
    assert "Reason: <!channel> & <https://evil.example|click>." in hook.got[1][2]["text"], "a program escapes by itself"


def test_any_hook_is_sent_what_a_program_reads(hook, told):
    assert "found" not in tell(told, type="http", url=hook.url, token="CANARY-token", headers={"X-Team": "keys"})
    ((_, headers, content),) = hook.got
    assert (headers["Authorization"], headers["X-Team"]) == ("Bearer CANARY-token", "keys")
    assert (content["about"], content["status"], content["failure"]["code"]) == ("failed", "failed", "E_PG_DUMP")


def test_a_template_of_the_operator_s_own_is_used(hook, told, tmp_path):
    (tmp_path / "own.j2").write_text("{{ rotation_id }} of {{ reason }}: {{ moment }}")
    tell(told, type="slack", url=hook.url, template=str(tmp_path / "own.j2"))
    assert hook.got[0][2] == {"text": "r1 of a leak: failed"}


def test_only_the_moments_asked_for_are_reported(hook, told):
    channel = {"type": "slack", "url": hook.url, "on": ["completed"]}
    assert list(notification.tell([channel], "failed", told)) == []
    assert hook.got == []


def test_of_a_rotation_that_was_rolled_back_by_itself_who_approved_it_is_reported(hook, tmp_path):
    record = Record(str(tmp_path / "records"), "r1")
    record.append("rotate", "intent", approval={"principal": "ada@example.org"})
    record.append("rollback", "intent")
    record.append("rollback", "done", failed_task="Prove it")
    tell(read(record), "rolled back", type="slack", url=hook.url)
    assert "Authorized by: ada@example.org." in hook.got[0][2]["text"]


@pytest.mark.parametrize("failed_task", ["Prove it", None])
def test_who_asked_for_failures_hears_of_one_that_was_rolled_back_by_itself(hook, tmp_path, failed_task):
    record = Record(str(tmp_path / "records"), "r1")
    for event, phase in (("rotate", "intent"), ("rollback", "intent")):
        record.append(event, phase)
    record.append("rollback", "done", failed_task=failed_task)
    channel = {"type": "slack", "url": hook.url, "on": ["failed"]}
    results = list(notification.tell([channel], "rolled back", read(record)))
    assert len(results) == len(hook.got) == (1 if failed_task else 0)
    for _, _, content in hook.got:
        assert content["text"].splitlines()[0] == "Key rotation r1: ROLLED BACK"
        assert 'The rotation had stopped at "Prove it".' in content["text"]


@pytest.mark.parametrize(
    "channel",
    [
        {"type": "slack", "url": "http://127.0.0.1:1/CANARY"},
        {"type": "slack", "url": "http://hooks.example.org/CANARY"},
        {"type": "http", "url_file": "/nowhere/CANARY"},
        {"type": "email", "host": "127.0.0.1", "port": 1, "from": "a@b", "to": "c@d"},
        {"type": "slack", "url": "http://127.0.0.1:1/", "template": "/nowhere/CANARY"},
        {"type": "slack", "url": "no address CANARY"},
    ],
)
def test_whatever_stands_against_it_is_said_without_a_secret(told, channel):
    result = tell(told, **channel)
    assert result["found"]
    assert "CANARY" not in str(result)


def test_a_hook_that_refuses_is_said_with_its_code(hook, told):
    hook.answer = 403
    assert tell(told, type="slack", url=hook.url)["found"] == "HTTPError 403"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ rotation_id }\n", "template has a mistake in line 1"),
        ("{{ moment }}\n{{ reson }} {{ act.reason }}", "template uses unknown names: reson"),
        (" \n", "template is empty"),
        (b"\xff{{ moment }}", "template cannot be read: UnicodeDecodeError"),
        ("{{ moment | nothing }}", "template has a mistake in line 1"),
        (None, "template is not a file"),
        (
            "{{ act.authorization.tikcet }}",
            "that it has started: the template uses a name that does not exist: .* has no attribute 'tikcet'",
        ),
        ("{% for one in backups %}{{ one.paht }}{% endfor %}", "that it has completed: .* has no attribute 'paht'"),
        ("{{ failure.code }}", "that it has started: .* has no attribute 'code'"),
        ("{% if failure %}{{ failure.cod }}{% endif %}", "that it has failed: .* has no attribute 'cod'"),
        ("{% if approval %}{{ approval.principle }}{% endif %}", "that it has started: .* no attribute 'principle'"),
        ("{% for one in backups %}{{ one.proof.kind }}{% endfor %}", "that it has completed: .* no attribute 'kind'"),
        ("{{ approval.principal }}", "that it has started: .* no attribute 'principal'"),
        ("{{ 1 // (moment != 'rolled back') }}", "that it has rolled back: ZeroDivisionError"),
    ],
)
def test_the_mistakes_of_a_template_are_found_before_anybody_is_to_be_notified(tmp_path, text, found):
    path = tmp_path / "own.j2"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    channels = notification.check([{"type": "slack", "url": "https://h/x", "template": str(path)}], str)
    with pytest.raises(RotationError, match=found) as refused:
        notification.rehearse(channels)
    assert refused.value.code == "E_NOTIFY"


def test_our_own_template_and_every_name_that_is_reported_may_be_used(told, tmp_path):
    names = " ".join(f"{{{{ {name} }}}}" for name in (*notification._build_template_values(told), "moment", "sentence"))
    ours = Path(notification.TEMPLATE).read_text()
    (tmp_path / "own.j2").write_text(f"{ours}{names} {{% for one in range(2) %}}{{{{ one }}}}{{% endfor %}}")
    notification.rehearse([{"type": "slack", "template": str(tmp_path / "own.j2")}])


def test_a_template_may_ask_for_what_was_only_not_said(told, tmp_path):
    (tmp_path / "own.j2").write_text("{{ act.authorization.ticket }}{{ failure.changed }}.")
    notification.rehearse([{"type": "slack", "template": str(tmp_path / "own.j2"), "on": ["failed", "rolled back"]}])


def test_a_template_may_ask_for_what_only_some_records_hold(tmp_path):
    dumps = "{% for one in backups %}{{ one.engine }} {{ one.proof.kind if one.proof else 'not proved' }}{% endfor %}"
    approved = "{% if approval %}{{ approval.principal }} {{ approval.plan_hash }}{% endif %}"
    said = "{{ commands.maintenance }} {{ tool.collection }} {{ policy }} {{ environment }} {{ retain_until }}"
    (tmp_path / "own.j2").write_text(f"{{{{ moment }}}} {dumps} {approved} {said}")
    notification.rehearse([{"type": "slack", "template": str(tmp_path / "own.j2")}])


@pytest.mark.parametrize(
    ("channel", "found"),
    [
        ({"type": "slack", "url": "http://hooks.example.org/CANARY"}, "its url is not an https:// address"),
        ({"type": "slack", "url": "hooks.example.org/CANARY"}, "its url is not an https:// address"),
        ({"type": "http", "url": "ftp://127.0.0.1/CANARY"}, "its url is not an https:// address"),
        ({"type": "slack", "url_file": os.devnull}, "its url_file is empty"),
        ({"type": "slack", "url_file": "/nowhere/CANARY"}, "its url_file cannot be read: No such file or directory"),
        ({"type": "slack", "url": "https://127.0.0.1:1", "ca_cert": "/nowhere/CANARY"}, "its ca_cert does not exist"),
        (
            {"type": "http", "url": "https://127.0.0.1:1", "token_file": "/nowhere/CANARY"},
            "its token_file cannot be read: No such file or directory",
        ),
        (
            {
                "type": "email",
                "host": "h",
                "from": "f",
                "to": "t",
                "security": "none",
                "user": "u",
                "password": "CANARY",
            },
            "a password is not sent unencrypted: set security to starttls or tls",
        ),
    ],
)
def test_what_we_do_not_send_ourselves_is_said_in_words(told, channel, found):
    """The name of an exception says nothing of what is to be set."""
    assert tell(told, **channel)["found"] == found


def test_a_template_that_fails_when_people_are_notified_is_said(hook, told, tmp_path):
    """As one that was changed since the run began."""
    (tmp_path / "own.j2").write_text("{{ act.reson }}")
    found = tell(told, type="slack", url=hook.url, template=str(tmp_path / "own.j2"))["found"]
    assert found == "the template uses a name that does not exist: 'dict object' has no attribute 'reson'"
    assert hook.got == []


def test_a_message_of_which_nothing_is_left_is_not_sent(hook, told, tmp_path):
    (tmp_path / "own.j2").write_text("{% if moment == 'completed' %}done{% endif %}")
    assert tell(told, type="slack", url=hook.url, template=str(tmp_path / "own.j2"))["found"] == "EmptyMessage"
    assert hook.got == []


def test_a_server_that_says_its_words_sign_by_sign_is_not_waited_for(dripping, told, monkeypatch):
    monkeypatch.setattr(notification, "ALTOGETHER", 0.5)
    channel = {"type": "email", "host": "127.0.0.1", "port": dripping, "from": "a@b", "to": "c@d"}
    assert tell(told, **channel)["found"] == "TimeoutError"


@pytest.mark.parametrize(
    ("channels", "found"),
    [
        ("CANARY", "it is not a list"),
        (["CANARY"], "no type"),
        ([{"type": "pigeon"}], "no type"),
        ([{"type": "email", "host": "h", "from": "f"}], "to is missing"),
        ([{"type": "email", "host": "h", "from": "f", "to": ["CANARY", None]}], "to is not an address"),
        ([{"type": "email", "host": "h", "from": "f", "to": {"CANARY": 1}}], "to is not an address"),
        ([{"type": "email", "host": "h", "from": "f", "to": ["c@d", " "]}], "to is not an address"),
        ([{"type": "email", "host": "h", "from": ["CANARY"], "to": "t"}], "from is not text"),
        ([{"type": "email", "host": ["CANARY"], "from": "f", "to": "t"}], "host is not text"),
        ([{"type": "email", "host": "h", "from": "f", "to": "t", "security": ["CANARY"]}], "security is not one of"),
        ([{"type": "slack", "url": ["CANARY"]}], "url is not text"),
        ([{"type": "http", "url": "u", "headers": ["CANARY: 1"]}], "headers are not a dictionary"),
        ([{"type": "slack"}], "neither url nor url_file"),
        ([{"type": "slack", "url": "u", "CANARY": 1}], "unknown member"),
        ([{"type": "slack", "url": "u", "on": ["CANARY"]}], "something other than started"),
        ([{"type": "slack", "url": "u", "on": None}], "something other than started"),
        ([{"type": "slack", "url": "u", "on": "failed"}], "something other than started"),
        ([{"type": ["CANARY"]}], "no type"),
        ([{"type": "email", "host": "h", "from": "f", "to": "t", "security": "CANARY"}], "security is not one of"),
        ([{"type": "email", "host": "h", "from": "f", "to": "t", "port": "CANARY"}], "port is not a number"),
        ([{"type": "email", "host": "h", "from": "f", "to": "t", "port": 65536}], "port is not a number"),
    ],
)
def test_what_is_no_channel_is_refused_before_anything_happens(channels, found):
    with expect_error("E_NOTIFY", fault=Containing(found)) as refused:
        notification.check(channels, str)
    assert "CANARY" not in str(refused.value)
