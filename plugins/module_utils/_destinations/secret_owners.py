# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What writes a Secret of Kubernetes again and again, so that new values would not last.

It shows in the owners of the Secret, in its labels and annotations, and in its managed fields, in which the API server
notes who has written each entry. A tool that runs only when a person starts it, such as kubectl, does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._kubernetes.kubernetes_api import Json

ARGO_CD, EXTERNAL_SECRETS, FLUX = "Argo CD", "External Secrets", "Flux"
# By the beginning of a label or an annotation of the Secret.
MARKS = {
    "reconcile.external-secrets.io/": EXTERNAL_SECRETS,
    "sealedsecrets.bitnami.com/": "Sealed Secrets",
    "argocd.argoproj.io/instance": ARGO_CD,
    "argocd.argoproj.io/tracking-id": ARGO_CD,
    "kustomize.toolkit.fluxcd.io/": FLUX,
    "helm.toolkit.fluxcd.io/": FLUX,
    "secrets.hashicorp.com/": "the Vault Secrets Operator",
    "operator.1password.io/": "the 1Password operator",
    "secrets.infisical.com/": "Infisical",
    "secrets.doppler.com/": "Doppler",
    "reflector.v1.k8s.emberstack.com/reflects": "Reflector",
    "kubed.appscode.com/origin": "Config Syncer",
    "replicator.v1.mittwald.de/replicated-from-version": "Kubernetes Replicator",
    "sopssecret/managed": "the SOPS Secrets Operator",
}
# By the beginning of the name with which it writes an entry.
MANAGERS = {
    "argocd-controller": ARGO_CD,
    "argocd-application-controller": ARGO_CD,
    "external-secrets": EXTERNAL_SECRETS,
    "externalsecrets.external-secrets.io/": EXTERNAL_SECRETS,
    "kustomize-controller": FLUX,
    "helm-controller": FLUX,
}
# Argo CD before 3.0 marks what it manages with this label. Helm charts and people use it too.
INSTANCE = "app.kubernetes.io/instance"
HELM_RELEASE = "meta.helm.sh/release-name"


def find(metadata: Json, entries: Iterable[str]) -> str:
    """Return what writes these entries of the Secret again. Empty if nothing is known to."""
    return next(_owners(metadata, entries), "")


def helm_release(metadata: Json) -> str:
    """Return the release of Helm that has created the Secret, and writes it again when a person upgrades it."""
    return str((metadata.get("annotations") or {}).get(HELM_RELEASE, ""))


def managed_by(metadata: Json, entries: Iterable[str]) -> list[Json]:
    """Return the members of ``managedFields`` that have one of these entries of the data."""
    names = {f"f:{entry}" for entry in entries}
    managed: list[Json] = metadata.get("managedFields") or []
    return [each for each in managed if names & {*((each.get("fieldsV1") or {}).get("f:data") or {})}]


def _owners(metadata: Json, entries: Iterable[str]) -> Iterator[str]:
    for owner in metadata.get("ownerReferences") or []:
        yield f"{owner.get('kind')} {owner.get('name')}"
    labels = metadata.get("labels") or {}
    for mark in (*labels, *(metadata.get("annotations") or {})):
        yield from _beginning(MARKS, mark)
    for managed in managed_by(metadata, entries):
        yield from _beginning(MANAGERS, managed.get("manager") or "")
    if INSTANCE in labels:
        for managed in metadata.get("managedFields") or []:
            yield from (owner for owner in _beginning(MANAGERS, managed.get("manager") or "") if owner == ARGO_CD)


def _beginning(owners: dict[str, str], name: str) -> Iterator[str]:
    return (owner for beginning, owner in owners.items() if name.startswith(beginning))
