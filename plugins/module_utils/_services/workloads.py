# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments and StatefulSets of Kubernetes as services: stopped and started by their number of replicas."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from urllib.parse import quote

from .._errors.kubernetes import KubernetesConflict, WorkloadUnfit
from .._kubernetes.kubernetes_api import ApiPath, Cluster, Json
from . import pods
from .service_entry import ServiceEntry
from .units import Service

REPLICAS = "key-rotation.tetech/replicas"  # the annotation that remembers how many there were
TRIES = 10  # of a change that a controller overwrites
KINDS = {"deployment": "deployments", "statefulset": "statefulsets"}
UNFIT = f"is not {' or '.join(f'{kind}/NAME' for kind in KINDS)}, whose replicas can be changed"


class Workload(Service):
    """A workload of an entry of the option ``services``. Raise E_WORKLOAD, and E_KUBERNETES_* of its cluster."""

    def __init__(self, entry: ServiceEntry) -> None:
        super().__init__(entry["name"], [], [])
        described = entry.get("workload") or {}
        kind, _, name = (described.get("name") or "").partition("/")
        if kind not in KINDS or not name:
            raise WorkloadUnfit(place=f"the workload of {self.name}", fault=UNFIT)
        self._cluster = Cluster(described.get("kubeconfig") or "", described.get("context") or "")
        self._namespace, self._called = described.get("namespace") or "default", f"{kind}/{name}"
        path = f"/apis/apps/v1/namespaces/{quote(self._namespace)}/{KINDS[kind]}/{quote(name)}"
        self._where = ApiPath(path, f"{self._called} in the namespace {self._namespace}")

    def is_up(self, *, unknown: bool) -> bool:
        workload = self._read()
        return bool(_wanted(workload) or (workload.get("status") or {}).get("replicas") or self._pods(workload))

    def is_well(self) -> bool:
        """Return whether its rollout has finished: all pods that it wants are new and ready, and there are no
        others."""
        workload = self._read()
        status, count = workload.get("status") or {}, _wanted(workload)
        is_seen = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
        counts = [status.get(name) or 0 for name in ("replicas", "updatedReplicas", "readyReplicas")]
        return bool(is_seen and not _is_stopped_here(workload) and counts == [count] * 3)

    @property
    def is_to_be_started(self) -> bool:
        return _is_stopped_here(self._read())

    def settles_in(self, seconds: float) -> float:
        """Return 0: a pod itself reports when it is ready."""
        return 0

    def refuse_unfit(self, names: Sequence[str]) -> None:
        """Raise E_KUBERNETES_MISSING if there is no such workload."""
        self._read()

    def run_start(self, patience: float, note: str | None) -> str:
        """Have as many pods as before the stop. One that someone else scaled to zero is not started."""

        def start(workload: Json) -> None:
            remembered = _annotations(workload).pop(REPLICAS)
            workload["spec"]["replicas"] = int(remembered) if remembered.isdigit() else 1

        self._change(start, unless=lambda workload: not _is_stopped_here(workload))
        return ""

    def run_stop(self, patience: float, note: str | None) -> str:
        """Have no pods, and remember how many there were."""

        def stop(workload: Json) -> None:
            _annotations(workload)[REPLICAS] = str(_wanted(workload))
            workload["spec"]["replicas"] = 0

        self._change(stop, unless=lambda workload: not _wanted(workload))
        return ""

    def describe_delay(self, patience: float) -> str:
        workload, delay = self._read(), super().describe_delay(patience)
        left = [] if _wanted(workload) else self._pods(workload)
        return f"{delay}, and has these pods: {', '.join(map(pods.name_of, left))}" if left else delay

    @property
    def look(self) -> str:
        status = self._cluster.kubectl("-n", self._namespace, "rollout", "status", self._called)
        pods = self._cluster.kubectl("-n", self._namespace, "describe", self._called)
        return f"Type {shlex.join(status)} and {shlex.join(pods)}"

    def _read(self) -> Json:
        return self._cluster.get(self._where)

    def _pods(self, workload: Json) -> list[Json]:
        """Return its pods, also those in their grace period. Its selector may match pods of others, such as a Job."""
        matching = pods.not_ended(self._cluster, self._namespace, pods.selector_of(workload))
        return [pod for pod in matching if pods.owner_of(pod) in (self._called, f"pod/{pods.name_of(pod)}")]

    def _change(self, change: Callable[[Json], None], unless: Callable[[Json], bool]) -> None:
        """Change it, and try again if a controller has changed it at the same time, for example its status."""
        for left in reversed(range(TRIES)):
            workload = self._read()
            if unless(workload):
                return
            change(workload)
            try:
                self._cluster.put(self._where, workload)
            except KubernetesConflict:
                if not left:
                    raise
            else:
                return


def _wanted(workload: Json) -> int:
    return int(workload["spec"].get("replicas", 1))


def _is_stopped_here(workload: Json) -> bool:
    """Return whether a rotation has stopped it, and not started it."""
    return not _wanted(workload) and REPLICAS in (workload["metadata"].get("annotations") or {})


def _annotations(workload: Json) -> dict[str, str]:
    annotations: dict[str, str] = workload["metadata"].setdefault("annotations", {})
    return annotations
