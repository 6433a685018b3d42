# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import yaml
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import plan_lines

PLAN = {
    "targets": [
        {"column": "profile.name", "rows": 1200, "classes": {"current": 1190, "empty": 10}, "scheme": "eda_server"},
    ],
    "under_other_keys": [{"column": "a.b", "settings": ["X", "Y"], "scheme": "djfernet"}],
    "empty_fields": [{"column": "profile.later", "field": "lib.EncryptedTextField"}],
    "notices": [{"column": "profile.name", "notice": "index", "todo": "Nothing to do."}],
    "hash": "f" * 64,
}


def test_a_plan_reports_values_that_are_left_alone():
    (target,) = PLAN["targets"]
    made = {**PLAN, "targets": [{**target, "classes": {"current": 1189, "empty": 10}, "left_alone": 1}]}
    line = "  profile.name   1,200  1,189 current, 10 empty, 1 left alone  eda_server"
    assert line in list(plan_lines.plan(made, "/plans/plan.yml"))


def test_a_plan_counts_the_plain_text_that_stays():
    (target,) = PLAN["targets"]
    made = {**PLAN, "targets": [{**target, "classes": {"current": 1188, "plaintext": 0}, "plain": 12}]}
    line = "  profile.name   1,200  1,188 current, 12 plain text that stays  eda_server"
    assert line in list(plan_lines.plan(made, "/plans/plan.yml"))


def test_a_plan_is_a_table_of_columns_then_notes_and_the_file():
    assert list(plan_lines.plan(PLAN, "/plans/plan.yml")) == [
        "  COLUMN          ROWS  VALUES                   SCHEME",
        "  profile.name   1,200  1,190 current, 10 empty  eda_server",
        "  a.b                   under other keys: X, Y   djfernet",
        "  profile.later         no value yet             lib.EncryptedTextField",
        "  warn  profile.name: index",
        "        Nothing to do.",
        f"  plan  /plans/plan.yml, hash {'f' * 64}",
    ]


def test_a_plan_that_is_not_ready_says_what_stops_first_and_which_keys_to_list():
    same = {"notice": "nothing opens it", "todo": "Describe it.", "code": "E_UNPROVED"}
    notices = [*PLAN["notices"], {"column": "a.c", **same}, {"column": "a.d", **same}]
    proposed = {"key_rotation_keys": [{"name": "FIELD_KEY", "type": "fernet"}]}
    lines = list(plan_lines.plan({**PLAN, "notices": notices, "proposed": proposed}, "/plans/plan.yml"))
    assert lines[4:6] == ["  STOP  a.c, a.d: nothing opens it (E_UNPROVED)", "        Describe it."]
    assert lines[6] == "  warn  profile.name: index"
    assert [line.strip() for line in lines[9:12]] == ["key_rotation_keys:", "- name: FIELD_KEY", "type: fernet"]
    assert lines[-1] == "        2 findings stop a rotation"


def test_a_plan_shows_the_functions_that_it_proposes_once_and_as_yaml():
    functions = {"decrypt": "? one of " + ", ".join(f"core.codes.decrypt_{number}" for number in range(9))}
    proposed = {
        "key_rotation_schemes": {"own": {"application": functions}},
        "key_rotation_targets": ["auto", {"table": "tool", "column": "password", "scheme": "own"}],
    }
    lines = list(plan_lines.plan({**PLAN, "proposed": proposed}, "/plans/plan.yml"))
    start = next(number for number, line in enumerate(lines) if line.startswith("  CODE  "))
    assert yaml.safe_load("\n".join(lines[start + 1 : -1])) == proposed
    assert "KEYS" not in "\n".join(lines)


def test_what_stops_at_a_column_with_a_proposed_scheme_names_the_proposal_first():
    same = {"notice": "looks like ciphertext", "todo": "Settle it.", "code": "E_UNEXPLAINED"}
    notices = [{"column": "tool.password", **same}, {"column": "tool.code", **same}]
    proposed = {"key_rotation_targets": ["auto", {"table": "tool", "column": "password", "scheme": "own"}]}
    lines = list(plan_lines.plan({**PLAN, "notices": notices, "proposed": proposed}, "/plans/plan.yml"))
    assert lines[4:8] == [
        "  STOP  tool.password: looks like ciphertext (E_UNEXPLAINED)",
        "        If it is under these keys, begin with its scheme under CODE below. Settle it.",
        "  STOP  tool.code: looks like ciphertext (E_UNEXPLAINED)",
        "        Settle it.",
    ]


def test_a_plan_without_a_column_says_so():
    nothing = {**PLAN, "targets": [], "under_other_keys": [], "empty_fields": [], "notices": []}
    assert next(plan_lines.plan(nothing, "/plans/plan.yml")) == "  No column to rotate was found."
