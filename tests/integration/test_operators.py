# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two operators on two control nodes, each with a key store and records of their own: exactly one of them runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from .conftest import BIN, PLAYBOOKS, Outcome, Site, kill_group
from .test_resume import stopped_half_way, wait_until_gone

# A name of its own for the machine, as another one has.
ELSEWHERE = ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--uts", "sh", "-c"]
NAMED = 'echo elsewhere > /proc/sys/kernel/hostname && exec "$@"'


class Elsewhere:
    """The other control node: it reaches the same application."""

    def __init__(self, site: Site, **extra: Any) -> None:
        self.site = site
        self.folder = site.folder / "elsewhere"
        self.folder.mkdir()
        here = json.loads(site.inventory.read_text())
        here["application"]["vars"] |= {
            "key_rotation_record_dir": str(self.folder / "records"),
            "key_rotation_backup_dir": str(self.folder / "backups"),
            "key_rotation_store": {"path": str(self.folder / "keys.yml"), "password_file": str(site.password)},
            **extra,
        }
        self.inventory = self.folder / "inventory.yml"
        self.inventory.write_text(json.dumps(here))

    def start(self, playbook: str = "rotate") -> subprocess.Popen[str]:
        command = [str(BIN / "ansible-playbook"), f"{playbook}.yml", "-i", str(self.inventory)]
        return subprocess.Popen(
            [*ELSEWHERE, NAMED, "sh", *command],
            cwd=PLAYBOOKS,
            env=self.site.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play(self, playbook: str = "rotate") -> Outcome:
        return ended(self.start(playbook))


def ended(process: subprocess.Popen[str]) -> Outcome:
    text, _ = process.communicate(timeout=200)
    return Outcome(process.returncode, text)


def lease(site: Site) -> dict[str, Any] | None:
    if site.sql("SELECT to_regclass('tetech_key_rotation_lease') IS NULL") == [(True,)]:
        return None
    ((text,),) = site.sql("SELECT holder FROM tetech_key_rotation_lease")
    return dict(json.loads(text))


@pytest.mark.thorough
def test_while_one_is_at_work_the_other_is_refused_and_touches_nothing(site: Site) -> None:
    plain, other = site.read_all(), Elsewhere(site)
    with stopped_half_way(site) as (process, blocker):
        held, env, tokens = lease(site), site.env_file.read_bytes(), site.tokens()
        assert held["pid"] == process.pid
        for playbook in ("rotate", "rollback"):
            refused = other.play(playbook)
            assert refused.code != 0
            if playbook == "rotate":
                text = " ".join(refused.text.split())
                assert refused.error() == "E_LEASED"
                assert f"by {held['user']} on {held['host']} since {held['since']} (process {process.pid})" in text
        assert (lease(site), site.env_file.read_bytes(), site.tokens()) == (held, env, tokens)
        blocker.rollback()
        first = ended(process)
    assert first.code == 0, first.text
    assert lease(site) is None, "and nothing of it is left in the database"
    assert site.read_all() == plain


@pytest.mark.thorough
def test_between_two_steps_and_after_its_death_a_run_still_holds_the_database(site: Site) -> None:
    plain, other = site.read_all(), Elsewhere(site)
    with stopped_half_way(site) as (process, blocker):
        kill_group(process)
        blocker.rollback()
    wait_until_gone(site)
    assert lease(site) is not None

    refused = other.play()
    assert (refused.code != 0, refused.error()) == (True, "E_LEASED")
    assert "DELETE FROM tetech_key_rotation_lease" in " ".join(refused.text.split())

    again = site.play("rotate")
    assert again.code == 0, again.text
    assert lease(site) is None
    assert site.read_all() == plain


@pytest.mark.thorough
def test_who_comes_late_leaves_the_work_of_who_was_first(site: Site) -> None:
    """The other one has looked at everything, and goes on when the first one has begun, or is done already."""
    plain, other = site.read_all(), Elsewhere(site)
    late = other.start()
    assert late.stdout is not None
    assert any("Checklist | Show the preflight checklist" in line for line in late.stdout)
    os.killpg(late.pid, signal.SIGSTOP)
    first = site.play("rotate")
    assert first.code == 0, first.text
    env, tokens = site.env_file.read_bytes(), site.tokens()
    os.killpg(late.pid, signal.SIGCONT)

    refused = ended(late)

    assert refused.code != 0
    assert "COMPLETED" not in refused.text
    assert "ROLLED BACK" not in refused.text
    assert (site.env_file.read_bytes(), site.tokens()) == (env, tokens)
    assert site.read_all() == plain
    assert site.play("verify").code == 0


@pytest.mark.thorough  # the story second_operator
def test_of_two_that_start_at_once_exactly_one_runs(site: Site) -> None:
    plain, other = site.read_all(), Elsewhere(site)
    both = [site.start("rotate"), other.start()]
    outcomes = [ended(process) for process in both]
    assert sorted(outcome.code != 0 for outcome in outcomes) == [False, True], outcomes
    (loser,) = (outcome for outcome in outcomes if outcome.code)
    assert loser.error() in ("E_LEASED", "E_LOCKED"), loser.text
    assert site.read_all() == plain
    assert lease(site) is None
