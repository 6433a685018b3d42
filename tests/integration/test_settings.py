# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's variables: each mistake is one error, at the start of every playbook, and is printed once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from .conftest import PLAYBOOKS, Site

CANARY = "c4n4ry-of-a-secret"
SHOWN = "Action failed: E_"  # as Ansible prints the error of a task
MEANT = "Did you mean key_rotation_services?"


def write(site: Site, **wrong: Any) -> None:
    """The inventory as a person writes it, a line for each variable."""
    site.write_inventory(**wrong)
    site.inventory.write_text(yaml.safe_dump(json.loads(site.inventory.read_text())))


def line(site: Site, name: str) -> str:
    lines = site.inventory.read_text().splitlines()
    return f"{site.inventory}:{1 + next(at for at, text in enumerate(lines) if f'{name}:' in text)}"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("key_rotation_servces", [CANARY], f"is not a variable of this collection. Nothing was changed. {MEANT}"),
        ("key_rotation_workers", CANARY, "must be an integer. Nothing was changed. See ansible-doc -t role"),
        ("key_rotation_keys", None, "is empty. Nothing was changed. List the keys, or remove the line"),
        ("key_rotation_env_file", "{{ projct_dir }}/.env", "uses the variable projct_dir, which is not set. Nothing"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_error_with_its_place_and_its_cure(site: Site, name: str, value: Any, found: str) -> None:
    write(site, **{name: value})
    before = site.tokens(), site.env_file.read_bytes()
    outcome = site.play("rotate")
    assert (outcome.code, outcome.error(), outcome.text.count(SHOWN)) == (2, "E_VARIABLE", 1), outcome.text
    assert f"{name} ({line(site, name)}) {found}" in outcome.text
    assert CANARY not in outcome.text
    assert (site.tokens(), site.env_file.read_bytes()) == before
    assert not site.store.exists()
    (attempt,) = map(json.loads, (site.folder / "records/refused/record.jsonl").read_text().splitlines())
    assert attempt["error"]["code"] == "E_VARIABLE"
    assert outcome.text.count(attempt["error"]["todo"]) == 2, "Ansible prints the message, and the result that has it"


def test_all_mistakes_are_shown_at_once_and_a_wrong_option_of_the_record_does_not_lose_the_refusal(site: Site) -> None:
    write(
        site,
        key_rotation_environment=CANARY,
        key_rotation_processes={"unit": CANARY},
        key_rotation_services=[{"name": "web", "stop": ["true"], CANARY: 1}],
        key_rotation_hold_days=CANARY,
    )
    outcome = site.play("rotate", "-e", "key_rotation_fenc=off")
    assert (outcome.code, outcome.error(), outcome.text.count(SHOWN)) == (2, "E_OPTIONS", 1), outcome.text
    for words in (
        "E_OPTIONS: 5 variables are invalid. Nothing was changed. Correct them:",
        "* key_rotation_fenc (CLI option '-e') is not a variable of this collection. Did you mean key_rotation_fence?",
        f"* key_rotation_environment ({line(site, 'key_rotation_environment')}) must be one of demo, staging, ",
        f"* key_rotation_processes.unit ({line(site, 'key_rotation_processes')}) is not one of units, pids, patterns, ",
        "* key_rotation_services[0].(not shown) (",
        f"* key_rotation_hold_days ({line(site, 'key_rotation_hold_days')}) must be an integer.",
    ):
        assert words in outcome.text
    assert CANARY not in outcome.text
    assert (site.folder / "records/refused/record.jsonl").exists()


def test_a_wrong_project_directory_is_one_error(site: Site) -> None:
    site.write_inventory(key_rotation_project_dir="/srv/nowhere")
    outcome = site.play("rotate")
    assert (outcome.code, outcome.error(), outcome.text.count(SHOWN)) == (2, "E_HOST_PYTHON", 1), outcome.text
    assert (
        "there is no Python at /srv/nowhere/.venv/bin/python. Nothing was changed. Set key_rotation_python"
        in outcome.text
    )
    assert "or correct key_rotation_project_dir" in outcome.text


def test_an_emergency_stop_warns_of_a_wrong_variable_and_continues(site: Site) -> None:
    variables = {"ansible_connection": "local", "key_rotation_project_dir": str(site.project)}
    services = [{"name": "web", "stop": ["touch", str(site.project / "stopped")], "start": ["true"]}]
    of_host = {**variables, "key_rotation_services": services, "key_rotation_servces": CANARY}
    site.inventory.write_text(yaml.safe_dump({"application": {"hosts": {"a": of_host}}}))
    outcome = site.play("maintenance")
    told = " ".join(outcome.text.split())
    assert "is not a variable of this collection. Did you mean key_rotation_services?" in told
    assert (site.project / "stopped").exists(), outcome.text
    assert CANARY not in outcome.text


@pytest.mark.parametrize(
    "playbook", sorted(path.stem for path in PLAYBOOKS.glob("*.yml") if path.stem != "maintenance")
)
def test_every_playbook_checks_the_variables_of_every_host_first(site: Site, playbook: str) -> None:
    variables = {"ansible_connection": "local", "key_rotation_project_dir": str(site.project)}
    hosts = {"a": dict(variables), "b": {**variables, "key_rotation_servces": CANARY}}
    site.inventory.write_text(yaml.safe_dump({"application": {"hosts": hosts}}))
    outcome = site.play(playbook)
    assert (outcome.code, outcome.error(), outcome.text.count(SHOWN)) == (2, "E_VARIABLE", 1), outcome.text
    assert f"key_rotation_servces ({line(site, 'key_rotation_servces')}) is not a variable" in outcome.text
    assert "ok: [" not in outcome.text.split("PLAY RECAP")[0].replace("ok: [a]\n", "", 1)


@pytest.mark.parametrize("playbook", sorted(path.stem for path in PLAYBOOKS.glob("*.yml")))
def test_a_playbook_without_hosts_fails(site: Site, playbook: str) -> None:
    """0 means verified."""
    site.inventory = site.folder / "misspelled.yml"
    outcome = site.play(playbook)
    assert (outcome.code, outcome.error(), outcome.text.count(SHOWN)) == (2, "E_NO_HOSTS", 1), outcome.text


def test_a_limit_that_leaves_out_every_host_of_the_playbook_is_no_success(site: Site) -> None:
    hosts = json.loads(site.inventory.read_text())
    site.inventory.write_text(json.dumps({**hosts, "web": {"hosts": {"proxy": {}}}}))
    outcome = site.play("verify", "--limit", "proxy", ANSIBLE_STDOUT_CALLBACK="tetech.key_rotation.steps")
    assert outcome.code == 2, outcome.text
    assert "no host of the inventory matches application, so nothing was checked" in " ".join(outcome.text.split())
