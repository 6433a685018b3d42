# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that has a rotation command of its own, which knows what the engine cannot: a fingerprint of every
profile under a key that is derived from the rotated one, over columns that nobody could guess."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import time
from pathlib import Path

import pytest

from .conftest import Site, thorough
from .test_rotate import sampled_processes

# With it the application gets the new values in two variables, and has the old ones.
COMMAND = """
import hashlib, hmac, os, subprocess, time

from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from core.encryption import EncryptionManager


def wait():
    other = subprocess.Popen(["sleep", "600"])
    with open("waiting.new", "w") as handle:
        handle.write(str(other.pid))
    os.rename("waiting.new", "waiting")
    time.sleep(600)


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("mode")

    def handle(self, mode, **options):
        print("the new key is", os.environ["NEW_SECRET_KEY"])
        if os.path.exists("no_way_back") and os.environ["NEW_SECRET_KEY"] == open("no_way_back").read():
            raise CommandError("no way back")
        new_key, new_salt = os.environ["NEW_SECRET_KEY"], os.environ["NEW_SALT"].encode()
        old = EncryptionManager._get_fernet()
        settings.SECRET_KEY, settings.ENCRYPTION_SALT = new_key, new_salt
        EncryptionManager._encryption_key = EncryptionManager._fernet = None
        new = EncryptionManager._get_fernet()
        with transaction.atomic():
            for model in apps.get_models():
                columns = [f.attname for f in model._meta.local_concrete_fields if f.attname.endswith("_encrypted")]
                for one in model.objects.order_by("pk"):
                    for column in columns:
                        value = getattr(one, column)
                        if value and not (mode == "half" and one.pk % 2):
                            setattr(one, column, new.encrypt(old.decrypt(value.encode())).decode())
                    if mode.startswith("damage") and columns and getattr(one, columns[0]):
                        setattr(one, columns[0], new.encrypt(b"another text").decode())
                    if columns:
                        one.save(update_fields=columns)
            key = hmac.new(new_key.encode(), b"fingerprints", hashlib.sha512).digest()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pk FROM fingerprints ORDER BY pk")
                for (pk,) in cursor.fetchall():
                    made = hmac.new(key, b"profile %d" % pk, hashlib.sha512).hexdigest()[:80]
                    cursor.execute("UPDATE fingerprints SET seal = %s WHERE pk = %s", [made, pk])
            if mode == "wait":
                wait()
            if mode == "damage and wait":
                transaction.on_commit(wait)
            if mode == "fail":
                raise CommandError(new_key)
"""
PROFILES = 30


@pytest.fixture
def commanded(site: Site) -> Site:
    folder = site.project / "core/management/commands"
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, folder.parent):
        (each / "__init__.py").touch()
    (folder / "regenerate_secret_key.py").write_text(COMMAND, encoding="utf-8")
    site.sql("CREATE TABLE fingerprints (pk bigint PRIMARY KEY, seal text)")
    site.sql("INSERT INTO fingerprints SELECT i, 'x' FROM generate_series(1, %s) i", (PROFILES,))
    for pk, seal in fingerprints(site).items():
        site.sql("UPDATE fingerprints SET seal = %s WHERE pk = %s", (seal, pk))
    write_inventory(site)
    return site


def write_inventory(site: Site, mode: str = "whole", **extra: object) -> None:
    settings: dict[str, object] = {
        "key_rotation_method": "command",
        "key_rotation_command": {
            "name": "regenerate_secret_key",
            "arguments": [mode],
            "new_keys": {"SECRET_KEY": "NEW_SECRET_KEY", "ENCRYPTION_SALT": "NEW_SALT"},
        },
        "key_rotation_settlements": {"fingerprints.seal": {"by_command": "regenerate_secret_key makes them"}},
    }
    site.write_inventory(**{**settings, **extra})


def fingerprints(site: Site) -> dict[int, str]:
    """As the application checks them, under the key that it has now."""
    key = hmac.new(site.env_values()["SECRET_KEY"].encode(), b"fingerprints", hashlib.sha512).digest()
    return {pk: hmac.new(key, b"profile %d" % pk, hashlib.sha512).hexdigest()[:80] for pk in range(1, PROFILES + 1)}


def stored_fingerprints(site: Site) -> dict[int, str]:
    return {int(str(pk)): str(seal) for pk, seal in site.sql("SELECT pk, seal FROM fingerprints")}


def moved_by_command(site: Site) -> list[dict[str, object]]:
    lines = next((site.folder / "records").glob("*/record.jsonl")).read_text().splitlines()
    return [event["command"] for event in map(json.loads, lines) if event.get("command")]


def test_the_command_rotates_inside_the_proof_and_takes_it_back(commanded: Site) -> None:
    site = commanded
    plain, old = site.read_all(), site.env_values()

    planned = site.play("plan")
    assert planned.code == 0, planned.text
    assert "regenerate_secret_key: the command of the application that will re-encrypt" in planned.text

    with sampled_processes(old) as seen:
        rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    assert site.env_values()["SECRET_KEY"] != old["SECRET_KEY"]
    assert (site.read_all(), stored_fingerprints(site)) == (plain, fingerprints(site))
    assert [done["left"] for done in moved_by_command(site)] == [0]
    everything = rotated.text + "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in (site.folder / "records").rglob("*")
        if path.is_file()
    )
    assert site.env_values()["SECRET_KEY"] not in everything, "what the command prints goes nowhere"

    back = site.play("rollback")
    assert back.code == 0, back.text
    assert site.env_values() == old
    assert (site.read_all(), stored_fingerprints(site)) == (plain, fingerprints(site))


@pytest.mark.thorough
def test_what_it_leaves_the_engine_does(commanded: Site) -> None:
    site = commanded
    write_inventory(site, "half")
    plain = site.read_all()
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert site.read_all() == plain
    assert moved_by_command(site)[0]["left"] != 0


@pytest.mark.parametrize(
    ("mode", "code"),
    [("fail", "E_OWN_COMMAND_FAILED"), thorough("damage", "E_DIGEST_CHANGED")],
)
def test_one_that_fails_or_damages_is_never_a_success(commanded: Site, mode: str, code: str) -> None:
    site = commanded
    write_inventory(site, mode)
    plain, old = site.read_all(), site.env_values()
    rotated = site.play("rotate")
    assert rotated.code != 0
    assert code in rotated.text, rotated.text
    assert site.env_values() == old
    if mode == "fail":
        assert (site.read_all(), stored_fingerprints(site)) == (plain, fingerprints(site))


def kill_while_it_waits(site: Site) -> None:
    """SIGKILL for the run; the command, and what it has started, end with it."""
    waiting = site.project / "waiting"
    process = site.start("rotate")
    deadline = time.monotonic() + 120
    while not waiting.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    started = Path("/proc") / waiting.read_text() / "cmdline"
    while started.exists() and started.read_bytes():
        assert time.monotonic() < deadline, "what the command has started goes on"
        time.sleep(0.05)
    waiting.unlink()


@pytest.mark.thorough
def test_killed_after_its_commit_what_it_damaged_is_no_success_of_the_next_run(commanded: Site) -> None:
    site = commanded
    write_inventory(site, "damage and wait")
    kill_while_it_waits(site)
    write_inventory(site, "whole")
    again = site.play("rotate")
    assert again.code != 0
    assert "E_DIGEST_CHANGED" in again.text, again.text


@pytest.mark.thorough
def test_a_way_back_that_only_the_command_knows_is_no_success_without_it(commanded: Site) -> None:
    site = commanded
    plain, old = site.read_all(), site.env_values()
    (site.project / "no_way_back").write_text(old["SECRET_KEY"], encoding="utf-8")
    assert site.play("rotate").code == 0
    refused = site.play("rollback")
    assert refused.code != 0
    assert "only the application's own command can restore fingerprints.seal" in " ".join(refused.text.split())
    assert (site.read_all(), stored_fingerprints(site)) == (plain, fingerprints(site)), "nothing has changed"

    (site.project / "no_way_back").unlink()
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert site.env_values() == old
    assert (site.read_all(), stored_fingerprints(site)) == (plain, fingerprints(site))


@pytest.mark.thorough
def test_a_plan_that_was_approved_for_the_engine_is_not_one_for_a_command(commanded: Site) -> None:
    site = commanded
    settled = {"key_rotation_settlements": {"fingerprints.seal": {"not_ours": "it is only a test"}}}
    write_inventory(site, key_rotation_method="direct", **settled)
    assert site.play("plan").code == 0
    write_inventory(site, **settled)
    refused = site.play("rotate")
    assert refused.code != 0
    assert "the command regenerate_secret_key is new" in " ".join(refused.text.split()), refused.text


def test_killed_while_it_runs_it_is_rolled_back_by_postgresql_and_the_next_run_completes(commanded: Site) -> None:
    site = commanded
    write_inventory(site, "wait")
    plain = site.read_all()
    kill_while_it_waits(site)

    write_inventory(site, "whole")
    again = site.play("rotate")
    assert again.code == 0, again.text
    assert (site.read_all(), stored_fingerprints(site)) == (plain, fingerprints(site))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"key_rotation_command": {"name": "regenerate_secrets"}}, "The application has: regenerate_secret_key"),
        thorough({"key_rotation_command": {}}, "key_rotation_command has no name"),
        (
            {"key_rotation_command": {"name": "regenerate_secret_key", "new_keys": {"SECRET_KEY": "NEW_SECRET_KEY"}}},
            "does not say how regenerate_secret_key gets the new ENCRYPTION_SALT",
        ),
        thorough(
            {"key_rotation_method": "direct"}, "fingerprints.seal is by_command, and no command of key_rotation_command"
        ),
    ],
)
def test_a_wrong_description_stops_before_anything_is_changed(
    commanded: Site, change: dict[str, object], says: str
) -> None:
    write_inventory(commanded, **change)
    before = commanded.tokens(), stored_fingerprints(commanded), commanded.env_file.read_bytes()
    outcome = commanded.play("plan")
    assert (outcome.code != 0, says in " ".join(outcome.text.split())) == (True, True), outcome.text
    assert (commanded.tokens(), stored_fingerprints(commanded), commanded.env_file.read_bytes()) == before


def test_the_plan_proposes_it(commanded: Site) -> None:
    write_inventory(
        commanded,
        key_rotation_method="direct",
        key_rotation_settlements={"fingerprints.seal": {"not_ours": "it is only a test"}},
    )
    planned = commanded.play("plan")
    assert "regenerate_secret_key: a management command of the application" in planned.text, planned.text
