# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.tetech.key_rotation.plugins.action import django_census_info
from ansible_collections.tetech.key_rotation.plugins.action.django_census_info import ActionModule
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen import lines

CONCURRENT_ROWS = {"profile": {"changed": 1200, "inserted": 3, "deleted": 0}}


@pytest.fixture
def asked(run_action, stored, monkeypatch):
    """What the host is asked, in place of a host with an application and a database."""
    seen = {}

    def on_host(self, module, args):
        seen.update(args)
        return {"changed": False, "targets": [], "concurrent_rows": CONCURRENT_ROWS}

    monkeypatch.setattr(ActionModule, "on_host", on_host)

    def run(**args):
        run_action("django_census_info", project_dir="/srv/app", **args)
        return seen

    return run


def test_a_stranger_gets_the_keys_of_the_stages_asked_for_and_no_other(asked, new_keys):
    assert asked(stages=["pending"])["key_sets"] == {"pending": new_keys.values}


def test_without_stages_all_versions_are_given(asked, old_keys, new_keys):
    assert asked()["key_sets"] == {"current": old_keys.values, "pending": new_keys.values}


def test_a_task_with_the_former_name_is_the_same(run_action, stored, monkeypatch):
    ran = []
    monkeypatch.setattr(
        ActionModule, "on_host", lambda self, module, args: ran.append(module) or {"changed": False, "targets": []}
    )
    run_action("django_census", project_dir="/srv/app")
    assert ran == ["django_census_info"]


def test_the_host_never_learns_where_the_store_is(asked, store_path):
    assert store_path not in str(asked(expect_stage="current"))
    assert asked()["expect_stage"] == "current"


def test_what_another_process_wrote_is_a_warning_on_the_screen(asked, monkeypatch):
    said = []
    monkeypatch.setattr(lines.display, "warning", said.append)
    asked(row_digests="~/rows", others={"since": {}})
    (sentence,) = said
    assert (
        "1,203 rows of profile were written by another process in the meantime (1,200 changed, 3 inserted)" in sentence
    )


@pytest.mark.parametrize(("plain", "warned"), [(3, False), (2, True), (4, False)])
@pytest.mark.parametrize("recorded", [False, True])
def test_more_plain_text_than_before_is_a_warning_with_its_column(
    run_action, stored, monkeypatch, plain, warned, recorded
):
    said, before = [], {"table": "t", "column": "c", "classes": {}, "plain": plain}
    found = {"changed": False, "targets": [{**before, "rows": 9, "plain": 3}]}
    monkeypatch.setattr(ActionModule, "on_host", lambda self, module, args: found)
    monkeypatch.setattr(lines.display, "warning", said.append)
    monkeypatch.setattr(django_census_info, "recorded_plain", lambda *_: {"t.c": plain})
    about = {"outside": "report"} if recorded else {"baseline": [before]}
    run_action("django_census_info", project_dir="/srv/app", **about)
    assert [sentence[:42] for sentence in said] == ["t.c has 1 more value in plain text than th"] * warned


def test_the_screen_and_the_record_alone_have_the_counts_of_a_census_that_is_refused(
    run_action, stored, monkeypatch, capsys, tmp_path
):
    target = {"table": "t", "column": "c", "rows": 9, "classes": {"pending": 4, "current": 5}}
    failed = {"failed": True, "msg": "E_X: no.", "error": {"code": "E_X"}, "targets": [target]}
    monkeypatch.setattr(ActionModule, "on_host", lambda self, module, args: dict(failed))
    result = run_action("django_census_info", project_dir="/srv/app", rotation_id="r1", record_dir=str(tmp_path))
    (ended,) = [line for line in (tmp_path / "r1/record.jsonl").read_text().splitlines() if '"failed"' in line]
    assert json.loads(ended)["targets"] == [target]
    assert "t.c          9 rows: 5 current, 4 pending" in capsys.readouterr().out
    assert "targets" not in result
