# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback.rollback_loss import RollbackLoss

OLD, NEW = "0" * 15 + "1", "0" * 15 + "2"


def left(**counts):
    """The census of a rollback, and what of it may need the version that the .env file is about to lose."""
    needing = [
        {"column": "t.c", "class": name, "count": count, "rows": [f"t.c:{row}" for row in range(1, min(count, 2) + 1)]}
        for name, count in counts.items()
    ]
    targets = [{"classes": {"previous": 9, **counts}}]
    return {"targets": targets, "key_ids": {"previous": OLD, "current": NEW}, "needing": needing}


def judged(census, acknowledged):
    return RollbackLoss(census, "ansible-playbook rollback.yml").judged(acknowledged)


def test_a_rollback_that_loses_nothing_continues():
    assert not judged(left(), "").get("failed")
    assert judged({"failed": True, "msg": "x"}, "") == {"failed": True, "msg": "x"}


def test_a_rollback_that_would_lose_values_names_them_and_what_is_where():
    result = judged(left(nested=1, unreadable=5), "")
    assert (result["failed"], result["error"]["code"]) == (True, "E_ROLLBACK_LOSES")
    assert f"6 values may need version {NEW}" in result["error"]["what"]
    assert result["error"]["what"].endswith("t.c:1, t.c:1, t.c:2 and 3 more")
    assert "key_rotation_rollback_acknowledge=t.c:1,t.c:5" in result["error"]["todo"]
    assert result["targets"], "the record keeps what was counted"


@pytest.mark.parametrize(
    ("acknowledged", "failed"), [("t.c:2", False), ("t.c:3", True), ("t.c", True), ("accept", True), ("", True)]
)
def test_it_continues_only_if_exactly_these_values_are_acknowledged(acknowledged, failed):
    assert bool(judged(left(unreadable=2), acknowledged).get("failed")) is failed


def test_values_that_can_be_brought_back_are_never_given_up():
    result = judged(left(current=2), "t.c:2")
    assert result["error"]["code"] == "E_ROLLBACK_LOSES"
    assert "ansible-playbook rollback.yml" in result["error"]["todo"]
    assert "acknowledge" not in result["error"]["todo"]
