# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules and the dashboard, by Prometheus' own promtool (Debian: prometheus)."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from ansible_collections.tetech.key_rotation.tests.promtool_fixtures import (  # noqa: F401
    FILES,
    RULES,
    alerts,
    dashboard,
    expressions,
    promtool,
)

RULES_TEST = Path(__file__).with_name("key_rotation.rules.test.yml")


def test_the_rules_load(promtool):
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(RULES))


def test_each_rule_reports_what_it_should_and_nothing_else(promtool, tmp_path):
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
