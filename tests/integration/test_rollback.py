# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: after a success, after a failure, from the middle."""

from __future__ import annotations

import json

import pytest

from .conftest import Site, kill_group, until

NEW_PROFILE = """
from django.contrib.auth.models import User
from customer.models import UserProfile
profile = UserProfile(user=User.objects.create(username="late", password="!"))
profile.full_name, profile.phone_number = "Late Comer", "+1 555 0100"
profile.save()
"""


def because(reason: str, who: str) -> tuple[str, str]:
    """Why, and who approved it, as they are typed."""
    return "-e", json.dumps({"key_rotation_reason": reason, "key_rotation_authorization": {"who": who}})


@pytest.mark.thorough
def test_a_rollback_keeps_rows_written_since(site: Site) -> None:
    env, plain = site.env_file.read_bytes(), site.read_all()
    assert site.play("rotate", *because("cryptoperiod", "Ada")).code == 0
    assert site.manage("shell", "--verbosity=0", "--command", NEW_PROFILE).code == 0

    outcome = site.play("rollback", *because("it breaks an export", "Eve"))

    assert outcome.code == 0, outcome.text
    assert "ROLLED BACK" in outcome.text
    (log,) = (site.folder / "records").glob("*/rotation.log")
    said = " ".join(log.read_text().split())
    for words in (
        "Authorized by: Eve",
        "authorized by Ada; reason: cryptoperiod",
        "authorized by Eve; reason: it breaks an export",
        "COMPLETED authorized by Ada",
        "ROLLED BACK authorized by Eve",
    ):
        assert words in said, log.read_text()
    assert "Next rotation: not set" not in said, "the keys before are as old as they were"
    assert site.env_file.read_bytes() == env, "the .env is as before, byte for byte"
    now = site.read_all()
    late = [row for row in now["profiles"] if row[1] == "Late Comer"]
    assert len(late) == 1
    assert late[0][2] == "+1 555 0100"
    now["profiles"].remove(late[0])
    assert now == plain
    store = site.stored()
    assert list(store["stages"]) == ["current"]
    assert [version["outcome"] for version in store["versions"]] == ["completed", "rolled back"]


@pytest.mark.thorough
def test_after_a_rollback_there_is_nothing_to_roll_back_and_a_new_rotation_works(site: Site) -> None:
    plain = site.read_all()
    assert site.play("rotate").code == 0
    assert site.play("rollback").code == 0
    again = site.play("rollback")
    assert again.code != 0
    assert again.error() == "E_NOTHING_TO_ROLL_BACK"
    index = (site.folder / "records/index.html").read_text()
    assert ("E_NOTHING_TO_ROLL_BACK" in index, "rollback.yml" in index) == (True, True)
    assert site.play("rotate").code == 0
    assert site.read_all() == plain


@pytest.mark.thorough  # the story rollback
def test_a_failure_after_the_first_write_rolls_back(site: Site) -> None:
    """A trigger that refuses some rows only is not seen by the checklist."""
    env, plain = site.env_file.read_bytes(), site.read_all()
    site.sql(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation';
        END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON restaurant_restaurant FOR EACH ROW WHEN (OLD.id = 12)
          EXECUTE FUNCTION refuse();
        """
    )

    outcome = site.play("rotate")

    assert outcome.code != 0
    assert outcome.error() == "E_DB"
    assert "SQLSTATE 23514" in outcome.text
    assert "ROLLED BACK" in outcome.text
    said = " ".join(outcome.text.split())
    assert (
        "was rolled back. Every value, the keys of the application and the key store are as before the rotation."
        in said
    )
    key_id = site.stored()["stages"]["current"]
    assert f"The .env file on app holds version {key_id}. The current version in the key store is {key_id}." in said
    assert site.env_file.read_bytes() == env
    assert site.read_all() == plain
    assert list(site.stored()["stages"]) == ["current"]


@pytest.mark.thorough
def test_the_env_file_going_away_in_the_middle_rolls_back(site: Site) -> None:
    """The switch fails, after every row was re-encrypted."""
    plain, env, tokens = site.read_all(), site.env_file.read_text(), site.tokens()["customer_userprofile"]
    link = site.folder / "elsewhere.env"
    with site.connection() as blocker, blocker.cursor() as cursor:
        cursor.execute("SELECT 1 FROM restaurant_restaurant FOR UPDATE")
        process = site.start("rotate")
        until(lambda: site.tokens()["customer_userprofile"] != tokens, process)
        site.env_file.rename(link)
        site.env_file.symlink_to(link)
        blocker.rollback()
        text = process.communicate(timeout=120)[0]

    assert process.returncode != 0
    assert "E_ENV_UNSAFE" in text
    assert "run the rollback playbook" in " ".join(text.split()), "it says what to type"
    site.env_file.unlink()
    link.rename(site.env_file)
    assert site.play("rollback").code == 0
    assert site.env_file.read_text() == env
    assert site.read_all() == plain


@pytest.mark.thorough
def test_a_dry_run_says_which_way_it_would_go_and_why_and_changes_nothing(site: Site) -> None:
    assert site.play("rotate").code == 0
    before, tokens = site.files(), site.tokens()

    outcome = site.play("rollback", "--check")

    assert outcome.code == 0, outcome.text
    said = " ".join(outcome.text.split())
    assert "Strategy backwards: " in said
    assert "values are under the keys of rotation" in said
    assert "and the keys of app are not the previous ones. Would restore every value with the engine" in said
    assert (site.files(), site.tokens()) == (before, tokens)


@pytest.mark.thorough
def test_an_open_rotation_may_rather_be_finished(site: Site) -> None:
    before = site.tokens()["customer_userprofile"]
    process = site.start("rotate")
    until(lambda: site.tokens()["customer_userprofile"] != before, process)
    kill_group(process)

    outcome = site.play("rollback", "-e", "key_rotation_prefer=forwards")

    assert outcome.code != 0
    assert "Strategy forwards: " in outcome.text
    assert "ansible-playbook rotate.yml -i" in outcome.text
    assert "pending" in site.stored()["stages"]


@pytest.mark.thorough
def test_that_the_host_of_the_database_or_of_the_backups_is_lost_keeps_no_way_back(site: Site) -> None:
    """Neither there nor back is anything needed of it, but its name is in the inventory."""
    plain, env = site.read_all(), site.env_file.read_bytes()
    ssh = site.folder / "ssh"
    ssh.write_text("#!/bin/sh\nexit 255\n")
    ssh.chmod(0o755)
    inventory = json.loads(site.inventory.read_text())
    inventory["database"] = {"hosts": {"keeper": {"ansible_ssh_executable": str(ssh)}}}
    site.inventory.write_text(json.dumps(inventory))
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text

    outcome = site.play("rollback", "-e", "key_rotation_backup_host=keeper")

    assert outcome.code == 0, outcome.text
    said = " ".join(outcome.text.split())
    assert "Strategy backwards: " in said
    assert "E_HOST_LOST: keeper can no longer be reached" in said
    assert (site.read_all(), site.env_file.read_bytes()) == (plain, env)


def test_a_dry_run_that_fails_in_the_switch_says_that_it_changed_nothing(site: Site) -> None:
    rescue = {
        "name": "Roll back",
        "ansible.builtin.import_role": {"name": "tetech.key_rotation.rollback", "tasks_from": "after_failure"},
        "vars": {"rollback_rotation_id": "r1"},
    }
    failing = {"name": "A step of the switch", "ansible.builtin.fail": {"msg": "it failed"}}
    play = {"hosts": "all", "gather_facts": False, "any_errors_fatal": True}
    tasks = [{"name": "Switch", "block": [failing], "rescue": [rescue]}]
    (site.folder / "failing.yml").write_text(json.dumps([{**play, "tasks": tasks}]), encoding="utf-8")

    failed = site.play(str(site.folder / "failing"), "--check")

    text = " ".join(failed.text.split())
    assert failed.code != 0
    assert 'The dry run stopped at \\"A step of the switch\\". It changed nothing' in text
    assert "was rolled back" not in text
