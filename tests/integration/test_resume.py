# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed in the middle of re-encryption, and run again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import pg_client, restore_proof
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import atomic_file

from .conftest import Site, kill_group, processes_of, until
from .served import Served
from .test_rollback import NEW_PROFILE


@contextmanager
def stopped_half_way(
    site: Site, playbook: str = "rotate"
) -> Iterator[tuple[subprocess.Popen[str], psycopg2.extensions.connection]]:
    """A playbook that has re-encrypted the profiles and waits for locked restaurants."""
    before = site.tokens()
    with site.connection() as blocker, blocker.cursor() as cursor:
        cursor.execute("SELECT 1 FROM restaurant_restaurant FOR UPDATE")
        process = site.start(playbook)
        until(lambda: site.tokens()["customer_userprofile"] != before["customer_userprofile"], process)
        yield process, blocker


def modules(site: Site) -> list[tuple[object, ...]]:
    return site.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'key_rotation %'"
    )


def wait_until_gone(site: Site) -> None:
    deadline = time.monotonic() + 60
    while modules(site):
        assert time.monotonic() < deadline


@pytest.mark.thorough  # the story resume
@pytest.mark.parametrize("how", ["everything", "the module"])
def test_killed_and_run_again_it_ends_well_with_one_new_key(site: Site, how: str) -> None:
    plain = site.read_all()
    with stopped_half_way(site) as (process, blocker):
        if how == "everything":
            kill_group(process)
        else:
            _kill_module(site)
            assert process.wait(timeout=120) != 0
        blocker.rollback()
    wait_until_gone(site)
    tokens = site.tokens()

    again = site.play("rotate", "-e", "key_rotation_backup_max_age=0")

    assert again.code == 0, again.text
    assert site.read_all() == plain
    versions = site.stored()["versions"]
    if how == "everything":
        assert len(versions) == 2, "the old and one new"
        kept = [json.loads(path.read_text()) for path in (site.folder / "backups").glob("*.json")]
        first, anew = sorted(kept, key=lambda one: one["snapshot"]["time"])
        assert (len(first["key_ids"]), len(anew["key_ids"])) == (1, 2), "that of before the first write stays"
        assert re.search(r"Key rotation \S+ resumes", again.text), again.text
        changed = [a == b for a, b in zip(tokens["customer_userprofile"], site.tokens()["customer_userprofile"])]
        assert all(changed), "what was re-encrypted before the kill is not done twice"
    else:
        assert versions[1]["outcome"] == "rolled back", "a module that died is a failure: the run rolled back"


def _kill_module(site: Site) -> None:
    """SIGKILL for the application's Python that runs the module."""
    shown = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout
    ours = [
        int(line.split()[0])
        for line in shown.splitlines()
        if str(site.project / ".venv/bin/python") in line and "sh -c" not in line and "manage.py" not in line
    ]
    assert ours
    _send(signal.SIGKILL, ours)


def _kill_controller(process: subprocess.Popen[str]) -> None:
    """SIGKILL for ansible-playbook alone: what it started is left."""
    process.kill()
    process.wait()


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, number)


@pytest.mark.thorough
def test_a_module_ends_when_its_controller_was_killed(site: Site) -> None:
    plain = site.read_all()
    with stopped_half_way(site) as (process, blocker):
        _kill_controller(process)
        wait_until_gone(site)
        blocker.rollback()

    again = site.play("rotate")

    assert again.code == 0, again.text
    assert site.read_all() == plain


@pytest.mark.thorough
def test_a_module_left_over_from_a_killed_controller_refuses_a_second_run(site: Site) -> None:
    plain = site.read_all()
    with stopped_half_way(site) as (process, blocker):
        frozen = processes_of(site)
        _send(signal.SIGSTOP, frozen)
        _kill_controller(process)

        second = site.play("rotate")

        assert second.code != 0
        assert second.error() == "E_LOCKED"
        assert "Nothing was changed." in second.text
        assert len(site.stored()["versions"]) == 2
        _send(signal.SIGCONT, frozen)
        blocker.rollback()
    wait_until_gone(site)

    third = site.play("rotate")

    assert third.code == 0, third.text
    assert site.read_all() == plain
    assert len(site.stored()["versions"]) == 2


@pytest.mark.thorough
def test_a_switch_left_over_from_a_killed_controller_refuses_a_second_run(site: Site) -> None:
    """From the first value that is re-encrypted to the last one after the switch, no other run may begin."""
    plain, env = site.read_all(), site.env_file.read_bytes()
    with stopped_half_way(site) as (process, blocker):
        first = set(modules(site))
        with atomic_file.folder_lock(str(site.env_file.parent)):  # the switch waits for it
            blocker.rollback()
            deadline = time.monotonic() + 60
            while first & set(modules(site)):
                assert time.monotonic() < deadline
            frozen = processes_of(site)
            _send(signal.SIGSTOP, frozen)
        _kill_controller(process)

        second = site.play("rotate")

        assert second.error() == "E_LOCKED", second.text
        assert site.env_file.read_bytes() == env
        _send(signal.SIGCONT, frozen)
    wait_until_gone(site)

    third = site.play("rotate")

    assert third.code == 0, third.text
    assert site.read_all() == plain
    assert len(site.stored()["versions"]) == 2


@pytest.mark.thorough
def test_a_rollback_that_was_killed_is_finished_by_the_same_command(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    assert site.play("rotate").code == 0
    with stopped_half_way(site, "rollback") as (process, blocker):
        kill_group(process)
        blocker.rollback()
    wait_until_gone(site)

    assert site.play("rollback").code == 0
    assert site.env_file.read_bytes() == env
    assert site.read_all() == plain


@pytest.mark.thorough
def test_a_rotation_killed_half_way_can_be_rolled_back_instead(site: Site) -> None:
    plain, tokens_env = site.read_all(), site.env_file.read_bytes()
    with stopped_half_way(site) as (process, blocker):
        kill_group(process)
        blocker.rollback()
    wait_until_gone(site)

    assert site.play("rollback").code == 0
    assert site.env_file.read_bytes() == tokens_env
    assert site.read_all() == plain
    assert list(site.stored()["stages"]) == ["current"]


def changed(path: Path) -> Callable[[Site], bool]:
    """Whether a file is another than when this was asked."""
    before = path.read_bytes() if path.exists() else b""
    return lambda _: path.exists() and path.read_bytes() != before


def written(site: Site) -> Callable[[Site], bool]:
    """Whether a value of the table that is re-encrypted last is another than when this was asked."""
    before = site.tokens()["restaurant_restaurant"]
    return lambda site: site.tokens()["restaurant_restaurant"] != before


# The task to be killed in, what must have happened by then (a file written, a module at work), and the way back then.
MOMENTS: list[tuple[str, Callable[[Site], Callable[[Site], bool]], str]] = [
    (
        "Dump | Create and verify the backup",
        lambda site: changed(site.folder / "backups/spring.dump.partial"),
        "nothing",
    ),
    ("Dump | Create and verify the backup", lambda site: changed(site.folder / "backups/spring.json"), "nothing"),
    ("Pending | Create the new version", lambda site: changed(site.store), "discard"),
    ("Re-encrypt | Read values through the application", lambda site: modules_at_work, "discard"),
    ("Re-encrypt | Re-encrypt every value", lambda site: written(site), "backwards"),
    ("Re-encrypt | Re-encrypt every value", lambda site: changed(site.env_file), "backwards"),
    ("Switch | Make the new version current", lambda site: changed(site.store), "backwards"),
    ("Proof | Check the .env file", lambda site: modules_at_work, "backwards"),
    ("Start | Wait until the application answers", lambda site: lambda _: True, "backwards"),
]


def modules_at_work(site: Site) -> bool:
    return bool(modules(site))


@pytest.mark.thorough
@pytest.mark.parametrize(("task", "moment", "strategy"), MOMENTS)
def test_killed_in_any_task_a_rollback_finds_its_way_and_keeps_what_was_written_since(
    site: Site, served: Served, task: str, moment: Callable[[Site], Callable[[Site], bool]], strategy: str
) -> None:
    """Without a write fence, which would refuse what is written between the kill and the rollback (test_fence.py)."""
    off = ("-e", "key_rotation_fence=off")
    env, plain, answered = site.env_file.read_bytes(), site.read_all(), served.reads()
    process = site.start("rotate", "-e", "key_rotation_id=spring", *off)
    assert kill_when(site, process, task, moment), "the task ended before it could be killed in it"
    wait_until_gone(site)
    assert site.manage("shell", "--verbosity=0", "--command", NEW_PROFILE).code == 0

    back = site.play("rollback", *off)

    assert back.code == 0, back.text
    assert f"Strategy {strategy}: " in back.text, back.text
    now = site.read_all()
    assert [row[1:3] for row in now["profiles"] if row not in plain["profiles"]] == [["Late Comer", "+1 555 0100"]]
    assert [row for row in now["profiles"] if row in plain["profiles"]] == plain["profiles"]
    assert {**now, "profiles": plain["profiles"]} == plain
    assert site.env_file.read_bytes() == env
    assert (served.up(), served.reads()) == (["web", "worker"], answered)
    if site.store.exists():
        assert list(site.stored()["stages"]) == ([] if strategy == "nothing" else ["current"])
    events = [json.loads(line) for line in (site.folder / "records/spring/record.jsonl").read_text().splitlines()]
    begun = next(event for event in events if event["event"] == "rollback")
    assert (begun["phase"], begun["strategy"]) == ("intent", strategy)
    assert (events[-1]["event"], events[-1]["phase"]) == ("rollback", "done")


@pytest.mark.thorough
def test_the_copy_that_a_killed_proof_has_left_is_dropped_by_the_way_back(site: Site) -> None:
    """A dry run says which, and drops nothing."""
    ((version,),) = site.sql("SELECT current_setting('server_version_num')::int")
    real = pg_client.find_tools(None, version // 10000)
    programs = site.folder / "bin"
    programs.mkdir()
    (programs / "pg_dump").symlink_to(real.program("pg_dump"))
    (programs / "pg_restore").write_text("#!/bin/sh\nexec sleep 300\n")
    (programs / "pg_restore").chmod(0o755)
    options = ["key_rotation_backup_proof=full", f"key_rotation_pg_bindir={programs}", "key_rotation_id=spring"]
    process = site.start("rotate", *(word for one in options for word in ("-e", one)))
    assert kill_when(site, process, "Dump | Create and verify the backup", lambda _: copies)
    wait_until_gone(site)
    ((copy,),) = copies(site)

    told = site.play("rollback", "--check")
    assert (told.code, copies(site)) == (0, [(copy,)]), told.text
    assert f"would drop {copy}" in told.text
    back = site.play("rollback")

    assert (back.code, copies(site)) == (0, []), back.text
    assert "Strategy nothing: " in back.text
    assert f"dropped    {copy}" in back.text
    events = [json.loads(line) for line in (site.folder / "records/spring/record.jsonl").read_text().splitlines()]
    assert [event["dropped"] for event in events if "dropped" in event] == [[copy]]


def copies(site: Site) -> list[tuple[object, ...]]:
    """The scratch databases of proofs on the site's server."""
    return site.sql("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{restore_proof.PREFIX}%",))


@pytest.mark.thorough
@pytest.mark.parametrize(("task", "moment", "strategy"), MOMENTS)
def test_killed_in_any_task_the_same_command_ends_well(
    site: Site, task: str, moment: Callable[[Site], Callable[[Site], bool]], strategy: str
) -> None:
    plain = site.read_all()
    process = site.start("rotate", "-e", "key_rotation_id=spring")
    happened = kill_when(site, process, task, moment)
    assert happened, "the task ended before it could be killed in it"
    wait_until_gone(site)

    again = site.play("rotate", "-e", "key_rotation_id=spring")

    assert again.code == 0, again.text
    assert site.read_all() == plain
    store = site.stored()
    assert [version["outcome"] for version in store["versions"]] == ["completed", "completed"]
    assert sorted(store["stages"]) == ["current", "previous"]


def kill_when(
    site: Site, process: subprocess.Popen[str], task: str, moment: Callable[[Site], Callable[[Site], bool]]
) -> bool:
    """SIGKILL for all of a playbook, as soon as the moment has come in its task."""
    assert process.stdout is not None
    for line in process.stdout:
        if task in line:
            break
    else:
        return False
    has_come = moment(site)
    while not has_come(site):
        if process.poll() is not None:
            return False
    kill_group(process)
    return True


@pytest.mark.thorough
def test_a_run_that_died_before_it_made_a_key_is_resumed_under_its_name(site: Site) -> None:
    process = site.start("rotate")
    assert kill_when(site, process, "Pending | Create the new version", lambda _: lambda _: True)
    wait_until_gone(site)
    assert site.play("rotate").code == 0
    assert len(list((site.folder / "backups").glob("*.dump"))) == 1, "one rotation, one dump"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "task",
    [
        "Switch | Write the previous keys",
        "Switch | Restore values written",
        "Proof | Verify with a fresh",
        "Store | Make the previous version",
    ],
)
def test_a_rollback_killed_as_a_task_begins_ends_well(site: Site, task: str) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    assert site.play("rotate").code == 0
    process = site.start("rollback")
    assert kill_when(site, process, task, lambda _: lambda _: True)
    wait_until_gone(site)

    again = site.play("rollback")

    assert again.code == 0, again.text
    assert site.read_all() == plain
    assert site.env_file.read_bytes() == env
    assert list(site.stored()["stages"]) == ["current"]


@pytest.mark.thorough
def test_of_two_operators_the_second_learns_who_is_the_first(site: Site) -> None:
    plain = site.read_all()
    with stopped_half_way(site) as (process, blocker):
        for playbook in ("rotate", "rollback"):
            second = site.play(playbook)
            assert second.code != 0
            assert second.error() == "E_RUNNING"
            assert f"(process {process.pid})" in second.text
        blocker.rollback()
        text = process.communicate(timeout=120)[0]
    assert process.returncode == 0, text
    assert "COMPLETED" in text
    assert site.read_all() == plain
