# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import processes, units
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.key_verdict import KeyVerdict
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.process_staleness import CLOCKS, KeyChange

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no proc file system")

KEYS = KeySet({"SECRET_KEY": "CANARY-new-key", "ENCRYPTION_SALT": "CANARY-new-salt"})
OLD = KeySet({"SECRET_KEY": "CANARY-old-key", "ENCRYPTION_SALT": "CANARY-new-salt"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.fixture
def judged(path):
    def judge(pid: int, **options: object) -> KeyVerdict | None:
        there = processes.snapshot()
        found = KeyChange(str(path), path.stat().st_ctime, KEYS, **options).check(there, there[pid])
        assert "CANARY" not in repr(found)
        return found

    return judge


@pytest.fixture
def given(tmp_path: Path):
    """What systemd gives to a process as credentials: a folder, and the variable that leads to it."""
    folder = tmp_path / "credentials"
    folder.mkdir()

    def give(**contents: str) -> dict[str, str]:
        for name, content in contents.items():
            (folder / name).write_text(content)
        return {"CREDENTIALS_DIRECTORY": str(folder)}

    return give


def switch(path: Path) -> None:
    """Change the file, and let the clock go on by what a start and a change are known to."""
    path.touch()
    path.chmod(0o600)
    while time.time() <= path.stat().st_ctime + CLOCKS + 0.01:
        time.sleep(0.005)


def test_one_that_was_started_after_the_switch_has_the_new_keys(start, judged, path):
    switch(path)
    found = judged(start().pid)
    assert (found.stale, found.key_id, found.exported) == (False, KEYS.key_id, [])
    assert (found.reason, found.todo) == ("", "")


def test_one_that_was_started_before_the_switch_is_stale(start, judged, path):
    child = start()
    switch(path)
    found = judged(child.pid)
    assert (found.stale, found.key_id) == (True, "")
    assert str(path) in found.reason
    assert found.started in found.reason
    assert f"stop process {child.pid}" in found.todo


def test_one_that_was_started_in_the_same_moment_is_stale(start, path):
    child = start()
    there = processes.snapshot()
    started = there[child.pid].started
    assert KeyChange(str(path), started, KEYS).check(there, there[child.pid]).stale is True
    assert KeyChange(str(path), started - CLOCKS - 0.001, KEYS).check(there, there[child.pid]).stale is False


def test_a_worker_that_an_old_master_forks_after_the_switch_is_stale(start, tell, judged, path):
    master = start()
    switch(path)
    assert judged(tell(master, "fork")).stale is True
    assert judged(tell(master, "exec")).stale is False


@pytest.mark.parametrize("began", [None, "before", "after"])
def test_a_worker_whose_old_master_is_gone_counts_from_the_start_of_its_service(
    start, tell, judged, path, monkeypatch, began
):
    master = start()
    before = time.time()
    switch(path)
    worker = tell(master, "fork")
    os.kill(master.pid, signal.SIGKILL)
    master.wait()
    monkeypatch.setattr(processes.Process, "service", "gunicorn.service" if began else "")
    monkeypatch.setattr(units.Unit, "began", before if began == "before" else time.time())
    found = judged(worker)
    assert found.stale is (began != "after")
    assert ("orphans: accept" in found.todo) is (began is None)
    assert judged(worker, accept_orphans=True).stale is False


def test_one_that_a_shell_has_started_and_left_behind_is_not_one_of_those(judged, path):
    switch(path)
    left = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True, check=True
    )
    pid = int(left.stdout)
    try:
        while Path(f"/proc/{pid}/comm").read_text() != "sleep\n":
            time.sleep(0.005)
        assert judged(pid).stale is False
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_file_that_a_container_has_mounted_by_itself_stays_the_old_one(path):
    path = path.with_name("my env")  # which the kernel writes my\\040env
    path.write_text("old")
    inside = path.parent / "inside"
    inside.touch()
    namespace = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$1" || exit 1; echo; exec sleep 60', path, inside],
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        if not namespace.stdout.readline():
            pytest.skip("no right to mount here")
        (path.parent / "new").write_text("new")
        (path.parent / "new").rename(path)
        switch(path)
        child = subprocess.Popen(["nsenter", "-m", "-t", str(namespace.pid), "sleep", "60"], start_new_session=True)
        while Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.005)
        there = processes.snapshot()
        found = KeyChange(str(path), path.stat().st_ctime, KEYS).check(there, there[child.pid])
        assert (found.stale, found.key_id) == (True, "")
        assert f"it still sees the previous {path}" in found.reason
        assert "recreate the container of sleep" in found.todo
        child.kill()
        child.wait()
    finally:
        namespace.kill()
        namespace.communicate()


def test_an_exported_key_wins_over_the_file_whenever_it_was_started(start, judged, path):
    switch(path)
    found = judged(start(SECRET_KEY=OLD.values["SECRET_KEY"]).pid)
    assert (found.stale, found.key_id, found.exported) == (True, OLD.key_id, ["SECRET_KEY"])
    assert "SECRET_KEY was exported to it" in found.reason
    assert found.todo.startswith("remove SECRET_KEY from the environment")


def test_the_program_of_an_old_master_inherits_what_the_master_exported(start, tell, judged, path):
    master = start(SECRET_KEY=OLD.values["SECRET_KEY"])
    switch(path)
    assert judged(tell(master, "exec")).key_id == OLD.key_id


def test_the_right_keys_exported_are_right(start, judged, path):
    child, part = start(**KEYS.values), start(SECRET_KEY=KEYS.values["SECRET_KEY"])
    switch(path)
    found = judged(child.pid)
    assert (found.stale, found.key_id) == (False, KEYS.key_id), "all of them: the file was not read"
    assert found.exported == ["SECRET_KEY", "ENCRYPTION_SALT"]
    assert judged(part.pid).stale is True, "the rest was read from the file as it was"
    assert judged(start(SECRET_KEY=KEYS.values["SECRET_KEY"]).pid).stale is False


def test_an_empty_variable_is_an_exported_one(start, judged, path):
    switch(path)
    assert judged(start(SECRET_KEY="").pid).stale is True


def test_one_that_has_overwritten_its_environment_is_not_taken_for_right(start, tell, judged, path):
    before = start()
    switch(path)
    child = start(SECRET_KEY=OLD.values["SECRET_KEY"])
    for each in (before, child):
        tell(each, "hide")
    found = judged(child.pid)
    assert (found.stale, found.key_id, found.exported) == (True, "", [])
    assert "overwritten its environment" in found.reason
    assert "SECRET_KEY, ENCRYPTION_SALT is exported" in found.todo
    assert judged(child.pid, accept_hidden=True).stale is False
    assert judged(before.pid, accept_hidden=True).stale is True


def test_a_variable_that_names_the_key_file_leaves_the_file_to_decide(start, judged, path, tmp_path):
    """pulpcore's DB_ENCRYPTION_KEY is a path; the same name stands for the keys in that file here."""
    before = start(SECRET_KEY=f"{tmp_path}/./key")
    switch(path)
    files = {"SECRET_KEY": str(tmp_path / "key")}
    found = judged(start(SECRET_KEY=f"{tmp_path}/./key").pid, files=files)
    assert (found.stale, found.key_id, found.exported) == (False, KEYS.key_id, [])
    assert judged(before.pid, files=files).stale is True
    for other in ("key", f"{tmp_path}/other", ""):
        assert judged(start(SECRET_KEY=other).pid, files=files).stale is True
    assert judged(start(ENCRYPTION_SALT=f"{tmp_path}/key").pid, files=files).stale is True


def test_before_a_switch_only_what_would_win_over_the_new_file_is_in_its_way(start, tell, judged, path, tmp_path):
    plain, exported, hidden = start(), start(SECRET_KEY=KEYS.values["SECRET_KEY"]), start(OTHER="x")
    tell(hidden, "hide")
    switch(path)
    found = judged(plain.pid, to_come=True)
    assert (found.stale, found.key_id) == (False, ""), "since when it runs is not asked"
    found = judged(exported.pid, to_come=True)
    assert (found.stale, found.exported, found.key_id) == (True, ["SECRET_KEY"], "")
    assert found.reason == "SECRET_KEY was exported to it and overrides the file"
    assert judged(hidden.pid, to_come=True).stale is True
    assert judged(hidden.pid, to_come=True, accept_hidden=True).stale is False
    found = judged(exported.pid, to_come=True, exports=["SECRET_KEY"])
    assert (found.stale, found.exported) == (False, ["SECRET_KEY"]), "a unit's EnvironmentFile"
    assert judged(exported.pid, to_come=True, exports=["ENCRYPTION_SALT"]).stale is True, "of another key"
    other = start(SECRET_KEY="CANARY another")
    assert judged(other.pid, to_come=True, exports=["SECRET_KEY"]).stale is True
    named = start(SECRET_KEY=str(tmp_path / "key"))
    assert judged(named.pid, to_come=True, files={"SECRET_KEY": str(tmp_path / "key")}).stale is False


def test_one_that_ended_meanwhile_is_left_out(start, path):
    child = start()
    there = processes.snapshot()
    child.kill()
    child.wait()
    assert KeyChange(str(path), 0.0, KEYS).check(there, there[child.pid]) is None


def test_one_that_does_not_show_itself_is_an_error_and_not_taken_for_right(as_ordinary_user, path):
    if os.stat("/proc/1").st_uid == os.geteuid() != 0:
        pytest.skip("every process here is our own")

    def look() -> str:
        there = processes.snapshot()
        with pytest.raises(RotationError) as refused:
            KeyChange(str(path), 0.0, KEYS).check(there, there[1])
        return str(refused.value)

    said = as_ordinary_user(look)
    assert said.startswith("E_PROCESS_READ: process 1 (")
    assert "(become_user), or as root." in said


def test_one_that_does_not_show_itself_counts_from_its_start_if_that_is_accepted(as_ordinary_user, path):
    if os.stat("/proc/1").st_uid == os.geteuid() != 0:
        pytest.skip("every process here is our own")

    def look() -> str:
        there = processes.snapshot()
        moments = (there[1].started - 1, there[1].started + 1)
        found = [KeyChange(str(path), at, KEYS, accept_hidden=True).check(there, there[1]) for at in moments]
        return repr([(each.stale, each.hidden, each.key_id) for each in found])

    assert as_ordinary_user(look) == repr([(False, True, KEYS.key_id), (True, True, "")])


def test_what_systemd_reads_from_the_file_itself_is_in_no_way_of_new_keys(start, path, monkeypatch):
    """The application may read the file as well (dialect dotenv); a start gives it what the file has then."""
    switch(path)
    right, wrong = start(SECRET_KEY=KEYS.values["SECRET_KEY"]), start(SECRET_KEY="CANARY another")
    there = processes.snapshot()
    of_web = {pid: dataclasses.replace(there[pid], control_group="/system.slice/web.service") for pid in there}

    def stale(pid: int, files: list[str]) -> bool:
        monkeypatch.setattr(units.Unit, "environment_files", dict.fromkeys(files, False))
        return KeyChange(str(path), path.stat().st_ctime, KEYS, to_come=True).check(of_web, of_web[pid]).stale

    assert stale(right.pid, [f"{path.parent}/./{path.name}"]) is False
    assert stale(right.pid, [f"{path.parent}/{path.name[:-1]}*"]) is False
    assert stale(right.pid, [f"{path}.other"]) is True
    assert stale(wrong.pid, [str(path)]) is True, "another variable of that name comes after the file's"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_one_that_has_not_what_should_be_exported_to_it_is_not_taken_for_right(start, judged, path, moment):
    """Its environment was cleared, or another file was sourced: it has no key, or one from elsewhere."""
    switch(path)
    options = {"exports": ["SECRET_KEY"], "to_come": moment == "before"}
    without = start(ENCRYPTION_SALT=KEYS.values["ENCRYPTION_SALT"]).pid if moment == "after" else start().pid
    found = judged(without, **options, accept_hidden=True)
    assert (found.stale, found.key_id) == (True, "")
    assert found.reason == "SECRET_KEY is not in its environment"
    assert found.todo.startswith("put SECRET_KEY into the environment with which")
    given = judged(start(SECRET_KEY=KEYS.values["SECRET_KEY"]).pid, **options)
    assert (given.stale, given.key_id) == (False, KEYS.key_id if moment == "after" else "")


def test_one_that_may_read_the_file_by_itself_is_never_called_right_without_the_variable(start, judged, path):
    switch(path)
    child, options = start(), {"exports": list(KEYS.values), "also_read": list(KEYS.values)}
    found = judged(child.pid, **options)
    assert (found.stale, found.key_id) == (True, "")
    assert found.reason == "SECRET_KEY, ENCRYPTION_SALT is not in its environment"
    assert found.todo.endswith("if it reads the file by itself, set hidden_environment: accept")
    found = judged(child.pid, **options, accept_hidden=True)
    assert (found.stale, found.key_id) == (False, ""), "by its start alone: which keys it has is not known"
    part = judged(child.pid, exports=list(KEYS.values), also_read=["SECRET_KEY"], accept_hidden=True)
    assert part.stale is True


def test_a_shell_that_exports_a_key_to_what_it_starts_has_it_not_itself(start, judged, path):
    switch(path)
    script = "sh -c 'SECRET_KEY=CANARY-new-key sleep 300 & echo $!; wait'; :"
    shell = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        child = int(shell.stdout.readline())
        while Path(f"/proc/{child}/comm").read_text() != "sleep\n":
            time.sleep(0.005)
        found = judged(shell.pid, exports=["SECRET_KEY"])
        assert (found.stale, found.key_id) == (False, "")
        assert judged(child, exports=["SECRET_KEY"]).key_id == KEYS.key_id
        assert judged(shell.pid, exports=list(KEYS.values)).stale is True, "nobody has the other one"
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.communicate()


def test_one_of_before_a_change_is_not_asked_for_a_variable_that_the_next_start_gives_it(start, judged, path):
    child = start()
    switch(path)
    assert judged(child.pid, exports=["SECRET_KEY"], to_come=True).stale is False
    assert "was changed" in judged(child.pid, exports=["SECRET_KEY"]).reason


CREDENTIAL = {"SECRET_KEY": "secret"}


def test_a_process_has_the_credential_that_systemd_gave_to_it(start, judged, path, given):
    switch(path)
    variables = given(secret="CANARY-new-key\n")
    found = judged(start(**variables).pid, credentials=CREDENTIAL)
    assert (found.stale, found.key_id) == (False, KEYS.key_id)
    by_path = judged(start(SECRET_KEY=f"{variables['CREDENTIALS_DIRECTORY']}/secret", **variables).pid)
    assert by_path.stale, "a variable of the name wins, unless it names the credential"
    named = start(SECRET_KEY=f"{variables['CREDENTIALS_DIRECTORY']}/secret", **variables).pid
    assert not judged(named, credentials=CREDENTIAL).stale


@pytest.mark.parametrize("content", ["CANARY-old-key\n", "CANARY old\nand more"])
def test_one_that_was_given_another_value_is_stale(start, judged, path, given, content):
    switch(path)
    child = start(**given(secret=content))
    found = judged(child.pid, credentials=CREDENTIAL)
    assert (found.stale, "gave it the credential secret with another value" in found.reason) == (True, True)
    assert not judged(child.pid, credentials=CREDENTIAL, to_come=True).stale


def test_one_whose_credential_was_replaced_while_it_ran_is_stale(start, judged, path, given):
    child = start(**given(secret="CANARY-old-key"))
    switch(path)
    given(secret="CANARY-new-key")
    found = judged(child.pid, credentials=CREDENTIAL)
    assert (found.stale, "was changed" in found.reason) == (True, True)


@pytest.mark.parametrize("to_come", [False, True])
def test_one_that_was_given_none_is_stale(start, judged, path, given, to_come):
    switch(path)
    for child in (start(), start(**given(other="CANARY"))):
        found = judged(child.pid, credentials=CREDENTIAL, to_come=to_come)
        assert (found.stale, "gave it no credential secret" in found.reason) == (True, True)
        assert found.key_id == ""
