# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How findings are named together; after a run that was killed: test_fence.py of the integration tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import DatabaseFenced
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.discovery import NoTargets, PlanNotReady
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.env_file import EnvNotSwitched
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.keys import KeysLeft
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.record import RecordUnsigned
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.store import StorePassword
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import describe_holder
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record

RECORDS = {"changed": False, "records": []}
WELL = {
    "key_version_info": {"key_id": "a"},
    "django_census_info": {"targets": []},
    "database_lease_info": {"fenced": False},
}
UNSIGNED = {"changed": False, **RecordUnsigned(count=1, total=1, problems="r: from line 4", folder="f").as_result()}
FENCED = {"failed": True, **DatabaseFenced(rotation_id="r", since="03:00", alias="default").as_result()}
OTHER = {"failed": True, **EnvNotSwitched(path="/srv/.env", key_id="a", expected="b").as_result()}


@pytest.fixture
def judged(run_action, capsys, tmp_path):
    """How the task ends for what was registered of records and of hosts, and what was shown."""

    def run(records=RECORDS, more=(), playbook="verify", **hosts):
        (tmp_path / "records").mkdir(exist_ok=True)
        looks = [{"outcomes": outcomes} for outcomes in ({"rotation_record_info": records}, *hosts.values())]
        result = run_action("findings_summary", looks=[*looks, *more], playbook=playbook, store=None)
        return result, " ".join(capsys.readouterr().out.split())

    return run


def interrupted(folder: Path, direction: str) -> None:
    """A run of this direction has died, by its lease."""
    Record(str(folder), "r").append(direction, "intent")
    (folder / "lease.json").write_text(json.dumps({**describe_holder("r", 1), "started": "long ago"}))


def test_what_is_well_is_no_finding(judged):
    census = {"targets": [], "msg": "9 values in 1 column: 9 current"}
    result, shown = judged(web={**WELL, "django_census_info": census, "postgresql_backup": {"dumps": [], "msg": "/b"}})
    assert (result.get("failed", False), shown) == (False, "")
    assert result["msg"] == census["msg"], "which the callback steps shows"


def test_a_plan_in_which_all_is_well_names_the_dry_run_as_the_next_command(judged):
    _, shown = judged(web={"django_plan": {"path": "/plan.yml"}}, playbook="plan")
    assert shown.count("next") == 1
    assert "rotate.yml --check" in shown


def test_a_single_finding_is_the_error_of_its_check(judged):
    result, shown = judged(web=WELL, other={"key_version_info": OTHER})
    assert result["failed"]
    assert result["error"]["code"] == "E_ENV_NOT_SWITCHED"
    assert "verify.yml" in shown


def test_a_single_finding_names_the_playbook_of_its_error_as_the_next_command(judged):
    left = {"failed": True, **KeysLeft(env_file="/srv/.env", key_id="a", rotation_id="r").as_result()}
    result, shown = judged(web=WELL, other={"key_version_info": left})
    assert result["error"]["todo"].startswith("Run the rollback playbook: ")
    assert (shown.count("next: "), "rollback.yml" in shown, "verify.yml" in shown) == (1, True, False)


@pytest.mark.parametrize(("direction", "playbook"), [("rotate", "rotate.yml"), ("rollback", "rollback.yml")])
def test_all_findings_are_named_together_with_the_command_that_resumes_what_died(judged, tmp_path, direction, playbook):
    (tmp_path / "records").mkdir()
    interrupted(tmp_path / "records", direction)
    result, shown = judged(UNSIGNED, web={**WELL, "database_lease_info": FENCED})
    assert result["error"]["what"].endswith("E_RECORD_UNSIGNED, E_FENCED")
    assert playbook in result["error"]["todo"]
    for text in (UNSIGNED, FENCED):
        assert text["error"]["what"] in shown
        assert text["error"]["todo"] in shown
    assert result["error"]["todo"].startswith("To finish the run that died, run ansible-playbook ")
    assert "next: " not in shown, "the error says it, once"


def test_if_no_run_died_what_the_findings_say_comes_first_and_verifying_again_is_next(judged):
    result, shown = judged(web={"database_lease_info": FENCED, "key_version_info": OTHER})
    assert result["error"]["todo"].startswith("Do what the table says for each finding, then run ansible-playbook ")
    assert "verify.yml" in result["error"]["todo"]
    assert "next: " not in shown, "the error says it, once"


@pytest.mark.parametrize(
    "plan", [PlanNotReady(path="plan.yml", count=1, findings="a.b (E_TABLE)"), NoTargets(tables=1, keys="s")]
)
def test_what_follows_from_the_error_of_another_check_is_not_repeated(judged, plan):
    same = {"failed": True, **NoTargets(tables=1, keys="s").as_result()}
    result, shown = judged(web={"django_plan": {"failed": True, **plan.as_result()}, "postgresql_backup": same})
    assert result["error"]["code"] == plan.code
    assert "STOP" not in shown, "it is a single finding"


@pytest.mark.parametrize("module", ["rotation_record_info", "django_census_info"])
def test_a_check_that_failed_without_an_error_of_ours_is_a_finding(judged, module):
    failed = {"changed": False, "failed": False, "msg": "the connection was lost"}
    result, _ = judged(failed) if module == "rotation_record_info" else judged(web={**WELL, module: failed})
    assert (result["failed"], result["msg"]) == (True, "the connection was lost")


def test_a_host_that_could_check_nothing_is_a_finding_next_to_the_others(judged):
    lost = {"changed": False, "failed": False, **StorePassword(path="keys.yml", tried="it").as_result()}
    result, shown = judged(UNSIGNED, more=[lost, {"changed": False, "skipped": True}], web=WELL)
    assert result["error"]["what"].endswith("E_RECORD_UNSIGNED, E_STORE_PASSWORD")
    assert "ok 3 checks are fine" in shown
