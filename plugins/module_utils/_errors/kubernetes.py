# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a Secret of Kubernetes, and the workloads that use it."""

from __future__ import annotations

from .base import RotationError


class KubernetesClient(RotationError):
    code = "E_KUBERNETES_CLIENT"
    python: str
    problem = "{python} has no package kubernetes, and this host has no kubectl"
    remedy = "Install one of them for the user of the application."


class KubernetesFailed(RotationError):
    code = "E_KUBERNETES_API"
    place: str
    reason: str
    look: str
    problem = "the Kubernetes API server does not answer for {place}: {reason}"
    remedy = "Run {look} as the same user, and fix what it reports: the kubeconfig, a certificate, or a permission."


class KubernetesMissing(RotationError):
    code = "E_KUBERNETES_MISSING"
    place: str
    problem = "the cluster has no {place}"
    remedy = "Correct its name, namespace and context in O(keys) or O(services)."


class KubernetesConflict(RotationError):
    code = "E_KUBERNETES_CONFLICT"
    place: str
    problem = "{place} was changed by someone else while it was being written"
    remedy = "Run the same command again."


class KubernetesSecret(RotationError):
    code = "E_KUBERNETES_SECRET"
    place: str
    entry: str
    fault: str
    problem = "{place}: the entry {entry} {fault}"
    remedy = "Correct the entry, or the destination in O(keys)."


class KubernetesOwner(RotationError):
    code = "E_KUBERNETES_OWNER"
    place: str
    owner: str
    problem = "{place} is managed by {owner}, which would overwrite a new value"
    remedy = (
        "Rotate the key in the place from which {owner} takes it, with read and write commands as its destination in "
        "O(keys). Or remove the Secret from {owner}."
    )


class KubernetesReadback(RotationError):
    code = "E_KUBERNETES_READBACK"
    place: str
    problem = "{place} does not contain the value that was written to it"
    remedy = (
        "Find what else writes to it, such as an admission webhook or a controller, then run the same command again."
    )


class WorkloadUnfit(RotationError):
    code = "E_WORKLOAD"
    place: str
    fault: str
    problem = "{place} {fault}"
    remedy = "Add start and stop commands to this entry of O(services)."
