# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers, on loopback or a socket, each started and stopped by the test that asks for it."""

from __future__ import annotations

import contextlib
import datetime
import glob
import http.server
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hvac
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
START_SECONDS = 20


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would lead a client to another server."""
    left_out = ("VAULT_", "BAO_", "AWS_", "ANSIBLE_", "KEY_ROTATION_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "PATH": f"{BIN}:{kept['PATH']}", **more}


@contextlib.contextmanager
def running(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server for as long as the block lasts."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, stdout=output, stderr=output, env=clean_environment(HOME=str(log.parent)), start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def wait_for(url: str, verify: str | bool = True) -> None:
    """Until the server answers anything."""
    until = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(url, timeout=2, verify=verify)
            return
        if time.monotonic() > until:
            raise TimeoutError(url)
        time.sleep(0.05)


@contextlib.contextmanager
def openbao_dev(folder: Path) -> Iterator[hvac.Client]:
    """OpenBao in its development mode: in memory, unsealed. The client is its administrator."""
    port = free_port()
    argv = [str(BIN / "bao"), "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=CANARY-administrator"]
    with running([*argv, f"-dev-listen-address=127.0.0.1:{port}"], folder / "openbao.log"):
        wait_for(f"http://127.0.0.1:{port}/v1/sys/health")
        yield hvac.Client(f"http://127.0.0.1:{port}", "CANARY-administrator")


def set_up(administrator: hvac.Client) -> dict[str, str]:
    """Run examples/stores/openbao-setup.sh. The two credentials of the AppRole that it makes."""
    done = subprocess.run(
        ["sh", str(CHECKOUT / "examples/stores/openbao-setup.sh")],
        env=clean_environment(BAO_ADDR=administrator.url, BAO_TOKEN=administrator.token),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    role_id, secret_id = done.stdout.split("\n")[-3:-1]
    return {"role_id": role_id, "secret_id": secret_id}


@contextlib.contextmanager
def openbao_file(folder: Path) -> Iterator[tuple[hvac.Client, str]]:
    """OpenBao that keeps its storage in files and listens by TLS; unsealed. Its administrator and its unseal key."""
    port = free_port()
    make_certificates(folder)
    config = {
        "storage": {"raft": {"path": str(folder / "storage"), "node_id": "one", "performance_multiplier": "1"}},
        "api_addr": f"https://127.0.0.1:{port}",
        "cluster_addr": f"https://127.0.0.1:{free_port()}",
        "listener": {
            "tcp": {
                "address": f"127.0.0.1:{port}",
                "tls_cert_file": str(folder / "server.pem"),
                "tls_key_file": str(folder / "server.key"),
            }
        },
    }
    (folder / "storage").mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    with running([str(BIN / "bao"), "server", f"-config={folder / 'config.json'}"], folder / "openbao.log"):
        url, authority = f"https://127.0.0.1:{port}", str(folder / "ca.pem")
        wait_for(f"{url}/v1/sys/health", authority)
        administrator = hvac.Client(url, "", verify=authority)
        made = administrator.sys.initialize(secret_shares=1, secret_threshold=1)
        administrator.token = made["root_token"]
        unseal(administrator, made["keys"][0])
        yield administrator, made["keys"][0]


def unseal(administrator: hvac.Client, key: str) -> None:
    """Unseal, and wait until the one node of the cluster has elected itself: until then it is a standby."""
    administrator.sys.submit_unseal_key(key)
    until = time.monotonic() + START_SECONDS
    while administrator.adapter.get("/v1/sys/leader")["is_self"] is not True:
        if time.monotonic() > until:
            raise TimeoutError("no leader")
        time.sleep(0.05)


class Cluster:
    """A cluster of Debian's PostgreSQL in ``folder``, which has its data and its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # no server runs as root
        self._programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))[-1]

    def run(self, program: str, *argv: str) -> None:
        """A program as the server's user."""
        found = f"{self._programs}/{program}" if os.path.exists(f"{self._programs}/{program}") else program
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([*self.user, found, *argv], check=True, cwd="/", **quiet)

    @contextlib.contextmanager
    def served(self, settings: str) -> Iterator[Cluster]:
        """Running, with these lines more in its configuration."""
        with (self.folder / "data/postgresql.conf").open("a") as handle:
            handle.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n{settings}")
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "start")
        try:
            yield self
        finally:
            self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")


@contextlib.contextmanager
def cluster_folder() -> Iterator[Cluster]:
    """A new cluster's folder, which the server's user owns; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="key_rotation_") as name:  # short: it has a socket
        cluster = Cluster(Path(name))
        if cluster.user:
            shutil.chown(name, "postgres")
        yield cluster


@contextlib.contextmanager
def postgresql(settings: str) -> Iterator[Cluster]:
    """A new cluster, running; ``{folder}`` in ``settings`` is its own."""
    with cluster_folder() as cluster:
        cluster.run("initdb", "-D", f"{cluster.folder}/data", "-A", "trust", "-U", "postgres")
        with cluster.served(settings.format(folder=cluster.folder)):
            yield cluster


@contextlib.contextmanager
def replica_of(primary: Cluster) -> Iterator[Cluster]:
    """A streaming replica of it, running."""
    with cluster_folder() as cluster:
        primary_is = ["-h", str(primary.folder), "-U", "postgres"]
        cluster.run("pg_basebackup", *primary_is, "-D", f"{cluster.folder}/data", "-R", "--checkpoint=fast")
        with cluster.served(""):
            yield cluster


@contextlib.contextmanager
def secrets_manager(folder: Path) -> Iterator[str]:
    """The address of moto's server, which answers as AWS Secrets Manager does."""
    port = free_port()
    with running([str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], folder / "moto.log"):
        wait_for(f"http://127.0.0.1:{port}/moto-api/")
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def answering(*answers: tuple[int, dict[str, Any]]) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """A server that answers with ``answers`` in turn, the last one ever after, for what no server here can be made to
    say. Its address, and what it was asked: method, path, headers.
    """
    asked: list[tuple[str, str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answers[min(len(asked), len(answers) - 1)]
            asked.append((self.command, self.path, dict(self.headers)))
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in body.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: Any) -> None:
            pass

    with _serving(Handler) as url:
        yield url, asked


@contextlib.contextmanager
def losing(url: str, lost: list[str], *, deliver: bool) -> Iterator[str]:
    """A proxy to ``url`` that drops the connection of the next write to a path that ends with an entry of ``lost``,
    after it was delivered or before.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            about = self.path + self.headers.get("X-Amz-Target", "")
            dropped = next((end for end in lost if self.command in ("POST", "PUT") and about.endswith(end)), None)
            if dropped:
                lost.remove(dropped)
            if not dropped or deliver:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                answer = requests.request(self.command, url + self.path, data=body, headers=headers, timeout=10)
            if dropped:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = pass_on

        def log_message(self, *_: Any) -> None:
            pass

    with _serving(Handler) as address:
        yield address


def make_certificates(folder: Path) -> None:
    """A CA (ca.pem), a server (server.pem, server.key) and a client (client.pem, client.key) that it signed."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("a test's CA", authority_key, None, authority_key)
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(name, key, authority, authority_key)
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(private_pem(key))


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    usages = [x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
