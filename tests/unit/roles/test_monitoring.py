# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules and the dashboard, by Prometheus' own promtool (Debian: prometheus)."""

from __future__ import annotations

import json
import re

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import rewrite_progress
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring.metrics import METRICS
from ansible_collections.tetech.key_rotation.tests.promtool_fixtures import (  # noqa: F401
    FILES,
    RULES,
    alerts,
    dashboard,
    expressions,
    promtool,
)

WRITTEN = {*METRICS, *rewrite_progress.METRICS}


def metrics_of(text: str) -> set[str]:
    return set(re.findall(r"\bkey_rotation_\w+", text))


def test_of_two_hosts_that_have_tried_the_values_the_dashboard_shows_the_later_one(promtool, dashboard, tmp_path):
    """Once b was asked, and now it is a again, who finds the value mended."""
    series = {
        'key_rotation_census_timestamp_seconds{instance="a",project="p"}': 900,
        'key_rotation_decryption_success_ratio{instance="a",project="p"}': 1,
        'key_rotation_values{instance="a",project="p",column="t.c",class="current"}': 10,
        'key_rotation_values{instance="a",project="p",column="t.c",class="unreadable"}': 0,
        'key_rotation_census_timestamp_seconds{instance="b",project="p"}': 300,
        'key_rotation_decryption_success_ratio{instance="b",project="p"}': 0.9,
        'key_rotation_values{instance="b",project="p",column="t.c",class="current"}': 9,
        'key_rotation_values{instance="b",project="p",column="t.c",class="unreadable"}': 1,
    }
    shown = {
        "Values that the current keys decrypt": [{"labels": "{}", "value": 1}],
        "Unreadable values, by column": [{"labels": '{column="t.c",class="unreadable"}', "value": 0}],
        "Values, by the keys that decrypt them": [
            {"labels": '{class="current"}', "value": 10},
            {"labels": '{class="unreadable"}', "value": 0},
        ],
    }
    queries = {panel["title"]: panel["targets"][0]["expr"] for panel in dashboard["panels"]}
    asked = [
        {"expr": re.sub(r"\$(project|instance)", ".*", queries[title]), "eval_time": "5m", "exp_samples": samples}
        for title, samples in shown.items()
    ]
    numbers = [{"series": name, "values": f"{value}x10"} for name, value in series.items()]
    path = tmp_path / "dashboard.test.yml"
    test = {"interval": "1m", "input_series": numbers, "promql_expr_test": asked}
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}), encoding="utf-8")
    promtool("test", "rules", str(path))


def test_rules_and_dashboard_ask_for_what_is_written_and_for_all_of_it(dashboard):
    asked_by_rules = set().union(*(metrics_of(rule["expr"]) for rule in alerts()))
    asked = asked_by_rules | set().union(*map(metrics_of, expressions(dashboard)))
    variables = [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    assert asked | set().union(*map(metrics_of, variables)) <= WRITTEN
    assert set(METRICS) <= asked


def test_the_dashboard_has_no_two_panels_in_one_place(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {"${datasource}"}


def test_each_alert_says_what_to_do():
    for rule in alerts():
        assert {"summary", "description"} == set(rule["annotations"]), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
