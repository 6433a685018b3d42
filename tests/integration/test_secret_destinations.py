# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a Secret of Kubernetes, and the workload that uses it. The API server is one of the tests, with real TLS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.tests.kubernetes_server import (
    NAMESPACE,
    Cluster,
    serving,
    wait_for_a_new_second,
)

from .conftest import READ_ALL, Site
from .test_resume import kill_when, wait_until_gone
from .test_rotate import sampled_processes

SPEC = {"containers": [{"name": "web", "envFrom": [{"secretRef": {"name": "app-keys"}}]}]}


@dataclass
class Production:
    """The application, its cluster, and how to get there."""

    site: Site
    cluster: Cluster
    kubeconfig: Path

    def write_inventory(self, **extra: object) -> None:
        place = {"namespace": NAMESPACE, "kubeconfig": str(self.kubeconfig)}
        settings = {
            "key_rotation_keys": [
                {"name": name, "destination": {"secret": "app-keys", **place}}
                for name in ("SECRET_KEY", "ENCRYPTION_SALT")
            ],
            "key_rotation_services": [{"name": "web", "workload": {"name": "deployment/web", **place}}],
            "key_rotation_services_user": "",
        }
        self.site.write_inventory(**{**settings, **extra})

    def keys(self) -> dict[str, str]:
        return self.cluster.values("app-keys")

    def read_all(self, **other: str) -> dict[str, list[list[object]]]:
        """Every value as a pod of the application reads it that is created now."""
        argv = [str(self.site.project / ".venv/bin/python"), "manage.py", "shell", "--verbosity=0", "--command"]
        variables = {"PATH": os.environ["PATH"], **self.keys(), **other}
        done = subprocess.run(
            [*argv, READ_ALL], cwd=self.site.project, env=variables, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout.split("PLAIN", 1)[1].splitlines()[0])


@pytest.fixture
def production(site: Site) -> Iterator[Production]:
    if not shutil.which("kubectl"):
        pytest.fail("apt-get install kubectl: there is none")
    cluster = Cluster()
    cluster.grace = 1
    cluster.add_secret("app-keys", site.env_values())
    cluster.add_deployment("web", 3, SPEC)
    for name in site.env_values():
        site.set_env(name, "")
    folder = site.folder / "cluster"
    folder.mkdir()
    with serving(folder, cluster) as kubeconfig:
        made = Production(site, cluster, kubeconfig)
        made.write_inventory()
        wait_for_a_new_second()
        yield made


def test_it_is_planned_rotated_verified_and_rolled_back(production: Production, site: Site) -> None:
    plain, keys, pods = production.read_all(), production.keys(), list(production.cluster.pods)
    assert any(value for rows in plain.values() for row in rows for value in row[1:])
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    dry = site.play("rotate", "--check", "--diff")
    assert dry.code == 0, dry.text
    assert (production.keys(), production.cluster.pods) == (keys, pods)

    with sampled_processes(keys) as seen:
        rotated = site.play("rotate", "--diff")
    assert "COMPLETED" in rotated.text, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    new = production.keys()
    assert new == site.stored()["versions"][-1]["values"]
    assert production.read_all() == plain
    assert not any(value for rows in production.read_all(**keys).values() for row in rows for value in row[1:])
    assert len(production.cluster.pods) == 3
    assert not any(pod in pods for pod in production.cluster.pods), "every pod was replaced"

    verified = site.play("verify")
    assert verified.code == 0, verified.text
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert (production.keys(), production.read_all(), len(production.cluster.pods)) == (keys, plain, 3)
    for value in (*keys.values(), *new.values()):
        assert value not in planned.text + dry.text + rotated.text + verified.text + back.text


@pytest.mark.parametrize("then", [pytest.param("rotate", marks=pytest.mark.thorough), "rollback"])
def test_killed_between_write_and_restart_it_is_finished_or_rolled_back(
    production: Production, site: Site, then: str
) -> None:
    plain, keys = production.read_all(), production.keys()
    process = site.start("rotate")
    assert kill_when(site, process, "Switch | Make the new version current", lambda _: lambda _: True)
    wait_until_gone(site)
    assert not set(production.keys().values()) & set(keys.values())
    assert production.cluster.pods == [], "they are not started yet"

    again = site.play(then)

    assert again.code == 0, again.text
    assert (production.keys() == keys) is (then == "rollback")
    assert (production.read_all(), len(production.cluster.pods)) == (plain, 3)
    assert site.play("verify").code == 0


def test_a_secret_that_a_controller_owns_is_refused_before_anything_changes(production: Production, site: Site) -> None:
    production.cluster.add_secret(
        "app-keys", production.keys(), ownerReferences=[{"kind": "ExternalSecret", "name": "app-keys"}]
    )
    keys, tokens = production.keys(), site.tokens()
    refused = site.play("rotate")
    assert (refused.code != 0, "E_KUBERNETES_OWNER" in refused.text) == (True, True), refused.text
    assert (production.keys(), site.tokens(), len(production.cluster.pods)) == (keys, tokens, 3)


def test_a_workload_that_is_not_listed_stops_production_before_anything_changes(
    production: Production, site: Site
) -> None:
    production.cluster.add_deployment("worker", 1, SPEC)
    refused = site.play("rotate", "--check", "-e", "key_rotation_environment=production")
    text = " ".join(refused.text.split())
    assert (refused.code != 0, "does not list deployment/worker in the namespace prod" in text) == (True, True), text
    where = f"namespace: prod, kubeconfig: {production.kubeconfig}"
    assert f"{{name: worker, workload: {{name: deployment/worker, {where}}}}}" in text
    assert "deployment/web in" not in text


@pytest.mark.thorough
def test_a_rollout_that_never_ends_is_rolled_back_with_what_to_type(production: Production, site: Site) -> None:
    plain, keys = production.read_all(), production.keys()
    production.write_inventory(key_rotation_services_timeout=20)

    def get_stuck(path: str) -> None:
        production.cluster.is_stuck = production.keys() != keys  # with the new keys

    production.cluster.before_put = get_stuck
    failed = site.play("rotate")
    text = " ".join(failed.text.split())
    assert (failed.code != 0, "E_SERVICE_START" in text) == (True, True), failed.text
    assert "rollout status deployment/web" in text
    assert (production.keys(), production.read_all(), len(production.cluster.pods)) == (keys, plain, 3)


@pytest.mark.thorough
def test_a_pod_of_a_workload_that_was_not_stopped_is_found(production: Production, site: Site) -> None:
    production.cluster.add_deployment("worker", 1, SPEC)
    wait_for_a_new_second()
    failed = site.play("rotate")
    text = " ".join(failed.text.split())
    assert (failed.code != 0, "E_PROCESS_STALE" in text) == (True, True), failed.text
    assert "rollout restart deployment/worker" in text
