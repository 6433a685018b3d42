# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of each action in a sentence."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen.result_sentences import SENTENCES, sentence

from ....conftest import CHECKOUT

TARGET = {"table": "t", "column": "c", "rows": 5, "classes": {"current": 4, "empty": 1}, "reencrypted": 4}


@pytest.mark.parametrize(
    ("action", "state", "result", "said"),
    [
        ("django_census_info", "", {"targets": [TARGET]}, "4 values in 1 column: 4 current"),
        ("django_reencrypt", "", {"targets": [TARGET], "work": {"seconds": 1.8}}, "4 values re-encrypted in 1.8 s"),
        ("django_reencrypt", "", {"targets": [{**TARGET, "reencrypted": 0}]}, "no value is left under other keys"),
        ("django_plan", "", {"plan": {"targets": [TARGET], "hash": "ab" * 32}}, "1 column to rotate, plan ab"),
        ("key_version", "pending", {"key_id": "0123"}, "version 0123 is in the store"),
        ("env_file", "", {"key_id": "0123", "path": "/x/.env"}, "version 0123 is in /x/.env"),
        ("application_services", "stopped", {"services": ["web", "worker"]}, "stopped: web, worker"),
        ("application_services", "stopped", {"services": []}, "stopped: nothing, because no service was running"),
        (
            "application_reading",
            "",
            {"reading": {"readings": [], "unread": ["t.c"]}},
            "no attribute of a model decrypts t.c: the application's own decryption was not tried",
        ),
        ("application_reading", "", {"reading": None}, ""),
        ("rotation_record", "completed", {"record": "/r"}, ""),
        ("database_lease", "acquired", {"changed": False}, ""),
        ("django_census_info", "", {"msg": "no targets"}, ""),
        ("some.other.action", "", {}, ""),
    ],
)
def test_a_result_in_a_sentence(action, state, result, said):
    assert sentence(f"tetech.key_rotation.{action}", state, result).startswith(said)
    assert said or not sentence(action, state, result)


def test_every_action_of_the_table_exists():
    actions = {path.stem for path in (CHECKOUT / "plugins/action").glob("*.py")}
    assert {name for name, _ in SENTENCES} <= actions
