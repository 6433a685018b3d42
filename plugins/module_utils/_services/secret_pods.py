# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of Kubernetes that use a Secret, and which keys each has.

A container keeps the value that the Secret had when it was created. A pod has the new keys only if it is younger than
the last change of the keys. Both times are from the clock of the API server, to the second. If one of the times is
unknown, the pod counts as having the previous keys.

A pod in its grace period is replaced or gone soon: it is waited for, and counts only if it stays.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

from .._destinations.secret_destination import SecretDestination, SecretPlace
from .._kubernetes.kubernetes_api import Json
from .._system.timestamps import seconds_since_1970
from . import pods
from .key_verdict import KeyVerdict
from .service_entry import WorkloadEntry

ROLLED_OUT = ("deployment", "statefulset", "daemonset")
PATIENCE, POLL = 60.0, 0.5  # seconds: twice the default grace period of Kubernetes


def judge(place: SecretDestination, key_id: str) -> list[KeyVerdict]:
    """Return a verdict on each pod that uses the Secret. Raise E_KUBERNETES_*.

    Before a switch, there is no key ID, and terminating pods do not count.
    """
    at = place.changed_at
    if key_id:
        using = _outlast_ending(place.secret, at)
    else:
        using = [pod for pod in _using(place.secret) if not pods.is_ending(pod)]
    return [_judged(pod, place, at, key_id) for pod in using]


def _using(secret: SecretPlace) -> list[Json]:
    there = pods.not_ended(secret.cluster, secret.namespace)
    return [pod for pod in there if secret.name in _used(pod["spec"])]


def _outlast_ending(secret: SecretPlace, at: float) -> list[Json]:
    """Return the pods that use the Secret, when those with the previous keys that are terminating have ended."""
    end = time.monotonic() + PATIENCE
    while True:
        using = _using(secret)
        if not any(pods.is_ending(pod) and _is_older(pod, at) for pod in using) or time.monotonic() > end:
            return using
        time.sleep(POLL)


def _is_older(pod: Json, at: float) -> bool:
    return not at or seconds_since_1970(pod["metadata"]["creationTimestamp"]) <= at


def _judged(pod: Json, place: SecretDestination, at: float, key_id: str) -> KeyVerdict:
    created = pod["metadata"]["creationTimestamp"]
    is_older = _is_older(pod, at)
    stale = bool(key_id and is_older)
    return KeyVerdict(
        name=f"pod {pods.name_of(pod)}",
        unit=pods.owner_of(pod),
        started=f"{created[:10]} {created[11:19]} UTC",
        key_id="" if stale else key_id,
        older=is_older,
        reason=_reason(pod, place) if stale else "",
        todo=_todo(pod, place.secret) if stale else "",
        workload=_workload(pod, place.secret),
    )


def _workload(pod: Json, secret: SecretPlace) -> WorkloadEntry:
    """Return the workload of a pod as an entry of the option ``services`` has it."""
    entry: WorkloadEntry = {"name": pods.owner_of(pod), "namespace": secret.namespace}
    if secret.cluster.context:
        entry["context"] = secret.cluster.context
    if secret.cluster.kubeconfig:
        entry["kubeconfig"] = secret.cluster.kubeconfig
    return entry


def _reason(pod: Json, place: SecretDestination) -> str:
    older = f"it is older than the last change of {place.place}"
    return f"{older}, and still runs in its grace period" if pods.is_ending(pod) else older


def _todo(pod: Json, secret: SecretPlace) -> str:
    """Return what to type to replace a pod, or to wait until a terminating one is gone."""
    owner, name = pods.owner_of(pod), pods.name_of(pod)
    if pods.is_ending(pod):
        words = ["wait", "--for=delete", f"pod/{name}", "--timeout=-1s"]
    elif owner.partition("/")[0] in ROLLED_OUT:
        words = ["rollout", "restart", owner]
    else:
        words = ["delete", "pod", name]
    return shlex.join(secret.cluster.kubectl("-n", secret.namespace, *words))


def _used(spec: Json) -> Iterator[str]:
    """The Secrets of which a pod takes variables or a volume."""
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        for environment in container.get("envFrom") or []:
            yield (environment.get("secretRef") or {}).get("name", "")
        for variable in container.get("env") or []:
            yield ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name", "")
    for volume in spec.get("volumes") or []:
        yield (volume.get("secret") or {}).get("secretName", "")
        for source in (volume.get("projected") or {}).get("sources") or []:
            yield (source.get("secret") or {}).get("name", "")
