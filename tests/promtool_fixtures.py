# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules, the dashboard, and Prometheus' own promtool (Debian: prometheus) for both."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from .unit_fixtures import CHECKOUT

FILES = CHECKOUT / "roles/monitoring/files"
RULES = FILES / "key_rotation.rules.yml"


@pytest.fixture(scope="module")
def promtool() -> Callable[..., str]:
    def run(*words: str) -> str:
        done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    return json.loads((FILES / "key_rotation.dashboard.json").read_text(encoding="utf-8"))


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
