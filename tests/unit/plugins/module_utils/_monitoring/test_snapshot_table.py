# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import snapshot_table


@pytest.mark.parametrize(
    ("good", "of", "shown"),
    [
        (100, 100, "100.00 %"),
        (99, 100, "99.00 %"),
        (99_999, 100_000, "99.999 %"),
        (299_999, 300_000, "99.9997 %"),
        (999_999_999, 1_000_000_000, "99.9999999 %"),
        (0, 3, "0.00 %"),
    ],
)
def test_one_value_among_many_still_shows(good, of, shown):
    assert snapshot_table.percent(good / of) == shown


def test_a_person_reads_what_is_wrong_and_what_to_type(snapshot):
    text = "\n".join(snapshot_table.lines(snapshot, "app1"))
    for words in (
        "Monitoring of /srv/food_ordering on app1 at 2026-11-25T09:00:00Z: 2 findings",
        "the current keys decrypt 99.999 % of the values: 99,999 of 100,000",
        "customer_userprofile._address_encrypted: 1 unreadable",
        "http://h/health/: 300 ms median of 10 (baseline 100 ms of 2026-11-01 00:00, ratio 3.0)",
        "security.log: 7 Decryption failed since 2026-11-24T09:00:00Z",
        f"{'c' * 16}, generated on 2026-11-01, next rotation due on 2027-11-01",
        f"{'d' * 16} (previous): not yet, it is held until 2026-12-01",
        "can be retired, nothing needs it (1 backup checked):\n              ansible-playbook retire.yml -i production",
        "WRONG       E_UNREADABLE: 1 value opens under no known key: customer_userprofile._address_encrypted:77",
    ):
        assert words in text, words
    assert text.count("ansible-playbook verify.yml -i production") == 1, "each command once"


def test_in_the_middle_of_a_run_it_says_that_and_no_more(snapshot):
    snapshot["put_off"] = "rotation r1 is at work"
    first, second = snapshot_table.lines(snapshot, "app1")
    assert first.endswith(": put off")
    assert second == "  note        rotation r1 is at work"
    table = snapshot_table.table(
        {host: {"snapshot": snapshot, "reached": True, "findings": []} for host in ("app1", "app2")}
    )
    assert list(table)[1].startswith("  app1  put off  ")


def test_if_all_is_well_it_says_so(snapshot):
    snapshot["findings"] = []
    assert next(snapshot_table.lines(snapshot, "app1")).endswith(": no findings")


@pytest.mark.parametrize(("kept", "begins"), [(True, "now on"), (False, "the first check that is not a dry run")])
def test_a_dry_run_does_not_say_that_it_remembers(snapshot, kept, begins):
    logs = {**snapshot["logs"], "since": None, "new": {"a.log": {"InvalidToken": 0}}}
    text = "\n".join(snapshot_table.lines({**snapshot, "kept": kept, "logs": logs}, "app1"))
    assert f"(the baseline from {begins})" in text
    assert f"a.log: not checked before, watched from {begins}\n" in text


def test_errors_before_the_first_look_of_a_looker_are_since_the_first_of_all(snapshot):
    snapshot["logs"]["since"] = None
    assert "security.log: 7 Decryption failed since the first check\n" in "\n".join(
        snapshot_table.lines(snapshot, "app1")
    )


def test_several_hosts_are_one_table_and_each_says_what_is_wrong(snapshot):
    well = {**snapshot, "census": None, "response": [], "logs": {**snapshot["logs"], "new": {}}}
    lost = {"code": "E_MONITOR_HOST", "what": "app3 cannot be reached", "todo": "t", "next": "n"}
    text = list(
        snapshot_table.table(
            {
                "app1": {"snapshot": snapshot, "reached": True, "findings": snapshot["findings"]},
                "app2": {"snapshot": well, "reached": True, "findings": []},
                "app3": {"snapshot": None, "reached": False, "findings": [lost]},
                "app4": {"snapshot": None, "reached": True, "findings": []},
            }
        )
    )
    assert text[:5] == [
        "  host  verdict      decryption  slowest         log errors",
        "  app1  2 findings   99.999 %    3.0 x baseline  7",
        "  app2  no findings  -           -               -",
        "  app3  NOT REACHED  -           -               -",
        "  app4  NOT CHECKED  -           -               -",
    ]
    assert text[-1] == "  WRONG on app3: E_MONITOR_HOST: app3 cannot be reached"


def test_one_host_needs_no_table(snapshot):
    assert list(snapshot_table.table({"app1": {"snapshot": snapshot, "reached": True, "findings": []}})) == []
