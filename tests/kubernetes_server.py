# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server of Kubernetes for tests, as far as a rotation goes: no cluster can be had.

TLS with a certificate authority of its own, a bearer token, and answers shaped as the documented API has them:
Secrets with ``resourceVersion``, ``managedFields`` and ``dryRun``, Deployments, and pods, which come and go as
replicas do, with a grace period if a test sets one.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "token-of-the-test"
NAMESPACE = "prod"
SECRETS, DEPLOYMENTS, PODS = (
    f"/api/v1/namespaces/{NAMESPACE}/secrets",
    f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
    f"/api/v1/namespaces/{NAMESPACE}/pods",
)


class Cluster:
    """What the server has. ``is_stuck`` is whether pods never become ready; ``before_put`` is called at each change.

    ``grace`` is how many seconds a terminating pod still runs.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 100
        self.objects: dict[str, dict[str, Any]] = {}
        self.pods: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.is_stuck = False
        self.grace = 0
        self.forbidden: set[str] = set()
        self.before_put = lambda path: None

    def add_secret(self, name: str, values: dict[str, str], **metadata: Any) -> None:
        data = {entry: base64.b64encode(value.encode()).decode() for entry, value in values.items()}
        self.put(f"{SECRETS}/{name}", {"kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data})

    def values(self, name: str) -> dict[str, str]:
        """What is in a Secret."""
        return {k: base64.b64decode(v).decode() for k, v in self.objects[f"{SECRETS}/{name}"]["data"].items()}

    def add_deployment(self, name: str, replicas: int, spec: dict[str, Any]) -> None:
        template = {"metadata": {"labels": {"app": name}}, "spec": spec}
        described = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
        found = {"kind": "Deployment", "metadata": {}, "spec": described}
        self.put(f"{DEPLOYMENTS}/{name}", found)

    def put(self, path: str, content: dict[str, Any], *, dry: bool = False) -> dict[str, Any]:
        """Replace an object as the API server does: what changes has a manager and a time."""
        with self.lock:
            old = self.objects.get(path, {"metadata": {}, "data": {}})
            new = copy.deepcopy(content)
            self.version += 1
            metadata = {**new["metadata"], "name": path.rpartition("/")[2], "namespace": NAMESPACE}
            metadata["resourceVersion"] = str(self.version)
            metadata["generation"] = old["metadata"].get("generation", 0) + (new.get("spec") != old.get("spec"))
            metadata.setdefault("creationTimestamp", _now())
            changed = {k: {} for k, v in new.get("data", {}).items() if old["data"].get(k) != v}
            kept = [
                {**each, "fieldsV1": {"f:data": {k: {} for k in each["fieldsV1"]["f:data"] if k[2:] not in changed}}}
                for each in old["metadata"].get("managedFields", [])
            ]
            mine = {"manager": "test", "operation": "Update", "time": _now(), "fieldsType": "FieldsV1"}
            fields = {"f:data": {".": {}, **{f"f:{k}": {} for k in changed}}}
            metadata["managedFields"] = [*kept, {**mine, "fieldsV1": fields}] if changed else kept
            new["metadata"] = metadata
            if not dry:
                self.objects[path] = new
                if new["kind"] == "Deployment":
                    self._control(new)
            return new

    def _control(self, deployment: dict[str, Any]) -> None:
        """What the controllers do: pods as the spec has it, and the status."""
        name, count = deployment["metadata"]["name"], deployment["spec"]["replicas"]
        matching = [pod for pod in self.pods if pod["metadata"]["labels"]["app"] == name]
        own = [pod for pod in matching if "deletionTimestamp" not in pod["metadata"]]
        for pod in own[count:]:
            self._end(pod)
        self.pods += [self._pod(deployment) for _ in range(count - len(own))]
        ready = 0 if self.is_stuck else count
        counts = {"replicas": count, "updatedReplicas": count, "readyReplicas": ready, "availableReplicas": ready}
        generation = deployment["metadata"]["generation"]
        deployment["status"] = {"observedGeneration": generation, **{k: v for k, v in counts.items() if v}}

    def _end(self, pod: dict[str, Any]) -> None:
        """Delete a pod: its processes have the grace period, and it is in the list until they have ended."""
        if not self.grace:
            self.pods.remove(pod)
            return
        pod["metadata"].update(deletionTimestamp=_now(self.grace), deletionGracePeriodSeconds=self.grace)
        timer = threading.Timer(self.grace, self.pods.remove, [pod])
        timer.daemon = True
        timer.start()

    def list_pods(self, selector: str) -> list[dict[str, Any]]:
        """The pods with all labels of the selector, which is of the form ``a=b,c=d`` here."""
        wanted = dict(each.split("=") for each in selector.split(",") if each)
        return [pod for pod in list(self.pods) if wanted.items() <= pod["metadata"]["labels"].items()]

    def _pod(self, deployment: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        name = deployment["metadata"]["name"]
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-6d4cf56db6", "controller": True}
        metadata = {
            "name": f"{name}-6d4cf56db6-{self.version}",
            "labels": {"app": name},
            "creationTimestamp": _now(),
            "ownerReferences": [owner],
        }
        return {"metadata": metadata, "spec": deployment["spec"]["template"]["spec"], "status": {"phase": "Running"}}


def _now(seconds: int = 0) -> str:
    time_then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return f"{time_then:%Y-%m-%dT%H:%M:%SZ}"


class Handler(BaseHTTPRequestHandler):
    """Answers as the API server does."""

    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if not self._refused(path):
            if path == PODS:
                found = self.cluster.list_pods(query.get("labelSelector", [""])[0])
                self._answer(200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": found})
            elif path in self.cluster.objects:
                self._answer(200, self.cluster.objects[path])
            else:
                self._fail(404, "NotFound", f"{path.rpartition('/')[2]} not found")

    def do_PUT(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        content = json.loads(b"".join(self._body()))
        if self._refused(path):
            return
        self.cluster.before_put(path)
        with self.cluster.lock:
            there = self.cluster.objects.get(path)
            if there is None:
                self._fail(404, "NotFound", f"{path.rpartition('/')[2]} not found")
            elif content["metadata"].get("resourceVersion") != there["metadata"]["resourceVersion"]:
                self._fail(
                    409, "Conflict", "the object has been modified; please apply your changes to the latest version"
                )
            else:
                self._answer(200, self.cluster.put(path, content, dry="dryRun" in query))

    def _body(self) -> Iterator[bytes]:
        """What was sent, in chunks as kubectl does, or at once."""
        if self.headers["Content-Length"]:
            yield self.rfile.read(int(self.headers["Content-Length"]))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _refused(self, path: str) -> bool:
        self.cluster.requests.append((self.command, self.path))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._fail(401, "Unauthorized", "Unauthorized")
            return True
        if self.command in self.cluster.forbidden:
            self._fail(403, "Forbidden", f"User cannot update resource {path}")
            return True
        return False

    def _fail(self, code: int, reason: str, message: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self._answer(code, {**status, "message": message, "reason": reason, "code": code})

    def _answer(self, code: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


class Server(ThreadingHTTPServer):
    """Connections that a test ends are no news."""

    def handle_error(self, *_: Any) -> None:
        """Nothing is printed."""


@contextlib.contextmanager
def serving(folder: Path, cluster: Cluster) -> Iterator[Path]:
    """The kubeconfig of a server for the cluster, with the contexts ``test`` and ``stranger``, who has no rights."""
    authority, certificate = _certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(("127.0.0.1", 0), type("Own", (Handler,), {"cluster": cluster}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield _kubeconfig(folder, server.server_address[1], authority)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _kubeconfig(folder: Path, port: int, authority: bytes) -> Path:
    contexts = {"test": TOKEN, "stranger": "another"}
    place = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": base64.b64encode(authority).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": place}],
        "users": [{"name": name, "user": {"token": token}} for name, token in contexts.items()],
        "contexts": [{"name": name, "context": {"cluster": "test", "user": name}} for name in contexts],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path


def _certificates(folder: Path) -> tuple[bytes, Path]:
    """A certificate authority, and the file of a certificate and its key for 127.0.0.1."""
    keys = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server of a test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = [
        _signed(issuer, issuer, keys[0], keys[0], x509.BasicConstraints(ca=True, path_length=None)),
        _signed(subject, issuer, keys[1], keys[0], names),
    ]
    path = folder / "server.pem"
    key = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made[1].public_bytes(serialization.Encoding.PEM) + key)
    path.chmod(0o600)
    return made[0].public_bytes(serialization.Encoding.PEM), path


def _signed(subject: Any, issuer: Any, key: Any, signer: Any, extension: Any) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    described = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    dated = described.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
    identified = dated.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    extended = identified.add_extension(authority, critical=False).add_extension(extension, critical=True)
    return extended.sign(signer, hashes.SHA256())


def wait_for_a_new_second() -> None:
    """Kubernetes has times to the second."""
    begun = int(time.time())
    while int(time.time()) == begun:
        time.sleep(0.01)
