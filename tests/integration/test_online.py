# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_rotation_mode: online, by the playbooks: the application reads a list of keys, and serves and writes all the
while."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path

import psycopg2
import pytest

from .conftest import Site, kill_group, thorough, until
from .served import Served
from .test_hosts import Two
from .test_list_order import make
from .test_progress import waits_for
from .test_resume import wait_until_gone

KEYS = [{"name": "FERNET_KEYS", "type": "fernet"}]
ONLINE = ("-e", "key_rotation_mode=online")
# A worker that writes a note, changes another and reads all, again and again. It ends as soon as it cannot read one.
WRITER = """
import itertools, os, time
from customer.models import Note
for number in itertools.count():
    Note.objects.create(text=f"note of {os.getpid()}: {number}")
    note = Note.objects.order_by("?").first()
    note.text += "."
    note.save()
    assert all(note.text.startswith("note ") for note in Note.objects.all())
    time.sleep(0.05)
"""
# One that was started late, with the old keys in its environment, and knows nothing of the others.
LATE = """
import itertools, time
from customer.models import Note
for number in itertools.count():
    Note.objects.create(text=f"note of the late worker: {number}")
    time.sleep(0.02)
"""
READ_ALL = """
from customer.models import Note
texts = [note.text for note in Note.objects.all()]
print("PLAIN", sum(text.startswith("note ") for text in texts), "of", len(texts))
"""


def serve(site: Site, project: Path, name: str) -> Served:
    """The web server of a host, and its worker that writes notes."""
    served = Served(site)
    manage = [str(project / ".venv/bin/python"), str(project / "manage.py")]
    served.commands = {
        f"{name}-web": [*manage, "runserver", "--noreload", f"127.0.0.1:{served.port}"],
        f"{name}-worker": [*manage, "shell", "--verbosity=0", "--command", WRITER],
    }
    served.order("start")
    served.wait()
    return served


def end(served: Served) -> None:
    """Stop them. None may have ended before."""
    down = {*served.commands} - {*served.up()}
    served.order("stop")
    assert not down, [(served.site.folder / f"{name}.pid.log").read_text() for name in down]


@pytest.fixture
def listed(site: Site) -> Iterator[Site]:
    """The example with notes under a list of one key, and its services."""
    make(site, "first", count=1)
    served = serve(site, site.project, "one")
    site.write_inventory(
        key_rotation_keys=KEYS,
        key_rotation_services=served.entries(),
        key_rotation_health_url=served.profile,
        key_rotation_services_settle=1,
        key_rotation_drain=2,
    )
    yield site
    end(served)


def present(site: Site) -> list[str]:
    """The keys in the .env file."""
    line = next(line for line in site.env_file.read_text().splitlines() if line.startswith("FERNET_KEYS="))
    return line.partition("=")[2].strip("'\"").split(",")


def refuse_unread(site: Site) -> None:
    """A fresh process of the application reads every note, with what the .env file has."""
    words = site.manage("shell", "--command", READ_ALL).text.partition("PLAIN ")[2].split()
    assert words[0] == words[2], words
    assert int(words[0]) > 12


def test_every_value_is_rotated_while_the_application_serves_and_writes(listed: Site) -> None:
    (old,) = present(listed)
    before = dict(listed.sql("SELECT id, text FROM customer_note ORDER BY id"))

    done = listed.play("rotate", *ONLINE)

    assert done.code == 0, done.text
    after = dict(listed.sql("SELECT id, text FROM customer_note ORDER BY id"))
    assert before.keys() < after.keys(), "the worker has written"
    assert not {*before.values()} & {*after.values()}
    (new,) = present(listed)
    assert new != old
    refuse_unread(listed)
    assert listed.play("verify").code == 0


class Client:
    """Asks one host after the other, as a load balancer does, until one answers."""

    def __init__(self, hosts: Sequence[Served]) -> None:
        self._hosts = hosts
        self.answered: Counter[str] = Counter()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asks = self._thread.is_alive()
        self._stopped.set()
        self._thread.join()
        assert asks, "it has asked to the end"

    def _ask(self) -> None:
        while not self._stopped.is_set():
            self.answered[next((host.profile for host in self._hosts if answers(host)), "nobody")] += 1
            self._hosts = self._hosts[::-1]


def answers(host: Served) -> bool:
    try:
        return bool(host.reads())
    except (OSError, HTTPException):  # it was stopped while it answered
        return False


@pytest.mark.thorough
def test_of_two_hosts_one_always_answers(site: Site) -> None:
    make(site, "first", count=1)
    two = Two(site)
    hosts = {"one": site.project, "two": two.project}
    served = {name: serve(site, project, name) for name, project in hosts.items()}
    application = two.inventory["application"]
    application["vars"].update(key_rotation_keys=KEYS, key_rotation_services_settle=1)
    for name, variables in application["hosts"].items():
        variables["key_rotation_services"] = served[name].entries()
        variables["key_rotation_health_url"] = served[name].profile
    application["hosts"]["two"]["ansible_connection"] = "local"
    two.write()
    (old,) = present(site)
    with Client([*served.values()]) as client:
        rotated = site.play("rotate", *ONLINE)
        rolled_back = site.play("rollback", *ONLINE) if rotated.code == 0 else rotated
    for host in served.values():
        end(host)

    assert (rotated.code, rolled_back.code) == (0, 0), rotated.text + rolled_back.text
    for text in (rotated.text, rolled_back.text):
        assert "none: 6 restarts of one host at a time" in " ".join(text.split())
        assert "by another process" not in text
    assert min(client.answered.values()) > 20, "both hosts have answered"
    assert "nobody" not in client.answered
    assert present(site) == [old]
    refuse_unread(site)


# What the .env file has when a run is killed: the old and the new key by their places.
STAGES: dict[str, Callable[[str, list[str]], bool]] = {
    "readable": lambda old, keys: len(keys) == 2 and keys[0] == old,
    "primary": lambda old, keys: len(keys) == 2 and keys[1] == old,
    "switched": lambda old, keys: len(keys) == 1 and keys[0] != old,
}


def refuse_unknown_versions(site: Site) -> None:
    """After a kill between two writes of the keys, every playbook knows the keys of both versions."""
    verified, monitored = site.play("verify"), site.play("monitor")
    planned, dry = site.play("plan", *ONLINE), site.play("rotate", "--check")

    current, pending = (site.stored()["stages"][stage] for stage in ("current", "pending"))
    for done in (verified, monitored):
        assert done.code != 0
        text = " ".join(done.text.split())
        assert "E_ENV_NOT_SWITCHED" not in text, done.text
        assert f"contains the keys of two versions: first those of {pending}, then those of {current}" in text
    assert planned.code == 0, planned.text
    assert dry.code == 0, dry.text
    assert "would restart one host after the other" in dry.text
    assert "would stop" not in dry.text
    assert "would wait for" not in dry.text


@pytest.mark.parametrize(
    ("stage", "then"),
    [
        thorough("readable", "rotate"),
        thorough("readable", "rollback"),
        ("primary", "rotate"),
        ("primary", "rollback"),
        thorough("switched", "rotate"),
        thorough("switched", "rollback"),
    ],
)
def test_killed_between_a_write_of_the_keys_and_the_restart_it_is_resumed_or_rolled_back(
    listed: Site, stage: str, then: str
) -> None:
    (old,) = present(listed)
    accepted = dict.fromkeys(("orphans", "hidden_environment", "absent"), "accept")
    named = {"key_rotation_processes": {"patterns": [f"{listed.project}/manage.py runserver"], **accepted}}
    checked = ("-e", json.dumps(named))
    process = listed.start("rotate", *ONLINE, *checked)
    until(lambda: STAGES[stage](old, present(listed)), process)
    kill_group(process)
    wait_until_gone(listed)
    refuse_unread(listed)
    if (stage, then) == ("primary", "rotate"):
        refuse_unknown_versions(listed)

    after = listed.play(then, *checked)  # in the mode of the run that was killed

    assert after.code == 0, after.text
    stops = (stage, then) == ("readable", "rollback")  # nobody has seen that the application can do it
    assert ("Stop | Stop the services that use the keys" in after.text) == stops, after.text
    assert (present(listed) == [old]) == (then == "rollback")
    assert len(present(listed)) == 1
    refuse_unread(listed)
    assert listed.play("verify").code == 0
    assert len(listed.stored()["versions"]) == 2, "the old and one new"


@contextlib.contextmanager
def late_worker(site: Site, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that nobody restarts, with a key in its environment."""
    manage = [str(site.project / ".venv/bin/python"), str(site.project / "manage.py")]
    environment = {**os.environ, "FERNET_KEYS": key, "PGAPPNAME": "late worker"}
    command = [*manage, "shell", "--verbosity=0", "--command", LATE]
    with subprocess.Popen(command, cwd=site.project, env=environment) as worker:
        try:
            yield worker
        finally:
            worker.kill()


def noted(site: Site) -> bool:
    """Whether the write watch has noted a session by its name."""
    if site.sql("SELECT to_regclass('tetech_key_rotation_writers')") == [(None,)]:
        return False
    with contextlib.suppress(psycopg2.errors.UndefinedTable):
        return bool(site.sql("SELECT 1 FROM tetech_key_rotation_writers WHERE application_name = 'late worker'"))
    return False


def test_a_run_that_a_person_ends_is_rolled_back_while_the_application_serves(listed: Site) -> None:
    """The web server and the worker are up at the end: see end()."""
    listed.sql("CREATE TABLE operations (busy boolean NOT NULL)")
    listed.sql("INSERT INTO operations VALUES (true)")
    (old,) = present(listed)
    waiting = json.dumps({"key_rotation_throttle": {"query": "SELECT busy FROM operations"}})
    process = listed.start("rotate", *ONLINE, "-e", waiting)
    until(lambda: waits_for(listed, "the query of its throttle"), process)
    assert STAGES["primary"](old, present(listed))
    assert listed.play("control", "-e", "key_rotation_control=abort").code == 0
    text, _ = process.communicate(timeout=300)

    assert process.returncode != 0
    assert "E_ABORTED" in text
    assert "was rolled back" in " ".join(text.split()), text
    assert re.search(r"Stop \| Stop the services that use the keys\] \*+\nskipping", text), text
    assert present(listed) == [old]
    refuse_unread(listed)
    assert listed.play("verify").code == 0


def test_a_worker_that_was_started_late_with_the_old_key_is_named_and_keeps_the_old_key_readable(listed: Site) -> None:
    (old,) = present(listed)
    process = listed.start("rotate", *ONLINE)
    until(lambda: STAGES["primary"](old, present(listed)), process)
    with late_worker(listed, old) as late:
        until(lambda: noted(listed), process)
        before = len(listed.sql("SELECT 1 FROM customer_note WHERE id > 0"))
        until(lambda: len(listed.sql("SELECT 1 FROM customer_note")) > before + 20, process)
        assert late.poll() is None
        assert STAGES["primary"](old, present(listed)), "the old key can still be read"
    text, _ = process.communicate(timeout=300)

    assert process.returncode == 0, text
    shown = " ".join(text.split())
    assert "written under the previous keys although every host had the other ones (customer_note:" in shown, text
    assert "application_name late worker" in shown, text
    assert len(present(listed)) == 1
    refuse_unread(listed)
    assert listed.sql("SELECT 1 FROM pg_trigger WHERE tgname LIKE 'tetech%'") == []
    assert listed.play("verify").code == 0


def test_a_completed_rotation_is_rolled_back_while_the_application_serves_and_a_late_worker_has_the_newer_key(
    listed: Site,
) -> None:
    (old,) = present(listed)
    rotated = listed.play("rotate", *ONLINE, "-e", "key_rotation_drain=0")
    assert rotated.code == 0, rotated.text
    (new,) = present(listed)

    with late_worker(listed, new):
        process = listed.start("rollback")
        until(lambda: STAGES["readable"](old, present(listed)), process)
        until(lambda: noted(listed), process)
        assert STAGES["readable"](old, present(listed)), "the newer key can still be read"
    text, _ = process.communicate(timeout=300)

    assert process.returncode == 0, text
    shown = " ".join(text.split())
    assert "written under the newer keys although every host had the other ones (customer_note:" in shown, text
    assert "application_name late worker" in shown, text
    assert present(listed) == [old]
    refuse_unread(listed)
    assert listed.play("verify").code == 0


@pytest.mark.thorough
def test_while_a_late_worker_does_not_end_nothing_is_switched_or_undone(listed: Site) -> None:
    (old,) = present(listed)
    process = listed.start("rotate", *ONLINE, "-e", "key_rotation_drain=1")
    until(lambda: STAGES["primary"](old, present(listed)), process)
    with late_worker(listed, old):
        text, _ = process.communicate(timeout=300)

    assert process.returncode != 0
    shown = " ".join(text.split())
    assert "E_NOT_DRAINED" in shown, text
    assert "application_name late worker" in shown, text
    assert "the same command again to resume" in shown, text
    assert STAGES["primary"](old, present(listed))
    refuse_unread(listed)
    done = listed.play("rotate", *ONLINE)
    assert done.code == 0, done.text
    assert len(present(listed)) == 1
    refuse_unread(listed)


def test_a_write_fence_of_a_killed_run_refuses_no_write_of_the_application_that_serves(listed: Site) -> None:
    fences = "SELECT 1 FROM pg_trigger WHERE tgname LIKE 'tetech_key_rotation_fence%'"
    process = listed.start("rotate")
    until(lambda: bool(listed.sql(fences)), process)
    kill_group(process)
    wait_until_gone(listed)

    done = listed.play("rotate", *ONLINE)

    assert done.code == 0, done.text
    refuse_unread(listed)  # and the worker, which ends with a write that is refused, is up: see end()


@pytest.mark.thorough
@pytest.mark.parametrize("mode", [ONLINE, ()])
def test_a_rollback_that_was_killed_is_finished_by_a_rollback_whatever_was_typed_between(
    listed: Site, mode: Sequence[str]
) -> None:
    (old,) = present(listed)
    assert listed.play("rotate", *ONLINE).code == 0
    process = listed.start("rollback", *mode)
    until(lambda: present(listed) == [old], process)
    kill_group(process)
    wait_until_gone(listed)

    refused = listed.play("rotate", *mode)
    verified = listed.play("verify")
    finished = listed.play("rollback", *mode)

    assert (refused.code != 0, refused.error()) == (True, "E_ROLLBACK_INTERRUPTED"), refused.text
    assert "rollback.yml" in verified.text.partition("To finish the run that died, run ")[2], verified.text
    assert ("key_rotation_mode=online" in verified.text) == bool(mode)
    assert finished.code == 0, finished.text
    assert present(listed) == [old]
    refuse_unread(listed)
    assert listed.play("verify").code == 0


@pytest.mark.thorough
def test_of_compromised_keys_none_stays_in_the_list(listed: Site) -> None:
    (old,) = present(listed)
    keeping = json.dumps({"key_rotation_keys": [{**KEYS[0], "keep": 1}]})

    done = listed.play("rotate", *ONLINE, "-e", keeping, "-e", "key_rotation_reason=compromise")

    assert done.code == 0, done.text
    assert "leaves no previous key in FERNET_KEYS" in done.text
    (new,) = present(listed)
    assert new != old
    refuse_unread(listed)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"[::1]": "[::-1]"}, "encrypts it with the second key"),
        thorough({'.split(",")][::1]': '.split(",")[:1]]'}, "nothing shows that the application reads it"),
        ({'in settings.FERNET_KEYS.split(",")][::1]': "in [settings.FERNET_KEYS]]"}, "nothing shows that"),
    ],
)
def test_an_application_that_cannot_work_with_two_keys_is_refused_by_plan_and_checklist(
    listed: Site, change: dict[str, str], fault: str
) -> None:
    path = listed.project / "customer/models.py"
    text = path.read_text(encoding="utf-8")
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    keys = present(listed)

    planned, refused = listed.play("plan", *ONLINE), listed.play("rotate", *ONLINE)

    assert (planned.code, "(E_NOT_ONLINE)" in planned.text) == (2, True), planned.text
    assert fault in " ".join(planned.text.split())
    assert (refused.code != 0, refused.error()) == (True, "E_NOT_ONLINE"), refused.text
    assert fault in " ".join(refused.text.split())
    assert present(listed) == keys
