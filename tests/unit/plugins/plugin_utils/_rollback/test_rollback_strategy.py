# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.application import ApplicationModel
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import (
    DatabaseConnectFailed,
    StatementFailed,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.values import ScanIncomplete
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback import rollback_strategy
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback.rollback_strategy import Situation

PENDING = {"rotation_id": "r1", "destination": "current", "created_stage": "pending", "open": True}
PROMOTED = {"rotation_id": "r1", "destination": "previous", "created_stage": "current", "open": True}
COMPLETED = {**PROMOTED, "open": False}
BEFORE, MIXED, AFTER = {"current": 9, "empty": 2}, {"current": 4, "pending": 5}, {"pending": 9}
HERE, HALF = {"app1": "current", "app2": "current"}, {"app1": "pending", "app2": "current"}
SINCE = {"app1": "current"}
LOST = {"default": ["public.a"], "other": ["public.b"]}
NOWHERE = {"rotation_id": "r1", "destination": None}
LEAKED = {"compromised": "0123456789abcdef"}
RESTORED = {"prefer": "restore", "done": ["restore"]}


@pytest.mark.parametrize(
    ("found", "name", "because"),
    [
        ({**PENDING, "values": BEFORE, "files": HERE}, "discard", "no value is under its keys"),
        ({**PENDING, "values": MIXED, "files": HERE}, "backwards", "5 values are under the keys of rotation r1"),
        ({**PENDING, "values": AFTER, "files": HERE}, "backwards", "9 values"),
        ({**PENDING, "values": BEFORE, "files": HALF}, "backwards", "the keys of app1 are not the previous ones"),
        ({**PENDING, "values": BEFORE, "files": {"app1": "several"}}, "backwards", "the keys of app1"),
        ({**PENDING, "values": AFTER, "files": HALF}, "backwards", "9 values"),
        ({**PENDING, "values": BEFORE, "files": HERE, "migration": "0002.py"}, "backwards", "the migration 0002.py"),
        ({**PROMOTED, "values": {"current": 9}, "files": SINCE}, "backwards", "9 values"),
        ({**COMPLETED, "values": {"current": 9}, "files": SINCE}, "backwards", "9 values"),
        ({**PROMOTED, "values": {"previous": 9}, "files": {"app1": "previous"}}, "backwards", "the store says"),
        (
            {**PENDING, "values": {**MIXED, "unreadable": 3}, "files": HERE},
            "backwards",
            "3 values open under no version",
        ),
        ({**PENDING, "values": MIXED, "files": HERE, "prefer": "forwards"}, "forwards", "you prefer to finish it"),
        ({**COMPLETED, "values": {"current": 9}, "files": SINCE, "prefer": "forwards"}, "backwards", "9 values"),
        (
            {**PENDING, "values": {**MIXED, "unreadable": 3}, "backup": "noon"},
            "repair",
            "3 values open under no version",
        ),
        ({**PENDING, "values": {**MIXED, "unreadable": 3}, "backup": "noon", "done": ["repair"]}, "backwards", "stay"),
        (
            {**COMPLETED, "values": {"current": 9}, "files": SINCE, "prefer": "repair"},
            "settle",
            "there is no rotation to roll back",
        ),
        ({**NOWHERE, "values": {"current": 9, "unreadable": 1}, "backup": "noon"}, "repair", "a backup of noon"),
        ({**NOWHERE, "values": {"current": 9, "unreadable": 1}, "done": ["repair"]}, "settle", ""),
        ({**NOWHERE, "values": {"current": 9}, "prefer": "repair"}, "settle", ""),
        ({**NOWHERE, "values": BEFORE, "files": {**HERE, "app2": "rolled back"}}, "settle", "back without app2"),
        ({**PENDING, "values": BEFORE, "files": {**HERE, "app2": "rolled back"}}, "backwards", "the keys of app2"),
        ({**PENDING, "values": MIXED, "files": HERE, "lost": LOST}, "restore", "has lost public.a, public.b of other"),
        ({**PENDING, "damage": "SQLSTATE XX001"}, "restore", "cannot be read: SQLSTATE XX001"),
        ({**COMPLETED, "values": {"current": 9}, "prefer": "restore"}, "restore", "requested by name"),
        ({**COMPLETED, **RESTORED, "values": {"previous": 9}, "files": SINCE}, "backwards", "the keys of app1"),
        ({**COMPLETED, **RESTORED, "values": {"current": 9}, "files": SINCE}, "settle", ""),
        ({**COMPLETED, **RESTORED, "values": {"older-1": 9}, "files": SINCE}, "settle", ""),
        ({**COMPLETED, "done": ["restore"], "values": {"current": 5, "previous": 4}}, "backwards", "5 values"),
        ({**COMPLETED, **RESTORED, **LEAKED, "values": {"previous": 9}, "files": SINCE}, "settle", ""),
        ({**COMPLETED, **RESTORED, **LEAKED, "returns": True, "values": {"previous": 9}}, "backwards", ""),
        ({**COMPLETED, **LEAKED, "done": ["restore"], "values": {"current": 5, "previous": 4}}, "settle", ""),
        ({**COMPLETED, **LEAKED, "prefer": "repair", "values": {"previous": 9}, "files": SINCE}, "settle", ""),
        ({**COMPLETED, **LEAKED, "values": {"current": 9}, "files": SINCE}, "backwards", ""),  # which is refused
        ({**PENDING, **RESTORED, "values": BEFORE, "files": HERE}, "discard", ""),
        ({**PENDING, **RESTORED, "lost": LOST, "values": BEFORE, "files": HERE}, "discard", ""),
        (
            {**PENDING, **RESTORED, "values": {"older-1": 9}, "files": HERE},
            "backwards",
            "9 values are under older keys",
        ),
        (
            {**PENDING, "values": {"previous": 9}, "files": HERE, "restored": True},
            "backwards",
            "9 values are under older keys than the previous ones",
        ),
        ({**PENDING, "values": {"current": 5, "previous": 3}, "files": HERE}, "discard", ""),  # rows of a late worker
        ({"rotation_id": "r2", "destination": None, "begun": True}, "nothing", "before it created a key"),
        (
            {"rotation_id": "r1", "destination": None, "rolled_back": True},
            "nothing",
            "only the end of its record is missing",
        ),
    ],
)
def test_the_strategy_for_each_state_and_why(found, name, because):
    chosen = rollback_strategy.choose(Situation(**found))
    assert chosen.name == name
    assert because in chosen.reason


def test_the_databases_in_ruins_are_named_by_their_alias():
    assert Situation(**PENDING, lost=LOST, damage="SQLSTATE XX001", damaged="third").damaged_databases == [
        "default",
        "other",
        "third",
    ]
    assert Situation(**PENDING).damaged_databases == []


def test_every_strategy_says_what_it_does():
    assert {rule.strategy for rule in rollback_strategy.RULES} == set(rollback_strategy.DOES)


def test_a_run_that_died_before_it_made_a_version_is_the_one_that_is_ended_not_the_one_before_it(history):
    history.promote()
    history.close("r1")
    assert rollback_strategy.of_store(history, None, "r2")["destination"] is None
    assert rollback_strategy.of_store(history, None, "r2")["rotation_id"] == "r2"
    assert rollback_strategy.of_store(history, "r1", "r2")["rotation_id"] == "r1", "named, it is the one that is meant"
    assert rollback_strategy.of_store(history, None, None)["destination"] == "previous"
    assert rollback_strategy.of_store(history, None, "r1")["destination"] == "previous"


def test_a_rollback_that_died_before_its_record_was_closed_is_ended(history):
    history.roll_back()
    assert rollback_strategy.of_store(history, None, "r1") == {
        "rotation_id": "r1",
        "destination": None,
        "begun": False,
        "rolled_back": True,
    }
    with pytest.raises(RotationError) as refused:
        rollback_strategy.of_store(history, None, None)
    assert refused.value.code == "E_NOTHING_TO_ROLL_BACK"


def test_a_pending_version_is_rolled_back_to_the_current_one_and_the_current_one_to_the_previous(history):
    said = rollback_strategy.of_store(history, None, None)
    assert (said["created_stage"], said["destination"], said["open"]) == ("pending", "current", True)
    history.promote()
    said = rollback_strategy.of_store(history, None, None)
    assert (said["created_stage"], said["destination"], said["open"]) == ("current", "previous", True)


def test_the_census_of_all_columns_counts_together_and_names_the_migration_of_this_rotation_or_of_none_yet():
    census = {"targets": [{"classes": {"current": 1}}, {"classes": {"current": 2, "unreadable": 1}}]}
    assert rollback_strategy.of_census(census, "r1") == {"values": {"current": 3, "unreadable": 1}, "migration": ""}
    for made, found in (({"r1": "a.py"}, "a.py"), ({"r0": "b.py"}, ""), ({"": "c.py"}, "c.py")):
        assert rollback_strategy.of_census({**census, "migrations": made}, "r1")["migration"] == found


def _stopped(sqlstate: str, by: str = "") -> RotationError:
    return StatementFailed(table="a", alias="default", sqlstate=sqlstate, by=by, advice="See the log.")


@pytest.mark.parametrize(
    ("error", "is_damaged"),
    [
        (_stopped("XX001"), True),
        (_stopped("42P01"), True),
        (ApplicationModel(model="a.B", sqlstate="42703", advice="Migrate."), True),
        (ScanIncomplete(table="a", alias="third", seen=1, count=2), True),
        (_stopped("42501"), False),
        (_stopped("42501", by=". The trigger says: SQLSTATE XX001"), False),
        (DatabaseConnectFailed(alias="a", place="a:5432", error="refused"), False),
    ],
    ids=str,
)
def test_a_census_that_cannot_be_taken_is_damage_only_if_the_database_says_so(error, is_damaged):
    assert rollback_strategy.of_census(error.as_result(), "r1") == (
        {"damage": error.what, "damaged": error.where.get("alias", "")} if is_damaged else {}
    )


def test_a_nested_value_needs_the_keys_of_all_its_layers():
    target = {"classes": {"current": 8, "nested": 1}, "layers": {"current": 1, "pending": 1}}
    found = Situation(**PENDING, files=HERE, **rollback_strategy.of_census({"targets": [target]}, "r1"))
    assert (found.written, rollback_strategy.choose(found).name) == (1, "backwards")
