# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules and the dashboard, by Prometheus' own promtool (Debian: prometheus)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import CHECKOUT

FILES = CHECKOUT / "roles/monitoring/files"
RULES = FILES / "key_rotation.rules.yml"
RULES_TEST = Path(__file__).with_name("key_rotation.rules.test.yml")


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


def test_the_rules_load(promtool):
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(RULES))


def test_each_rule_tells_what_it_should_and_nothing_else(promtool, tmp_path):
    for path in (RULES, RULES_TEST):
        shutil.copy(path, tmp_path)
    promtool("test", "rules", str(tmp_path / RULES_TEST.name))
    tested = RULES_TEST.read_text()
    for rule in alerts():
        told = re.search(rf"alertname: {rule['alert']}\n +exp_alerts:", tested)
        silent = re.search(rf"alertname: {rule['alert']}\n(?! +exp_alerts:)", tested)
        assert told, rule["alert"]
        assert silent or rule["alert"] == "KeyRotationSlow", rule["alert"]  # silent for its second series


def test_every_query_of_the_dashboard_is_one_that_prometheus_takes(promtool, dashboard, tmp_path):
    queries = [{"record": f"panel_{index}", "expr": query} for index, query in enumerate(expressions(dashboard))]
    rules = tmp_path / "queries.yml"
    rules.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": queries}]}), encoding="utf-8")
    assert f"{len(queries)} rules found" in promtool("check", "rules", str(rules))
