# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a Secret of an API server with real TLS, by kubectl(1) and by the Python package."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    destination_interface,
    key_destinations,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._kubernetes import kubernetes_api
from ansible_collections.tetech.key_rotation.tests.kubernetes_server import NAMESPACE, SECRETS, Cluster, serving

OLD = {"FIELD_KEY": "CANARY-old", "salt": "CANARY-salt\n", "other": "CANARY-other"}


@pytest.fixture(params=["kubectl", pytest.param("package", marks=pytest.mark.thorough)])  # a second for each request
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "package":
        pytest.importorskip("kubernetes")
    elif not shutil.which("kubectl"):
        pytest.fail("apt-get install kubectl: there is none")
    monkeypatch.setattr(kubernetes_api, "_has_package", lambda: request.param == "package")


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.add_secret("app-keys", OLD, labels={"app.kubernetes.io/name": "app"})
    return made


@pytest.fixture
def keys(cluster: Cluster, client: None, tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    with serving(tmp_path, cluster) as kubeconfig:
        place = {"secret": "app-keys", "namespace": NAMESPACE, "kubeconfig": str(kubeconfig)}
        yield [
            {"name": "FIELD_KEY", "destination": place},
            {"name": "SALT", "destination": {**place, "entry": "salt", "context": ""}},
        ]


def switch(keys: list[dict[str, Any]], **values: str) -> None:
    destination_interface.write(key_destinations.changes("", keys, values, "dotenv"))


def refused(act: Callable[..., object], *args: Any, **more: Any) -> RotationError:
    with pytest.raises(RotationError) as told:
        act(*args, **more)
    assert "CANARY" not in str(told.value)
    return told.value


def test_entries_are_replaced_together_and_nothing_else(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    assert key_destinations.read(None, keys) == {"FIELD_KEY": "CANARY-old", "SALT": "CANARY-salt"}
    assert [place.names for place in key_destinations.exported(keys)] == [["FIELD_KEY", "SALT"]]
    before, count = cluster.objects[f"{SECRETS}/app-keys"], len(cluster.requests)
    changes = key_destinations.changes("", keys, {"FIELD_KEY": "CANARY-new", "SALT": "CANARY-s"}, "dotenv")
    destination_interface.rehearse(changes)
    assert cluster.objects[f"{SECRETS}/app-keys"] is before, "a rehearsal changes nothing"
    destination_interface.write(changes)
    assert cluster.values("app-keys") == {**OLD, "FIELD_KEY": "CANARY-new", "salt": "CANARY-s\n"}
    assert cluster.objects[f"{SECRETS}/app-keys"]["metadata"]["labels"] == before["metadata"]["labels"]
    puts = [path for method, path in cluster.requests[count:] if method == "PUT"]
    assert ["dryRun=All" in path for path in puts] == [True, False]
    switch(keys, FIELD_KEY="CANARY-old", SALT="CANARY-salt")
    assert cluster.values("app-keys") == OLD
    assert key_destinations.changes("", keys, {"FIELD_KEY": "CANARY-old", "SALT": "CANARY-salt"}, "dotenv") == []


def test_a_change_by_someone_else_is_not_overwritten(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    def touch(path: str) -> None:
        cluster.before_put = lambda _: None
        there = cluster.objects[path]
        cluster.put(path, {**there, "metadata": {**there["metadata"], "labels": {"touched": "yes"}}})

    cluster.before_put = touch
    error = refused(switch, keys, FIELD_KEY="CANARY-new", SALT="CANARY-s")
    assert (error.code, "still has its previous values" in error.changed) == ("E_KUBERNETES_CONFLICT", True)
    assert cluster.values("app-keys") == OLD
    switch(keys, FIELD_KEY="CANARY-new", SALT="CANARY-s")
    assert cluster.objects[f"{SECRETS}/app-keys"]["metadata"]["labels"] == {"touched": "yes"}


def test_what_another_host_has_written_is_taken_as_written(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    new = {**OLD, "FIELD_KEY": "CANARY-new", "salt": "CANARY-s\n"}

    def write_first(path: str) -> None:
        cluster.before_put = lambda _: None
        cluster.add_secret("app-keys", new)

    cluster.before_put = write_first
    switch(keys, FIELD_KEY="CANARY-new", SALT="CANARY-s")
    assert cluster.values("app-keys") == new


def test_a_write_whose_answer_is_lost_is_read_again(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    def fail(path: str) -> None:
        raise ConnectionAbortedError

    cluster.before_put = fail
    error = refused(switch, keys, FIELD_KEY="CANARY-new", SALT="CANARY-s")
    assert (error.code, "still has its previous values" in error.changed) == ("E_KUBERNETES_API", True)

    def write_and_fail(path: str) -> None:
        cluster.add_secret("app-keys", {**OLD, "FIELD_KEY": "CANARY-new", "salt": "CANARY-s\n"})
        raise ConnectionAbortedError

    cluster.before_put = write_and_fail
    switch(keys, FIELD_KEY="CANARY-new", SALT="CANARY-s")


def test_without_the_right_the_rehearsal_fails(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    cluster.forbidden = {"PUT"}
    changes = key_destinations.changes("", keys, {"FIELD_KEY": "CANARY-new", "SALT": "CANARY-s"}, "dotenv")
    error = refused(destination_interface.rehearse, changes)
    assert (error.code, error.where["reason"]) == ("E_KUBERNETES_API", "status 403")
    assert "kubectl --kubeconfig=" in error.todo


OWNED: list[tuple[dict[str, Any], str]] = [
    ({"ownerReferences": [{"kind": "ExternalSecret", "name": "app", "uid": "1"}]}, "ExternalSecret app"),
    ({"labels": {"reconcile.external-secrets.io/managed": "true"}}, "External Secrets"),
    ({"annotations": {"sealedsecrets.bitnami.com/managed": "true"}}, "Sealed Secrets"),
    ({"annotations": {"argocd.argoproj.io/tracking-id": "app:/Secret:prod/app-keys"}}, "Argo CD"),
    ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux"),
]


@pytest.mark.parametrize(("metadata", "owner"), OWNED)
def test_a_secret_that_a_controller_owns_is_refused(
    cluster: Cluster, keys: list[dict[str, Any]], metadata: dict[str, Any], owner: str
) -> None:
    cluster.add_secret("app-keys", OLD, **metadata)
    for act in (
        lambda: key_destinations.refuse_unwritable(None, keys),
        lambda: switch(keys, FIELD_KEY="CANARY-new", SALT="CANARY-s"),
    ):
        error = refused(act)
        assert (error.code, error.where["owner"]) == ("E_KUBERNETES_OWNER", owner)
    assert cluster.values("app-keys") == OLD


def test_a_secret_that_a_controller_has_written_is_refused(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    (managed,) = cluster.objects[f"{SECRETS}/app-keys"]["metadata"]["managedFields"]
    managed["manager"] = "kubectl-client-side-apply"
    key_destinations.refuse_unwritable(None, keys)
    managed["manager"] = "externalsecrets.external-secrets.io/app"
    error = refused(key_destinations.refuse_unwritable, None, keys)
    assert (error.code, error.where["owner"]) == ("E_KUBERNETES_OWNER", "External Secrets")


def test_a_secret_of_a_helm_release_is_written_and_says_so(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    assert key_destinations.rewritten(None, keys) == {}
    cluster.add_secret("app-keys", OLD, annotations={"meta.helm.sh/release-name": "shop"})
    assert key_destinations.rewritten(None, keys) == {"the Secret prod/app-keys": "helm upgrade shop"}
    key_destinations.refuse_unwritable(None, keys)


@pytest.mark.parametrize("value", ["", "CANARY\nCANARY", "CANARY\0"])
def test_an_entry_that_is_no_key_is_refused(cluster: Cluster, keys: list[dict[str, Any]], value: str) -> None:
    cluster.add_secret("app-keys", {**OLD, "salt": value})
    error = refused(key_destinations.read, None, keys)
    assert (error.code, error.where["entry"]) == ("E_KUBERNETES_SECRET", "salt")
    assert error.where["fault"] == "is not a text on one line"


def test_what_is_not_there_is_refused(cluster: Cluster, keys: list[dict[str, Any]]) -> None:
    cluster.add_secret("app-keys", {"salt": "CANARY"})
    assert refused(key_destinations.read, None, keys).where["fault"] == "is not set"
    assert key_destinations.read(None, keys, every=False) == {"SALT": "CANARY"}
    cluster.add_secret("app-keys", OLD)
    cluster.objects[f"{SECRETS}/app-keys"]["immutable"] = True
    assert "immutable" in refused(key_destinations.refuse_unwritable, None, keys).where["fault"]
    del cluster.objects[f"{SECRETS}/app-keys"]
    error = refused(key_destinations.read, None, keys)
    assert (error.code, error.where["place"]) == ("E_KUBERNETES_MISSING", "the Secret prod/app-keys")


def test_another_server_and_another_user_are_refused(
    keys: list[dict[str, Any]], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = [{"name": "K", "destination": {**keys[0]["destination"], "context": "stranger"}}]
    assert refused(key_destinations.read, None, stranger).code == "E_KUBERNETES_API"
    path = tmp_path / "kubeconfig"
    config = json.loads(path.read_text())
    with serving(tmp_path_factory.mktemp("other"), Cluster()) as other:  # whose authority nobody here knows
        theirs = json.loads(other.read_text())["clusters"][0]["cluster"]
        config["clusters"][0]["cluster"]["server"] = theirs["server"]
        path.write_text(json.dumps(config))
        assert refused(key_destinations.read, None, keys).code == "E_KUBERNETES_API"


def test_without_a_client_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_api, "_has_package", lambda: False)
    monkeypatch.setenv("PATH", "/nowhere")
    keys = [{"name": "K", "destination": {"secret": "app-keys"}}]
    assert refused(key_destinations.read, None, keys).code == "E_KUBERNETES_CLIENT"


def test_places_are_named_without_a_look_at_the_cluster() -> None:
    keys = [{"name": name, "destination": {"secret": "s", "namespace": "n"}} for name in ("A", "B")]
    assert key_destinations.described(None, keys) == "the Secret n/s"
    assert key_destinations.together(keys) == [["A", "B"]]
