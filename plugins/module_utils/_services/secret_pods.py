# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of Kubernetes that use a Secret, and which keys each has.

A container keeps the value that the Secret had when it was created. A pod has the new keys only if it is younger than
the last change of the keys. Both times are from the clock of the API server, to the second. If one of the times is
unknown, the pod counts as having the previous keys.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from .._destinations.secret_destination import SecretDestination
from .._kubernetes.kubernetes_api import ApiPath, Json
from .._system.timestamps import seconds_since_1970
from .key_verdict import KeyVerdict

ENDED = ("Succeeded", "Failed")
ROLLED_OUT = ("deployment", "statefulset", "daemonset")


def judge(place: SecretDestination, key_id: str) -> list[KeyVerdict]:
    """Return a verdict on each pod that uses the Secret. Before a switch, there is no key ID. Raise E_KUBERNETES_*."""
    secret, at = place.secret, place.changed_at
    path = ApiPath(f"/api/v1/namespaces/{secret.namespace}/pods", f"the pods of {secret.namespace}")
    pods = secret.cluster.get(path).get("items") or []
    using = [pod for pod in pods if _phase(pod) not in ENDED and secret.name in _used(pod["spec"])]
    return [_judged(pod, place, at, key_id) for pod in using]


def _phase(pod: Json) -> str:
    return (pod.get("status") or {}).get("phase") or ""


def _judged(pod: Json, place: SecretDestination, at: float, key_id: str) -> KeyVerdict:
    metadata = pod["metadata"]
    created = metadata["creationTimestamp"]
    is_older = not at or seconds_since_1970(created) <= at
    stale = bool(key_id and is_older)
    owner, name = _owner(pod), metadata["name"]
    words = ["rollout", "restart", owner] if owner.partition("/")[0] in ROLLED_OUT else ["delete", "pod", name]
    restart = place.secret.cluster.kubectl("-n", place.secret.namespace, *words)
    return KeyVerdict(
        name=f"pod {name}",
        unit=owner,
        started=f"{created[:10]} {created[11:19]} UTC",
        key_id="" if stale else key_id,
        older=is_older,
        reason=f"it is older than the last change of {place.place}" if stale else "",
        todo=shlex.join(restart) if stale else "",
    )


def _owner(pod: Json) -> str:
    """Return the workload of a pod. For a ReplicaSet, that is the Deployment with its name up to the last dash."""
    for owner in pod["metadata"].get("ownerReferences") or []:
        if owner["kind"] == "ReplicaSet":
            return f"deployment/{owner['name'].rpartition('-')[0]}"
        return f"{owner['kind'].lower()}/{owner['name']}"
    return f"pod/{pod['metadata']['name']}"


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
