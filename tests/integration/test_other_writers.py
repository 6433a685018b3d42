# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that nobody stopped writes while keys are rotated: what it wrote is kept, and nothing else is excused."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from .conftest import Site

# It read the keys when it began. It updates, empties, makes and deletes profiles until the .env is another one, or else
# until it is told to stop, and once more after that; then it prints what it wrote last, by row, and null for what it
# deleted.
WRITER = """
import json, sys, time
from pathlib import Path
from django.contrib.auth.models import User
from customer.models import UserProfile

env, last, late, done = Path(".env").read_bytes(), {}, [], 0
pks = list(UserProfile.objects.order_by("pk").values_list("pk", flat=True))

def turn():
    profile = UserProfile.objects.get(pk=pks[done % 20])
    wrote = last.setdefault(profile.pk, {})
    profile.full_name = wrote["full_name"] = f"updated {done}"
    profile.phone_number = wrote["phone_number"] = "" if done % 3 == 0 else f"+1 555 {done}"
    profile.save()
    if done % 5 == 0:
        made = UserProfile(user=User.objects.create(username=f"late {done}", password="!"))
        made.full_name, made.phone_number = f"new {done}", f"+1 555 {done}"
        made.save()
        last[made.pk] = {"full_name": made.full_name, "phone_number": made.phone_number, "address": ""}
        late.append(made.pk)
    if done % 7 == 0:
        gone = pks[40] if done == 0 else late.pop(0)
        UserProfile.objects.filter(pk=gone).delete()
        last[gone] = None

print("begun", flush=True)
while not Path("stop").exists() if endless else Path(".env").read_bytes() == env:
    turn()
    done += 1
    time.sleep(0.02)
turn()
print("LAST" + json.dumps(last), flush=True)
"""


OPEN = ("-e", "key_rotation_fence=off")  # what the engine warrants without a fence, see test_fence.py for the rest


NAME = "report"  # of the writer's database session


@contextmanager
def writer(site: Site, *, endless: bool = False) -> Iterator[subprocess.Popen[str]]:
    words = [
        str(site.project / ".venv/bin/python"),
        "manage.py",
        "shell",
        "--verbosity=0",
        "--command",
        f"endless = {endless}{WRITER}",
    ]
    environment = {**os.environ, "PGAPPNAME": NAME}
    process = subprocess.Popen(words, cwd=site.project, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
    finally:
        process.kill()
        process.wait()


def proof(site: Site) -> dict[str, Any]:
    """What the newest census of the record says."""
    (path,) = (site.folder / "records").glob("*/record.jsonl")
    events = map(json.loads, path.open())
    return [event for event in events if event["event"] == "django_census" and event["phase"] == "done"][-1]


def kept(site: Site) -> list[Path]:
    """Digests of rows that were left behind."""
    return list((site.folder / ".local/state/key_rotation").glob("rows*"))


def profiles(plain: dict[str, Any]) -> dict[int, dict[str, str]]:
    names = ("full_name", "phone_number", "address")
    return {row[0]: dict(zip(names, row[1:])) for row in plain["profiles"]}


def written(before: dict[int, dict[str, str]], said: str) -> dict[int, dict[str, str]]:
    """What has to be there after what the writer says it has written."""
    after = dict(before)
    for row, wrote in json.loads(said.partition("LAST")[2]).items():
        if wrote is None:
            after.pop(int(row), None)
        else:
            after[int(row)] = {**after.get(int(row), {}), **wrote}
    return after


@pytest.mark.thorough
def test_what_a_process_under_the_old_keys_writes_is_kept_and_reported(site: Site) -> None:
    plain = site.read_all()
    with writer(site) as process:
        outcome = site.play("rotate", *OPEN)
        assert "COMPLETED" in outcome.text, outcome.text
        said = process.communicate(timeout=30)[0]

    now = site.read_all()

    assert profiles(now) == written(profiles(plain), said)
    empty = {row for row, one in profiles(now).items() if one["phone_number"] == ""}
    assert (outcome.code != 0, outcome.error()) == (True, "E_VALUES_EMPTIED"), "a person has to look at these"
    emptied = outcome.text.split("E_VALUES_EMPTIED")[1].split("The rotation is completed")[0]
    named = {int(row) for row in re.findall(r"customer_userprofile\.\w+:(\d+)", emptied)}
    assert named, "of all that are empty now"
    assert named <= empty, "those that were not when the rotation began"
    text = " ".join(outcome.text.split())
    assert "[WARNING]" in text
    assert "rows of customer_userprofile were written by another process in the meantime" in text
    found = proof(site)["concurrent_rows"]
    assert list(found) == ["customer_userprofile"]
    assert all(found["customer_userprofile"][what] > 0 for what in ("changed", "inserted", "deleted"))
    (page,) = (site.folder / "records").glob("*/report.md")
    assert ", proved;" in page.read_text()
    assert "were written by another process in the meantime" in page.read_text()
    assert kept(site) == []
    assert site.play("verify").code == 0

    values = [f"customer_userprofile._phone_number_encrypted:{row}" for row in sorted(named)]
    option = {"key_rotation_prefer": "repair", "key_rotation_repair": values}
    repaired = site.play("rollback", "-e", json.dumps(option))
    assert repaired.code == 0, repaired.text
    back = profiles(site.read_all())
    assert any(back[row]["phone_number"] for row in named), "all that were not empty when the backup was made"
    for row in named:
        back[row]["phone_number"] = ""
    assert back == profiles(now), "nothing else was changed"
    assert site.play("verify").code == 0


# In the engine's own transaction, once: two values of a row change places, and both open under the new keys.
def test_what_a_process_writes_while_the_application_is_stopped_has_an_exit_code_of_its_own(site: Site) -> None:
    plain, runs = site.read_all(), str(site.folder / "running")
    Path(runs).touch()
    site.write_inventory(
        key_rotation_services=[
            {"name": "web", "start": ["touch", runs], "stop": ["rm", "-f", runs], "status": ["test", "-e", runs]}
        ],
        key_rotation_sessions_allowed=[NAME],
    )
    with writer(site) as process:
        outcome = site.play("rotate", *OPEN)
        said = process.communicate(timeout=30)[0]

    assert (outcome.code, outcome.error()) == (22, "E_VALUES_WRITTEN"), outcome.text
    assert "COMPLETED" in outcome.text, "nothing is wrong with it, and nothing is rolled back"
    text = " ".join(outcome.text.split())
    assert "while the application was stopped: customer_userprofile._" in text
    wrote = {int(row) for row in json.loads(said.partition("LAST")[2])}
    named = {int(row) for row in re.findall(r"customer_userprofile(?:\.\w+)?:(\d+)", text)}
    assert named, "of all that were changed or are new"
    assert named <= wrote
    assert profiles(site.read_all()) == written(profiles(plain), said)
    assert site.play("verify").code == 0


SWAP = """
CREATE SEQUENCE once;
CREATE FUNCTION swap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE phone text := NEW._phone_encrypted;
BEGIN
  IF nextval('once') = 1 THEN
    NEW._phone_encrypted := NEW._email_encrypted;
    NEW._email_encrypted := phone;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER swap BEFORE UPDATE ON restaurant_restaurant FOR EACH ROW
  WHEN (OLD.id = {row}) EXECUTE FUNCTION swap();
"""


@pytest.mark.thorough
def test_a_row_that_nobody_else_wrote_is_not_excused(site: Site) -> None:
    env = site.env_file.read_bytes()
    (row,) = site.sql("SELECT max(id) FROM restaurant_restaurant")[0]  # not the one that the checklist tries
    site.sql(SWAP.format(row=row))
    with writer(site):
        outcome = site.play("rotate", *OPEN)
    assert (outcome.code != 0, outcome.error()) == (True, "E_DIGEST_CHANGED"), outcome.text
    text = " ".join(outcome.text.split())
    assert re.search(rf"the decrypted data changed since the rotation began: restaurant_restaurant\.\w+:{row}\b", text)
    assert f"restaurant_restaurant._email_encrypted:{row}" in text.split("Rows that changed since")[1]
    assert "failed E_DIGEST_CHANGED" in text
    assert "was rolled back" in text
    assert site.env_file.read_bytes() == env
    assert kept(site) == []


@pytest.mark.thorough
def test_without_a_place_for_the_digests_of_rows_it_is_as_before(site: Site) -> None:
    env = site.env_file.read_bytes()
    with writer(site):
        outcome = site.play("rotate", *OPEN, "-e", "__key_rotation_row_digests=/proc/none/rows")
    assert outcome.error() in ("E_DIGEST_CHANGED", "E_COUNT_CHANGED"), outcome.text
    assert "was rolled back" in " ".join(outcome.text.split())
    assert site.env_file.read_bytes() == env


@pytest.mark.thorough
def test_a_process_that_never_ends_takes_the_rotation_back_and_loses_nothing(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    with writer(site, endless=True) as process:
        outcome = site.play("rotate", *OPEN)
        (site.project / "stop").touch()
        said = process.communicate(timeout=30)[0]
    assert (outcome.code != 0, outcome.error()) == (True, "E_NOT_CURRENT"), outcome.text
    text = " ".join(outcome.text.split())
    assert "was rolled back" in text
    assert "rows of customer_userprofile were written by another process in the meantime" in text
    assert site.env_file.read_bytes() == env
    assert profiles(site.read_all()) == written(profiles(plain), said)
    assert kept(site) == []


def test_an_idle_session_from_before_the_switch_is_named_in_the_end(site: Site) -> None:
    about = {"host": site.host, "user": "postgres", "dbname": site.database}
    site.write_inventory(key_rotation_sessions_allowed=["metrics"])
    with (
        contextlib.closing(psycopg2.connect(**about, application_name="a shell")) as idle,
        contextlib.closing(psycopg2.connect(**about, application_name="metrics")),
    ):
        done = site.play("rotate")
        pid = idle.get_backend_pid()
    assert done.code == 0, done.text
    ended = " ".join(done.text[done.text.index("COMPLETED") :].split())
    assert "WARNING 1 session from before the .env file was switched was still connected" in ended
    assert "a client on the database's own host (application_name a shell, role postgres), idle, connected" in ended
    assert f", backend {pid}." in ended
