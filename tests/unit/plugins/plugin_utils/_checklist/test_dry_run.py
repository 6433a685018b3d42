# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import dry_run
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.observe import results_by_host

CENSUS = {"name": "profile.name", "table": "profile", "column": "name", "classes": {"current": 7, "empty": 2}}


def variables(*, destination: str = "pending", backup_elsewhere: bool = False, mode: str = "window") -> dict[str, Any]:
    backup = {"postgresql_backup": {"would": "would dump the database into /backups/r1.dump"}}
    switch = {"env_file": {"would": "would set KEY in /srv/.env"}}
    diff = [{"before_header": "/srv/.env"}]
    first = {**switch, "django_census_info": {"targets": [CENSUS]}, "key_version": {"would": "would adopt the keys"}}
    first["pending"] = {"would": "would make new keys"}
    one = {
        "__checklist_host": {"outcomes": first if backup_elsewhere else {**first, **backup}, "diff": diff},
        "__checklist_services": {"outcomes": {"stops": {"would": "would stop web, worker"}}},
    }
    if backup_elsewhere:
        one["__checklist_backup_host"] = {"outcomes": backup}
    two = {
        "__checklist_host": {"outcomes": switch, "diff": diff},
        "__checklist_services": {"outcomes": {"stops": {"would": "would stop mailer"}}},
        "__checklist_health": {"skipped": True},
    }
    hostvars = {"one": one, "two": two}
    opened = {"destination": destination}
    judged = {"record_opened": opened, "checklist_result": {"mode": mode}}
    return {"hostvars": hostvars, "ansible_play_hosts_all": ["one", "two"], **judged}


def test_it_says_in_order_what_a_rotation_would_do_and_the_same_once():
    said = [
        "  would dump the database into /backups/r1.dump",
        "  would adopt the keys",
        "  would make new keys",
        "  would stop web, worker",
        "  would stop mailer",
        "  would re-encrypt 7 values",
        "  would set KEY in /srv/.env",
    ]
    assert dry_run.lines(variables()) == said
    assert dry_run.lines(variables(backup_elsewhere=True)) == said
    assert dry_run.differences(variables()) == [{"before_header": "/srv/.env"}]


def test_it_does_not_say_what_is_done_already():
    assert "  would re-encrypt 7 values" not in dry_run.lines(variables(destination="current"))


def test_it_says_what_it_would_prepare_and_what_not():
    asked = variables(mode="prepared")
    facts = {"facts": {"facts": {"unprepared": {"profile": "it has the search columns bidx"}}}}
    asked["hostvars"]["one"]["__checklist_host"]["outcomes"].update(checklist_info=facts["facts"])
    lines = dry_run.lines(asked)
    start = lines.index("  would prepare the re-encryption while the application serves (key_rotation_mode: prepared)")
    assert lines[start + 1] == "  would not prepare profile: it has the search columns bidx"
    assert lines[start + 2] == "  would stop web, worker"
    asked["checklist_result"]["mode"] = "window"
    assert not any("prepare" in line for line in dry_run.lines(asked)), "the checklist chose not to"


def test_if_ansible_could_not_start_the_process_of_the_services_both_looks_have_failed():
    asked = variables()
    lost = {"failed": True, "msg": "Missing sudo password"}
    asked["hostvars"]["two"].update(__checklist_services=lost, __checklist_health=lost)
    seen = results_by_host(asked)["two"]
    assert (seen["stops"], seen["services"], seen["health"]) == (lost, lost, lost)
    asked["hostvars"]["two"]["__checklist_services"] = {"skipped": True, "changed": False}
    assert not {"stops", "services"} & set(results_by_host(asked)["two"])


def test_online_it_says_that_hosts_are_restarted_one_after_the_other():
    lines = dry_run.lines(variables(mode="online"))
    assert any(line.startswith("  would restart one host after the other, with both keys") for line in lines)
    assert not any("would restart" in line for line in dry_run.lines(variables()))
