# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a Kubernetes API server, as JSON, by the Python package ``kubernetes`` or by kubectl(1).

Both run as a process of their own, whose environment has none of the keys: a kubeconfig may start more programs. A
value goes there by standard input and comes from standard output.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from typing import Any

from .._errors.base import RotationError
from .._errors.kubernetes import KubernetesClient, KubernetesConflict, KubernetesFailed, KubernetesMissing
from .._system import child_processes
from . import kubernetes_request

SECONDS = 60.0
NOT_FOUND, CONFLICT = 404, 409
# The reasons by which kubectl calls a status (metav1.StatusReason).
REASONS = {"NotFound": NOT_FOUND, "Conflict": CONFLICT, "Forbidden": 403, "Unauthorized": 401, "Invalid": 422}
_REASON = re.compile(rb"Error from server \((\w+)\)")
Json = dict[str, Any]


@dataclass(frozen=True)
class ApiPath:
    """Where an object or a list of them is, and what a person calls it."""

    path: str
    place: str


@dataclass(frozen=True)
class Cluster:
    """The API server of a context of a kubeconfig; without them, the one that kubectl would take."""

    kubeconfig: str = ""
    context: str = ""

    def get(self, where: ApiPath) -> Json:
        """An object. Raises E_KUBERNETES_CLIENT, E_KUBERNETES_API or E_KUBERNETES_MISSING."""
        return self._exchange("GET", where)

    def put(self, where: ApiPath, content: Json, *, dry: bool = False) -> Json:
        """Replace an object, if it has the ``resourceVersion`` of the new one. ``dry`` does all but that.

        Raises as ``get``, and E_KUBERNETES_CONFLICT.
        """
        place = ApiPath(f"{where.path}?dryRun=All", where.place) if dry else where
        return self._exchange("PUT", place, json.dumps(content).encode("utf-8"))

    def kubectl(self, *words: str) -> list[str]:
        """A command of kubectl for this cluster."""
        options = {"--kubeconfig": self.kubeconfig, "--context": self.context}
        return ["kubectl", *(f"{name}={value}" for name, value in options.items() if value), *words]

    def _exchange(self, method: str, where: ApiPath, body: bytes = b"") -> Json:
        if _has_package():
            status, answer = self._by_package(method, where, body)
        elif shutil.which("kubectl"):
            status, answer = self._by_kubectl(method, where, body)
        else:
            raise KubernetesClient(python=sys.executable)
        if status == NOT_FOUND:
            raise KubernetesMissing(place=where.place)
        if status == CONFLICT:
            raise KubernetesConflict(place=where.place)
        if not 200 <= status < 300:
            raise self._failure(where, f"status {status}")
        try:
            found: Json = json.loads(answer)
        except ValueError:
            raise self._failure(where, "its answer is not JSON") from None
        return found

    def _by_package(self, method: str, where: ApiPath, body: bytes) -> tuple[int, bytes]:
        argv = [sys.executable, "-c", _program(), method, where.path, self.kubeconfig, self.context]
        ended = child_processes.exchange(argv, body, SECONDS)
        status, _, answer = ended.output.partition(b"\n")
        if ended.rc or not status.isdigit():
            raise self._failure(where, f"the package kubernetes raised {_exception(ended.errors)}")
        return int(status), answer

    def _by_kubectl(self, method: str, where: ApiPath, body: bytes) -> tuple[int, bytes]:
        verb = ["get", "--raw", where.path] if method == "GET" else ["replace", "--raw", where.path, "-f", "-"]
        ended = child_processes.exchange(self.kubectl(*verb, "--request-timeout=30s"), body, SECONDS)
        if not ended.rc:
            return 200, ended.output
        reason = _REASON.search(ended.errors)
        if reason is None:
            raise self._failure(where, child_processes.format_failure(ended.rc, SECONDS, "kubectl"))
        return REASONS.get(reason[1].decode(), 500), b""

    def _failure(self, where: ApiPath, found: str) -> RotationError:
        return KubernetesFailed(
            place=where.place, found=found, look=shlex.join(self.kubectl("auth", "can-i", "--list"))
        )


def _exception(errors: bytes) -> str:
    """The name of the exception with which a program ended; its text may hold more."""
    name = errors.strip().rpartition(b"\n")[2].partition(b":")[0].rpartition(b".")[2].decode("utf-8", "replace")
    return name if name.isidentifier() else "an error"


def _program() -> str:
    """The text of the program, which may be in no file here."""
    loader: Any = kubernetes_request.__loader__
    text: str | bytes = loader.get_source(kubernetes_request.__name__)
    return text.decode("utf-8") if isinstance(text, bytes) else text  # Ansible's loader gives bytes


def _has_package() -> bool:
    return importlib.util.find_spec("kubernetes") is not None
