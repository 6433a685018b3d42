# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module on the host drops, in the record of its rotation."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.tests.record_fixtures import begun, events, lease  # noqa: F401


@pytest.mark.parametrize("check", [False, True])
def test_a_drop_by_an_id_that_nothing_has_is_refused_and_leaves_no_record(run_action, begun, lease, tmp_path, check):
    record = Record(str(tmp_path / "records"), "r1")
    for state, backup in (("present", "spring"), ("dropped", "sprong")):
        record.append("postgresql_restore", "intent", asked={"state": state, "backup_of": backup})
    lease.give_back()
    drop = {"state": "dropped", "project_dir": str(tmp_path), "backup_dir": str(tmp_path)}
    drop["check"] = check
    refused = run_action("postgresql_restore", rotation_id="sprang", **drop)["error"]
    assert (refused["code"], "Known restores: spring. " in refused["todo"]) == ("E_RESTORE_NONE", True)
    assert [path.name for path in (tmp_path / "records").iterdir() if path.is_dir()] == ["r1"]
    for known in ("r1", "spring"):
        result = run_action("postgresql_restore", rotation_id=known, **drop)
        assert (result.get("error") or {}).get("code") != "E_RESTORE_NONE", "there is no project, which is found later"


def test_what_is_dropped_in_an_earlier_record_loses_no_later_one_s_end(run_action, begun, lease, tmp_path, events):
    """Nothing had seen the later rotation's end anymore: cut off, with the signature of then, it was whole."""
    run_action("rotation_record", state="failed", rotation_id="r1")
    lease.give_back()
    run_action("rotation_record", state="opened", environment="demo", rotation_id="r2")
    run_action("rotation_record", state="failed", rotation_id="r2")
    lease.give_back()
    drop = {"state": "dropped", "rotation_id": "r1", "project_dir": str(tmp_path), "backup_dir": str(tmp_path)}
    assert run_action("postgresql_restore", **drop).get("failed"), "there is no project"
    assert not run_action("rotation_record", state="signed", rotation_id="r1").get("failed")
    assert events("r1")[-2]["follows"].startswith("r2 "), events("r1")
    checked = run_action("rotation_record_info")["records"]
    assert not [note for one in checked for note in one["notes"] if note["kind"] == "unchecked"]
