# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of Kubernetes, and the workload to which each belongs.

A terminating pod stays in the list until its processes have ended, for its grace period at most. The counts of
a workload leave it out, but its processes can still write.
"""

from __future__ import annotations

from urllib.parse import quote

from .._kubernetes.kubernetes_api import ApiPath, Cluster, Json

ENDED = ("Succeeded", "Failed")
# A requirement of matchExpressions, as the query of a request has it, by its operator.
REQUIREMENTS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}


def not_ended(cluster: Cluster, namespace: str, selector: str = "") -> list[Json]:
    """Return the pods of a namespace, or those that a selector matches, that may have processes. Raise
    E_KUBERNETES_*."""
    query = f"?labelSelector={quote(selector)}" if selector else ""
    path = ApiPath(f"/api/v1/namespaces/{quote(namespace)}/pods{query}", f"the pods of {namespace}")
    pods: list[Json] = cluster.get(path).get("items") or []
    return [pod for pod in pods if (pod.get("status") or {}).get("phase") not in ENDED]


def selector_of(workload: Json) -> str:
    """Return the selector of a workload as the query of a request has it."""
    selector = workload["spec"]["selector"]
    labels = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    return ",".join([*labels, *map(_requirement, selector.get("matchExpressions") or ())])


def _requirement(expression: Json) -> str:
    values = ",".join(expression.get("values") or ())
    return REQUIREMENTS[expression["operator"]].format(key=expression["key"], values=values)


def name_of(pod: Json) -> str:
    """Return the name of a pod."""
    return str(pod["metadata"]["name"])


def owner_of(pod: Json) -> str:
    """Return the workload of a pod. For a ReplicaSet, that is the Deployment with its name up to the last dash."""
    for owner in pod["metadata"].get("ownerReferences") or []:
        if owner["kind"] == "ReplicaSet":
            return f"deployment/{owner['name'].rpartition('-')[0]}"
        return f"{owner['kind'].lower()}/{owner['name']}"
    return f"pod/{name_of(pod)}"


def is_ending(pod: Json) -> bool:
    """Return whether a pod is terminating."""
    return "deletionTimestamp" in pod["metadata"]
