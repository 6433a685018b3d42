# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What writes a Secret of Kubernetes again, by what the projects note in it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import secret_owners

INSTANCE = {"labels": {"app.kubernetes.io/instance": "shop"}}


def managed(manager: str, *entries: str, **more: Any) -> dict[str, Any]:
    fields = {"f:data": {".": {}, **{f"f:{entry}": {} for entry in entries}}} if entries else {"f:metadata": {}}
    return {"managedFields": [{"manager": manager, "operation": "Update", "fieldsV1": fields}], **more}


OWNED: list[tuple[dict[str, Any], str]] = [
    ({"ownerReferences": [{"kind": "SealedSecret", "name": "app"}]}, "SealedSecret app"),
    ({"annotations": {"kubed.appscode.com/origin": '{"namespace": "demo"}'}}, "Config Syncer"),
    ({"labels": {"kubed.appscode.com/origin.name": "app"}}, "Config Syncer"),
    ({"annotations": {"sopssecret/managed": "true"}}, "the SOPS Secrets Operator"),
    ({"annotations": {"replicator.v1.mittwald.de/replicated-from-version": "680"}}, "Kubernetes Replicator"),
    (managed("argocd-controller", "K"), "Argo CD"),
    (managed("external-secrets", "K"), "External Secrets"),
    (managed("externalsecrets.external-secrets.io/app", "K", "other"), "External Secrets"),
    (managed("kustomize-controller", "K"), "Flux"),
    (managed("helm-controller", "K"), "Flux"),
    (managed("argocd-controller", **INSTANCE), "Argo CD"),
]


@pytest.mark.parametrize(("metadata", "owner"), OWNED)
def test_what_writes_it_again_is_found(metadata: dict[str, Any], owner: str) -> None:
    assert secret_owners.find(metadata, ["K"]) == owner


NOT_OWNED: list[dict[str, Any]] = [
    {},
    {"managedFields": None, "labels": None, "annotations": None, "ownerReferences": None},
    *(
        managed(f"kubectl{which}", "K", **INSTANCE)
        for which in ("", "-create", "-client-side-apply", "-edit", "-patch", "-replace")
    ),
    managed("helm", "K", annotations={"meta.helm.sh/release-name": "shop"}, **INSTANCE),
    managed("OpenAPI-Generator", "K"),
    managed("external-secrets", "other"),
    managed("kustomize-controller", **INSTANCE),
    {"annotations": {"kubed.appscode.com/sync": ""}},
    {"annotations": {"replicator.v1.mittwald.de/replicate-to": "demo"}},
    {"annotations": {"reflector.v1.k8s.emberstack.com/reflection-allowed": "true"}},
]


@pytest.mark.parametrize("metadata", NOT_OWNED)
def test_what_a_person_writes_or_copies_is_not_owned(metadata: dict[str, Any]) -> None:
    assert secret_owners.find(metadata, ["K"]) == ""


def test_a_release_of_helm_is_known_by_its_annotation() -> None:
    assert secret_owners.helm_release({"annotations": {"meta.helm.sh/release-name": "shop"}}) == "shop"
    assert secret_owners.helm_release({"labels": {"app.kubernetes.io/managed-by": "Helm"}}) == ""
