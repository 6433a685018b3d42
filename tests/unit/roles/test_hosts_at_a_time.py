# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where commands or a cluster have the keys, hosts write one after another: the place may be one for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ..yaml_files import read_yaml

ROLES = Path(__file__).parents[3] / "roles"
COMMANDS = {"read": ["platform", "get"], "write": ["platform", "set"]}


def all_tasks(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in listed:
        yield task
        for part in ("block", "rescue", "always"):
            yield from all_tasks(task.get(part, []))


def test_every_task_that_writes_keys_is_bounded() -> None:
    tasks = [
        task
        for path in ROLES.glob("*/tasks/*.yml")
        if path.stem != "one_host"  # of a play with one host
        for task in all_tasks(read_yaml(path) or [])
        if {"tetech.key_rotation.env_file", "tetech.key_rotation.env_file_info"} & task.keys()
        or "_switch" in written(task)
        or "rehearsal" in written(task)
    ]
    assert len(tasks) >= 8
    alone = [task for task in tasks if task.get("run_once")]
    assert {task.get("throttle") for task in tasks if task not in alone} == {"{{ __key_rotation_hosts_at_a_time }}"}
    for task in alone:  # where there are several hosts, another task does it
        assert re.search(r"rehearsal\] if __\w+_is_alone", written(task))


def written(task: dict[str, Any]) -> str:
    """What a task does in one process, by the names of the variables that describe it."""
    return str(task.get("tetech.key_rotation.host_tasks", {}).get("tasks", ""))


@pytest.mark.parametrize(
    ("destinations", "hosts"),
    [
        ([None], 0),
        ([{"destination": "/etc/app/key"}, {"destination": {"file": "/etc/app/a.ini", "path": "a.b"}}], 0),
        ([{"destination": {"unit": ["web"]}}, None], 0),
        ([None, {"destination": "/etc/app/key"}, {"destination": COMMANDS}], 1),
        ([{"destination": {"secret": "app-keys"}}], 1),
    ],
)
def test_it_is_one_host_if_one_place_may_be_for_all(destinations: list[dict[str, Any] | None], hosts: int) -> None:
    keys = [{"name": f"KEY_{number}", **(each or {})} for number, each in enumerate(destinations)]
    text = read_yaml(ROLES / "variable_defaults/vars/main.yml")
    own = {name: trust_as_template(text[name]) for name in ("__key_rotation_destinations", "__key_rotation_secrets")}
    templar = Templar(loader=DataLoader(), variables={"key_rotation_keys": keys, **own})
    assert int(templar.template(trust_as_template(text["__key_rotation_hosts_at_a_time"]))) == hosts
