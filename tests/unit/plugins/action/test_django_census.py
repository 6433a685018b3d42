# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.action import django_census
from ansible_collections.tetech.key_rotation.plugins.action.django_census import ActionModule

MEANWHILE = {"profile": {"changed": 1200, "inserted": 3, "deleted": 0}}


@pytest.fixture
def asked(run_action, stored, monkeypatch):
    """What the host is asked, in place of a host with an application and a database."""
    seen = {}

    def on_host(self, module, args):
        seen.update(args)
        return {"changed": False, "targets": [], "meanwhile": MEANWHILE}

    monkeypatch.setattr(ActionModule, "on_host", on_host)

    def run(**args):
        run_action("django_census", project_dir="/srv/app", **args)
        return seen

    return run


def test_a_stranger_gets_the_keys_of_the_stages_asked_for_and_no_other(asked, new_keys):
    assert asked(stages=["pending"])["key_sets"] == {"pending": new_keys.values}


def test_without_stages_all_versions_are_given(asked, old_keys, new_keys):
    assert asked()["key_sets"] == {"current": old_keys.values, "pending": new_keys.values}


def test_the_host_is_never_told_where_the_store_is(asked, store_path):
    assert store_path not in str(asked(expect_stage="current"))
    assert asked()["expect_stage"] == "current"


def test_what_another_process_wrote_is_a_warning_on_the_screen(asked, monkeypatch):
    said = []
    monkeypatch.setattr(django_census.display, "warning", said.append)
    asked(row_digests="~/rows", others={"since": {}})
    (sentence,) = said
    assert "1,203 rows of profile were written by another process meanwhile (1,200 changed, 3 inserted)" in sentence


@pytest.mark.parametrize(("plain", "warned"), [(3, False), (2, True), (4, False)])
@pytest.mark.parametrize("recorded", [False, True])
def test_more_plain_text_than_before_is_a_warning_with_its_column(
    run_action, stored, monkeypatch, plain, warned, recorded
):
    said, before = [], {"table": "t", "column": "c", "classes": {}, "plain": plain}
    found = {"changed": False, "targets": [{**before, "rows": 9, "plain": 3}]}
    monkeypatch.setattr(ActionModule, "on_host", lambda self, module, args: found)
    monkeypatch.setattr(django_census.display, "warning", said.append)
    monkeypatch.setattr(django_census, "recorded_plain", lambda *_: {"t.c": plain})
    about = {"outside": "report"} if recorded else {"baseline": [before]}
    run_action("django_census", project_dir="/srv/app", **about)
    assert [sentence[:42] for sentence in said] == ["t.c has 1 more values in plain text than t"] * warned


OLD, NEW = "0" * 15 + "1", "0" * 15 + "2"


def left(**counts):
    """The census of a rollback, and what of it may need the version that the .env file is about to lose."""
    needing = [
        {"column": "t.c", "class": name, "count": count, "rows": [f"t.c:{row}" for row in range(1, min(count, 2) + 1)]}
        for name, count in counts.items()
    ]
    targets = [{"classes": {"previous": 9, **counts}}]
    return {"targets": targets, "key_ids": {"previous": OLD, "current": NEW}, "needing": needing}


def test_a_rollback_that_loses_nothing_goes_on():
    assert not django_census.refused(left(), "", "").get("failed")
    assert django_census.refused({"failed": True, "msg": "x"}, "", "") == {"failed": True, "msg": "x"}


def test_a_rollback_that_would_lose_values_names_them_and_what_is_where():
    result = django_census.refused(left(nested=1, unreadable=5), "", "ansible-playbook rollback.yml")
    assert (result["failed"], result["error"]["code"]) == (True, "E_ROLLBACK_LOSES")
    assert f"6 values may need the version {NEW}" in result["msg"]
    assert "t.c:1, t.c:1, t.c:2 and 3 more. No .env file was switched back. Of 15 values, 9 open under" in result["msg"]
    assert "add -e key_rotation_rollback_acknowledge=t.c:1,t.c:5" in result["msg"]
    assert result["targets"], "the record keeps what was counted"


@pytest.mark.parametrize(
    ("acknowledged", "failed"), [("t.c:2", False), ("t.c:3", True), ("t.c", True), ("accept", True), ("", True)]
)
def test_it_goes_on_only_if_exactly_these_values_are_acknowledged(acknowledged, failed):
    assert bool(django_census.refused(left(unreadable=2), acknowledged, "").get("failed")) is failed


def test_values_that_can_be_brought_back_are_never_given_up():
    result = django_census.refused(left(current=2), "t.c:2", "ansible-playbook rollback.yml")
    assert result["error"]["code"] == "E_ROLLBACK_LOSES"
    assert "run the same again: ansible-playbook rollback.yml" in result["msg"]
    assert "acknowledge" not in result["msg"]
