# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit whose variables the application is started with, if nobody names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ..yaml_files import read_yaml

VALUES = Path(__file__).parents[3] / "roles/variable_defaults/vars/main.yml"
APP = {"name": "app"}
COMMANDS = {"name": "nginx", "stop": ["nginx", "-s", "stop"], "start": ["nginx"]}
IN_FILE = {"file": "/etc/a.env", "dialect": "systemd"}


@pytest.mark.parametrize(
    ("services", "destination", "dialect", "found"),
    [
        ([APP], {"unit": "app"}, "dotenv", "app"),
        ([APP], {"unit": ["app"]}, "dotenv", "app"),
        ([APP], IN_FILE, "dotenv", "app"),
        ([APP], {"unit": "app", "credential": "k"}, "dotenv", "app"),
        ([APP], None, "systemd", "app"),
        ([APP, {"name": "app-jobs.timer"}, {"name": "app.socket"}], None, "systemd", "app"),
        ([{"name": "app.target"}, {"name": "app.service"}, COMMANDS], {"unit": "app"}, "dotenv", "app.service"),
        ([APP, {"name": "worker"}], {"unit": "app"}, "dotenv", ""),
        ([COMMANDS], None, "systemd", ""),
        ([], IN_FILE, "dotenv", ""),
        ([APP], None, "dotenv", ""),
        ([APP], "/etc/app/key", "dotenv", ""),
        ([APP], {"file": "/srv/s.py"}, "dotenv", ""),
        ([APP], {"file": "/etc/a.env", "dialect": "compose"}, "dotenv", ""),
    ],
)
def test_the_only_service_is_found_if_systemd_has_a_key(
    services: list[dict[str, Any]], destination: Any, dialect: str, found: str
) -> None:
    values = {name: trust_as_template(text) for name, text in read_yaml(VALUES).items() if isinstance(text, str)}
    settings = {
        "key_rotation_services": services,
        "key_rotation_services_host": "",
        "key_rotation_dialect": dialect,
        "key_rotation_keys": [{"name": "OTHER"}, {"name": "K", "destination": destination}],
    }
    templar = Templar(loader=DataLoader(), variables={**settings, **values})
    assert templar.template(trust_as_template("{{ __key_rotation_unit }}")) == found
