# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption on two application hosts at once, and one of them is lost."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from .conftest import Site, processes_in, until
from .test_operators import ended
from .test_other_writers import OPEN, profiles, writer, written

# As ssh to a host: the command runs on when the network is cut.
CUTTABLE = """\
#!/bin/sh
for last; do :; done
exec 3<&0
setsid sh -c "$last" <&3 &
while kill -0 $! 2>/dev/null; do
    if [ -e {cut} ]; then echo "Connection to two closed by remote host." >&2; exit 255; fi
    sleep 0.1
done
wait $!
"""
# Of three tables the hosts take turns: `one` has the profiles and the restaurants, `two` has these.
OF_TWO = "restaurant_pendingrestaurant"


class Two:
    """The site with a second host, whose project is a copy of the first one's, on the same database."""

    def __init__(self, site: Site) -> None:
        self.site, self.project, self.cut = site, site.folder / "two", site.folder / "cut"
        shutil.copytree(site.project, self.project, symlinks=True)
        ssh = site.folder / "ssh"
        ssh.write_text(CUTTABLE.format(cut=self.cut))
        ssh.chmod(0o755)
        inventory = json.loads(site.inventory.read_text())
        application = inventory["application"]
        project = application["vars"].pop("key_rotation_project_dir")
        application["hosts"] = {
            "one": {"ansible_connection": "local", "key_rotation_project_dir": project},
            "two": {"ansible_ssh_executable": str(ssh), "key_rotation_project_dir": str(self.project)},
        }
        self.inventory = inventory

    def write(self) -> None:
        self.site.inventory.write_text(json.dumps(self.inventory))

    def modules(self) -> list[int]:
        """What works for the second host."""
        return processes_in(self.project)

    def module(self) -> int:
        """The one that started the others."""
        found = {pid: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.modules()}
        (first,) = (pid for pid, stat in found.items() if int(stat[1]) not in found)
        return first


@pytest.fixture
def two(site: Site) -> Two:
    made = Two(site)
    made.write()
    return made


def test_a_host_that_a_run_leaves_out_stops_it(two: Two) -> None:
    tokens, env = two.site.tokens(), two.site.env_file.read_bytes()
    outcome = two.site.play("rotate", "--limit", "one")
    assert (outcome.code != 0, outcome.error()) == (True, "E_CHECKLIST")
    assert "STOP hosts two would keep the old keys: this run leaves it out" in " ".join(outcome.text.split())
    assert (two.site.tokens(), two.site.env_file.read_bytes()) == (tokens, env)
    assert not two.site.store.exists()


def at_work(site: Site, two: Two) -> bool:
    """Whether the second host waits for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'key_rotation %'"
    return bool(two.modules() and site.sql(waiting))


@pytest.mark.thorough  # the story stale_host
@pytest.mark.parametrize("end", ["killed", "none", "stopped", "cut off"])
def test_what_a_lost_host_leaves_undone_is_made_up_for(site: Site, two: Two, end: str) -> None:
    plain, tokens = site.read_all(), site.tokens()
    with site.connection() as blocker, blocker.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {OF_TWO} FOR UPDATE")
        process = site.start("rotate")
        until(lambda: at_work(site, two), process)
        until(lambda: site.tokens()["restaurant_restaurant"] != tokens["restaurant_restaurant"], process)
        assert site.tokens()[OF_TWO] == tokens[OF_TWO]
        if end == "killed":
            for pid in two.modules():
                os.kill(pid, signal.SIGKILL)
        elif end == "cut off":
            two.cut.touch()
            assert process.stdout is not None
            seen = []
            for line in process.stdout:
                seen.append(line)
                if "UNREACHABLE" in line:
                    break
            assert two.modules(), "".join(seen)
        elif end == "stopped":
            os.kill(two.module(), signal.SIGTERM)
        two.cut.unlink(missing_ok=True)
        blocker.rollback()
    outcome = ended(process)
    text = " ".join(outcome.text.split())
    if end == "stopped":
        assert outcome.code != 0, text
        assert "E_STOPPED: the work was stopped by a signal" in text  # the checklist warns of the blocker first
        assert "Run the same command again to resume it" in text
        assert site.tokens()["customer_userprofile"] != tokens["customer_userprofile"], "and nothing is rolled back"
        outcome = site.play("rotate")
    assert outcome.code == 0, outcome.text
    assert site.read_all() == plain
    assert (two.project / ".env").read_bytes() == site.env_file.read_bytes()
    if end == "none":
        assert "two: 9 values re-encrypted" in text
        assert "no value is left under other keys" in text


@pytest.mark.thorough
def test_a_host_that_is_lost_when_it_was_switched_is_put_back_later(site: Site, two: Two) -> None:
    plain, before = site.read_all(), site.env_file.read_bytes()
    process = site.start("rotate")
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "Switch | Re-encrypt values written during the switch" in line:
            two.cut.touch()
    assert process.wait(60) != 0
    text = " ".join("".join(seen).split())
    assert "E_HOST_LOST: two can no longer be reached. It is unknown what this step changed there." in text
    assert 'stopped at "a step on two" and was rolled back' in text
    assert "are as before" not in text, "on two nothing was"
    before_it, made = [version["key_id"] for version in site.stored()["versions"]]
    assert f"The .env file on one holds version {before_it}." in text
    assert f"When two was last reached, the .env file there held version {made}." in text
    (record,) = (site.folder / "records").glob("*/record.jsonl")
    assert '"failed_task":"a step on two"' in record.read_text()
    assert site.env_file.read_bytes() == before != (two.project / ".env").read_bytes()
    two.cut.unlink()

    refused = site.play("rotate")
    assert "E_KEYS_LEFT" in refused.text, refused.text
    assert "Run the rollback playbook" in " ".join(refused.text.split())
    cipher_text = site.tokens()
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert "was rolled back without two. Will re-encrypt every value" in " ".join(back.text.split())
    assert (two.project / ".env").read_bytes() == before
    assert (site.read_all(), site.tokens()) == (plain, cipher_text)


def test_when_the_only_host_is_lost_people_are_notified_anyway(site: Site, two: Two) -> None:
    del two.inventory["application"]["hosts"]["one"]
    notify = [{"type": "slack", "url": "http://127.0.0.1:1/CANARY"}]
    two.inventory["application"]["vars"]["key_rotation_notify"] = notify
    two.write()
    two.cut.touch()
    outcome = site.play("rotate")
    assert (outcome.code != 0, "UNREACHABLE" in outcome.text) == (True, True), outcome.text
    said = "Nobody was notified by slack to 127.0.0.1 that it has failed: ConnectionRefusedError."
    assert said in " ".join(outcome.text.split())
    (page,) = (site.folder / "records").glob("*/report.html")
    for words in ('data-status="failed"', "E_HOST_LOST", "two can no longer be reached"):
        assert words in page.read_text()


@pytest.mark.parametrize(("fence", "passes"), [("auto", 1), pytest.param("off", 2, marks=pytest.mark.thorough)])
def test_what_can_be_done_on_prepared_hosts_before_the_stop_or_in_one_call_is_not_in_the_downtime(
    site: Site, two: Two, fence: str, passes: int
) -> None:
    plain = site.read_all()
    options = {"mode": "prepared", "fence": fence, "maintenance_file": str(site.folder / "flag")}
    extra = {f"key_rotation_{name}": value for name, value in options.items()}
    outcome = site.play("rotate", "-e", json.dumps(extra))
    assert outcome.code == 0, outcome.text
    assert site.read_all() == plain
    (record,) = (site.folder / "records").glob("*/record.jsonl")
    events = [event for event in map(json.loads, record.read_text().splitlines()) if "host" in event]
    steps = [(event["event"], event["host"], event["phase"]) for event in events]
    stop = steps.index(("application_services", "one", "intent"))
    checked = {host for event, host, phase in steps[:stop] if (event, phase) == ("env_file_info", "done")}
    assert checked == {"one", "two"}, "before the stop"
    window = steps[stop:]
    assert "env_file_info" not in {event for event, _, _ in window}, "and not again"
    proof = next(place for place, step in enumerate(window) if step[0] == "django_census_info")
    holds = {host for event, host, phase in window[:proof] if (event, phase) == ("key_version_info", "done")}
    assert holds == {"one", "two"}, "before the fence is removed"
    rewrites = [step for step in window[:proof] if step == ("django_reencrypt", "one", "intent")]
    assert len(rewrites) == passes, "nobody can have written"
    one = [step for step in window[proof:] if step[1] == "one"]
    assert one[:2] == [("django_census_info", "one", "intent"), ("write_fence", "one", "intent")], "one process"


@pytest.mark.thorough
def test_a_group_says_which_hosts_re_encrypt(site: Site, two: Two) -> None:
    two.inventory["key_rotation_worker_hosts"] = {"hosts": {"two": {}}}
    two.write()
    count = sum(bool(value) for rows in site.tokens().values() for row in rows for value in row[1:])
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert re.search(rf"^  two: {count} values re-encrypted", rotated.text, re.M), rotated.text
    assert not re.search(r"^  one: ", rotated.text, re.M)
    assert "no value is left under other keys" in rotated.text


@pytest.mark.thorough
def test_what_another_process_wrote_is_known_whichever_host_met_it(site: Site, two: Two) -> None:
    plain = site.read_all()
    with writer(site) as process:
        outcome = site.play("rotate", *OPEN)
        # It empties some values, which a person has to look at.
        assert (outcome.code != 0, outcome.error()) == (True, "E_VALUES_EMPTIED"), outcome.text
        assert "The rotation is completed. All" in " ".join(outcome.text.split())
        said = process.communicate(timeout=30)[0]
    assert profiles(site.read_all()) == written(profiles(plain), said)
    assert "rows of customer_userprofile were written by another process in the meantime" in " ".join(
        outcome.text.split()
    )
    assert "Shares | Re-encrypt" in outcome.text
