# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and replace objects of a Kubernetes API server, by the Python package ``kubernetes`` or by kubectl(1).

Both run as a separate process without the keys in its environment, because a kubeconfig may start more programs. Values
are passed by standard input and output.
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
    """The path of an object or a list, and its name for a person."""

    path: str
    place: str


@dataclass(frozen=True)
class Cluster:
    """The API server of a context of a kubeconfig. Without them, it is the one that kubectl would use."""

    kubeconfig: str = ""
    context: str = ""

    def get(self, where: ApiPath) -> Json:
        """Return an object. Raise E_KUBERNETES_CLIENT, E_KUBERNETES_API or E_KUBERNETES_MISSING."""
        return self._exchange("GET", where)

    def put(self, where: ApiPath, content: Json, *, dry: bool = False) -> Json:
        """Replace an object if it still has the ``resourceVersion`` of the new one. ``dry`` only checks the request.

        Raise the errors of ``get``, and E_KUBERNETES_CONFLICT.
        """
        place = ApiPath(f"{where.path}?dryRun=All", where.place) if dry else where
        return self._exchange("PUT", place, json.dumps(content).encode("utf-8"))

    def kubectl(self, *words: str) -> list[str]:
        """Return a command of kubectl for this cluster."""
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
            content: Json = json.loads(answer)
        except ValueError:
            raise self._failure(where, "its answer is not JSON") from None
        return content

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

    def _failure(self, where: ApiPath, reason: str) -> RotationError:
        return KubernetesFailed(
            place=where.place, reason=reason, look=shlex.join(self.kubectl("auth", "can-i", "--list"))
        )


def _exception(errors: bytes) -> str:
    """Return the name of the exception that ended a program. The text of the exception may hold more, and is
    dropped."""
    name = errors.strip().rpartition(b"\n")[2].partition(b":")[0].rpartition(b".")[2].decode("utf-8", "replace")
    return name if name.isidentifier() else "an error"


def _program() -> str:
    """Return the text of the program, which may not be in a file here."""
    loader: Any = kubernetes_request.__loader__
    text: str | bytes = loader.get_source(kubernetes_request.__name__)
    return text.decode("utf-8") if isinstance(text, bytes) else text  # Ansible's loader gives bytes


def _has_package() -> bool:
    return importlib.util.find_spec("kubernetes") is not None
