# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads that use a Secret: their rollouts, and under which keys their pods are."""

from __future__ import annotations

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
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import secret_pods, units
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.listed_services import service_of
from ansible_collections.tetech.key_rotation.tests.kubernetes_server import (
    DEPLOYMENTS,
    NAMESPACE,
    SECRETS,
    Cluster,
    serving,
    wait_for_a_new_second,
)

REFERENCE = {"name": "app-keys", "key": "K"}
SPECS: dict[str, dict[str, Any]] = {
    "envFrom": {"containers": [{"name": "a", "envFrom": [{"configMapRef": {}}, {"secretRef": {"name": "app-keys"}}]}]},
    "env": {"containers": [{"name": "a", "env": [{"name": "K", "valueFrom": {"secretKeyRef": REFERENCE}}]}]},
    "init": {"initContainers": [{"name": "a", "envFrom": [{"secretRef": {"name": "app-keys"}}]}], "containers": []},
    "volume": {"containers": [], "volumes": [{"name": "v", "secret": {"secretName": "app-keys"}}]},
    "projected": {"containers": [], "volumes": [{"projected": {"sources": [{"secret": {"name": "app-keys"}}]}}]},
}


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.add_secret("app-keys", {"K": "CANARY-old"})
    return made


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not shutil.which("kubectl"):
        pytest.fail("apt-get install kubectl: there is none")
    monkeypatch.setattr(kubernetes_api, "_has_package", lambda: False)
    with serving(tmp_path, cluster) as path:
        yield str(path)


@pytest.fixture
def workload(kubeconfig: str) -> Callable[[str], units.Service]:
    def of(name: str) -> units.Service:
        described = {"name": name, "namespace": NAMESPACE, "kubeconfig": kubeconfig}
        return service_of({"name": "web", "workload": described})

    return of


def refused(act: Callable[..., object], *args: Any) -> RotationError:
    with pytest.raises(RotationError) as told:
        act(*args)
    return told.value


def test_a_workload_has_as_many_pods_after_its_start_as_before_its_stop(
    cluster: Cluster, workload: Callable[[str], units.Service]
) -> None:
    cluster.add_deployment("web", 3, SPECS["env"])
    web = workload("deployment/web")
    web.refuse_unfit(["web"])
    assert (web.is_up(unknown=False), web.is_well(), web.is_to_be_started) == (True, True, False)

    def touch(path: str) -> None:  # as a controller does with the status
        cluster.before_put = lambda _: None
        cluster.put(path, cluster.objects[path])

    cluster.before_put = touch
    units.stop(web, 30)
    assert (web.is_up(unknown=False), web.is_to_be_started, cluster.pods) == (False, True, [])
    units.stop(web, 30)
    units.start(web, 30)
    there = cluster.objects[f"{DEPLOYMENTS}/web"]
    assert (web.is_well(), len(cluster.pods), there["metadata"]["annotations"]) == (True, 3, {})


def test_a_stop_waits_for_pods_in_their_grace_period(
    cluster: Cluster, workload: Callable[[str], units.Service]
) -> None:
    cluster.add_deployment("web", 2, SPECS["env"])
    cluster.add_deployment("other", 1, SPECS["env"])
    cluster.grace = 2
    web = workload("deployment/web")
    units.stop(web, 30)
    assert (web.is_up(unknown=False), len(cluster.pods)) == (False, 1)


def test_pods_that_do_not_end_in_time_are_named(cluster: Cluster, workload: Callable[[str], units.Service]) -> None:
    cluster.add_deployment("web", 2, SPECS["env"])
    cluster.grace = 600
    names = [pod["metadata"]["name"] for pod in cluster.pods]
    error = refused(units.stop, workload("deployment/web"), 0.5)
    assert (error.code, f"these pods: {', '.join(names)}" in error.what) == ("E_SERVICE_STOP", True)


def test_a_pod_of_another_owner_with_the_same_labels_is_not_waited_for(
    cluster: Cluster, workload: Callable[[str], units.Service]
) -> None:
    cluster.add_deployment("web", 1, SPECS["env"])
    web = workload("deployment/web")
    units.stop(web, 30)
    cluster.add_deployment("web", 1, SPECS["env"])
    (pod,) = cluster.pods
    cluster.objects[f"{DEPLOYMENTS}/web"]["spec"]["replicas"] = 0
    cluster.objects[f"{DEPLOYMENTS}/web"]["status"] = {}
    assert web.is_up(unknown=False)
    pod["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "nightly"}]
    assert not web.is_up(unknown=False)


def test_a_workload_that_someone_scales_to_nothing_is_waited_for_and_not_started(
    cluster: Cluster, workload: Callable[[str], units.Service]
) -> None:
    cluster.add_deployment("web", 2, SPECS["env"])
    cluster.grace = 2
    cluster.add_deployment("web", 0, SPECS["env"])
    web = workload("deployment/web")
    assert (web.is_up(unknown=False), web.is_to_be_started) == (True, False)
    units.stop(web, 30)
    assert cluster.pods == []
    units.start(web, 30)
    assert (web.is_well(), cluster.pods) == (True, [])


def test_a_rollout_that_never_ends_is_an_error_with_what_to_type(
    cluster: Cluster, workload: Callable[[str], units.Service], kubeconfig: str
) -> None:
    cluster.add_deployment("web", 2, SPECS["env"])
    web = workload("deployment/web")
    units.stop(web, 30)
    cluster.is_stuck = True
    error = refused(units.start, web, 0.5)
    assert (error.code, f"kubectl --kubeconfig={kubeconfig} -n prod rollout status deployment/web" in error.todo) == (
        "E_SERVICE_START",
        True,
    )


def test_what_is_no_such_workload_is_refused(workload: Callable[[str], units.Service]) -> None:
    assert refused(workload, "daemonset/web").code == "E_WORKLOAD"
    assert refused(workload, "web").code == "E_WORKLOAD"
    error = refused(workload("statefulset/db").refuse_unfit, [])
    assert (error.code, "statefulset/db in the namespace prod" in error.what) == ("E_KUBERNETES_MISSING", True)


@pytest.mark.parametrize("use", SPECS)
def test_a_pod_that_is_older_than_the_last_change_has_the_previous_keys(
    cluster: Cluster, kubeconfig: str, workload: Callable[[str], units.Service], use: str
) -> None:
    cluster.add_deployment("web", 2, SPECS[use])
    cluster.add_deployment("other", 1, {"containers": [{"name": "a", "env": [{"name": "K", "value": "x"}]}]})
    keys = [{"name": "K", "destination": {"secret": "app-keys", "namespace": NAMESPACE, "kubeconfig": kubeconfig}}]
    (place,) = key_destinations.secrets(keys)
    before = secret_pods.judge(place, "")
    assert [(pod.unit, pod.stale, pod.key_id) for pod in before] == [("deployment/web", False, "")] * 2
    described = {"name": "deployment/web", "namespace": NAMESPACE, "kubeconfig": kubeconfig}
    assert [pod.as_result()["workload"] for pod in before] == [described] * 2
    wait_for_a_new_second()
    destination_interface.write(key_destinations.changes("", keys, {"K": "CANARY-new"}, "dotenv"))
    stale = secret_pods.judge(place, "0123456789abcdef")
    assert [(pod.stale, pod.key_id) for pod in stale] == [(True, "")] * 2
    restart = f"kubectl --kubeconfig={kubeconfig} -n prod rollout restart deployment/web"
    assert {pod.todo for pod in stale} == {restart}
    wait_for_a_new_second()
    web = workload("deployment/web")
    units.stop(web, 30)
    units.start(web, 30)
    there = cluster.objects[f"{SECRETS}/app-keys"]  # a change of something else does not count
    cluster.put(f"{SECRETS}/app-keys", {**there, "metadata": {**there["metadata"], "labels": {"a": "b"}}})
    found = secret_pods.judge(place, "0123456789abcdef")
    assert [(pod.stale, pod.key_id, pod.todo) for pod in found] == [(False, "0123456789abcdef", "")] * 2


def test_a_pod_of_which_it_is_not_known_is_stale(cluster: Cluster, kubeconfig: str) -> None:
    cluster.add_deployment("web", 1, SPECS["env"])
    (pod,) = cluster.pods
    pod["metadata"]["ownerReferences"] = []
    cluster.objects[f"{SECRETS}/app-keys"]["metadata"]["managedFields"] = []
    keys = [{"name": "K", "destination": {"secret": "app-keys", "namespace": NAMESPACE, "kubeconfig": kubeconfig}}]
    (judged,) = secret_pods.judge(key_destinations.secrets(keys)[0], "0123456789abcdef")
    assert (judged.stale, f"delete pod {pod['metadata']['name']}" in judged.todo) == (True, True)
    pod["status"]["phase"] = "Succeeded"
    assert secret_pods.judge(key_destinations.secrets(keys)[0], "0123456789abcdef") == []


def test_a_pod_in_its_grace_period_is_waited_for(
    cluster: Cluster, kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_deployment("web", 1, SPECS["env"])
    keys = [{"name": "K", "destination": {"secret": "app-keys", "namespace": NAMESPACE, "kubeconfig": kubeconfig}}]
    (place,) = key_destinations.secrets(keys)
    destination_interface.write(key_destinations.changes("", keys, {"K": "CANARY-new"}, "dotenv"))
    cluster.grace = 4
    cluster.add_deployment("web", 0, SPECS["env"])
    assert secret_pods.judge(place, "") == [], "it is gone before a switch"
    assert len(cluster.pods) == 1
    assert secret_pods.judge(place, "0123456789abcdef") == []

    cluster.add_deployment("web", 1, SPECS["env"])
    destination_interface.write(key_destinations.changes("", keys, {"K": "CANARY-newer"}, "dotenv"))
    cluster.grace = 600
    cluster.add_deployment("web", 0, SPECS["env"])
    monkeypatch.setattr(secret_pods, "PATIENCE", 0.1)
    (judged,) = secret_pods.judge(place, "0123456789abcdef")
    (pod,) = cluster.pods
    assert (judged.stale, "still runs in its grace period" in judged.reason) == (True, True)
    assert f"wait --for=delete pod/{pod['metadata']['name']}" in judged.todo
