# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The selector of a workload, as the query of a request."""

from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._services import pods


def test_a_selector_has_all_its_requirements() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["web", "api"]},
        {"key": "track", "operator": "NotIn", "values": ["canary"]},
        {"key": "app", "operator": "Exists"},
        {"key": "debug", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"app": "shop", "part": "web"}, "matchExpressions": expressions}
    expected = "app=shop,part=web,tier in (web,api),track notin (canary),app,!debug"
    assert pods.selector_of({"spec": {"selector": selector}}) == expected
