# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that two commands reach, with real commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    command_destination,
    destination_interface,
    key_destinations,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.command_destination import (
    CommandChange,
    KeyCommands,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.env_file_editor import FileChange
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import NOTHING_CHANGED, RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import child_processes
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

WRITE = 'cat > "$0.new" && mv "$0.new" "$0"'


@pytest.fixture
def value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(command_destination, "SETTLING", 0.0)
    path = tmp_path / "value"
    path.write_text("CANARY-old")
    return path


def key(value: Path, write: str = WRITE, read: str = 'cat "$0"') -> dict[str, object]:
    return {"name": "K", "destination": {name: ["sh", "-c", each, str(value)] for name, each in commands(read, write)}}


def commands(read: str, write: str) -> list[tuple[str, str]]:
    return [("read", read), ("write", write)]


def write_new(described: dict[str, object]) -> RotationError:
    with pytest.raises(RotationError) as refused:
        destination_interface.write(key_destinations.changes("", [described], {"K": "CANARY-new"}, "dotenv"))
    assert "CANARY" not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_value_is_read_written_and_read_back(value: Path, end: str) -> None:
    value.write_text(f"CANARY-old{end}", newline="")
    described = key(value)
    assert key_destinations.read(None, [described]) == {"K": "CANARY-old"}
    (change,) = key_destinations.changes("", [described], {"K": "CANARY-new"}, "dotenv")
    destination_interface.write([change])
    assert value.read_text() == "CANARY-new"
    assert key_destinations.changes("", [described], {"K": "CANARY-new"}, "dotenv") == []
    assert "CANARY" not in repr(change)


def test_a_rehearsal_writes_the_value_that_is_there(value: Path) -> None:
    (change,) = key_destinations.changes("", [key(value)], {"K": "CANARY-new"}, "dotenv")
    before = value.stat().st_ino
    destination_interface.rehearse([change])
    assert (value.read_text(), value.stat().st_ino != before) == ("CANARY-old", True)


@pytest.mark.parametrize(
    ("write", "code"),
    [
        ("cat > /dev/null; exit 3", "E_COMMAND_FAILED"),
        ('tee "$0"', "E_COMMAND_PRINTS"),
        ('tee "$0" >&2', "E_COMMAND_PRINTS"),
        ('head -c 5 > "$0"', "E_COMMAND_READBACK"),
    ],
)
def test_a_command_that_does_not_do_its_work_is_refused_before_anything_is_changed(
    value: Path, write: str, code: str
) -> None:
    (change,) = key_destinations.changes("", [key(value, write)], {"K": "CANARY-new"}, "dotenv")
    with pytest.raises(RotationError) as refused:
        change.rehearse()
    assert (refused.value.code, refused.value.changed) == (code, NOTHING_CHANGED)


def test_a_command_that_writes_nothing_is_found_at_the_switch(value: Path) -> None:
    error = write_new(key(value, "cat > /dev/null"))
    assert (error.code, error.changed) == ("E_COMMAND_READBACK", "K still has its previous value.")
    assert value.read_text() == "CANARY-old"


@pytest.mark.parametrize("failing", ['cat "$0"', 'echo other > "$0"', 'echo other > "$0"; exit 3'])
def test_a_switch_that_fails_writes_the_previous_value_back(value: Path, failing: str) -> None:
    """As a platform that takes one value and not another one."""
    only_new = f'{WRITE}; if grep -q new "$0"; then {failing}; fi'
    error = write_new(key(value, only_new))
    assert error.code in ("E_COMMAND_FAILED", "E_COMMAND_PRINTS", "E_COMMAND_READBACK")
    assert error.changed == "The previous value of K was restored and verified."
    assert value.read_text() == "CANARY-old"


def test_a_switch_that_cannot_be_undone_says_so(value: Path) -> None:
    once = 'if [ -e "$0.done" ]; then exit 4; fi; touch "$0.done"; echo other > "$0"; exit 3'
    error = write_new(key(value, once))
    assert "may have the new value or the previous one" in error.changed
    assert value.read_text() == "other\n"


def test_a_place_that_cannot_be_read_after_a_write_that_failed_is_not_written_again(value: Path) -> None:
    error = write_new(key(value, f'{WRITE}; chmod 0 "$0"; exit 3', read='test "$(stat -c %a "$0")" != 0 && cat "$0"'))
    assert (error.code, error.changed) == (
        "E_COMMAND_FAILED",
        "K may have the new value or the previous one: both are in the key store.",
    )
    value.chmod(0o600)
    assert value.read_text() == "CANARY-new"


def another_host_writes(value: Path) -> None:
    value.write_text("CANARY-new")


def test_a_value_that_another_host_has_written_meanwhile_is_not_written_again(value: Path) -> None:
    """Between the first look of this host and its switch, and between the preparation and the switch."""
    described = key(value, write="exit 3")
    changes = key_destinations.changes("", [described], {"K": "CANARY-new"}, "dotenv")
    before = key_destinations.changed_at("", [described])
    with changes[0].prepared() as switch:
        another_host_writes(value)
        switch()
    destination_interface.write(changes)
    assert key_destinations.changed_at("", [described]) > before, (
        "the processes of this host have the old value until now"
    )
    value.write_text("CANARY-third")
    with pytest.raises(RotationError, match="E_COMMAND_READBACK"):
        destination_interface.write(changes)
    assert value.read_text() == "CANARY-third"


@pytest.mark.parametrize("failing", ["exit 9", "true"])
def test_a_write_that_fails_while_another_host_writes_is_done_when_the_new_value_is_there(
    value: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """As a platform that refuses the second of two writes at once (409): the first one takes a moment longer."""
    monkeypatch.setattr(command_destination, "SETTLING", 60.0)
    monkeypatch.setattr(command_destination, "POLL", 0.01)
    others_write = '(sleep 0.2; printf CANARY-new > "$0.new"; mv "$0.new" "$0") >/dev/null 2>&1 &'
    log = value.with_name("written")
    refused = f'cat >> "{log}"; {others_write} {failing}'
    destination_interface.write(key_destinations.changes("", [key(value, refused)], {"K": "CANARY-new"}, "dotenv"))
    assert (value.read_text(), log.read_text()) == ("CANARY-new", "CANARY-new"), "nothing was written back"


def test_a_command_runs_only_when_every_file_is_prepared(value: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.key"
    file.write_text("changed by someone\n")
    file.chmod(0o600)
    change = CommandChange(KeyCommands("K", *key(value)["destination"].values()), "CANARY-old", "CANARY-new")
    with pytest.raises(RotationError, match="E_ENV_CHANGED"):
        destination_interface.write([change, FileChange(str(file), "old\n", "new\n")])
    assert value.read_text() == "CANARY-old"


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ("exit 2", "exit code 2"),
        ("true", "prints nothing"),
        ("printf 'CANARY\\nb\\n'", "several lines"),
        ("printf '\\377'", "not UTF-8"),
    ],
)
def test_what_is_no_value_is_refused(value: Path, read: str, found: str) -> None:
    with expect_error("E_COMMAND_FAILED", name="K", word="reads", reason=Containing(found)) as refused:
        key_destinations.read(None, [key(value, read=read)])
    assert "CANARY" not in str(refused.value)


def test_a_program_that_is_not_there_is_reported_before_anything_is_changed(value: Path) -> None:
    described = {"name": "K", "destination": {"read": ["cat", str(value)], "write": ["no-such-program", "x"]}}
    with expect_error("E_COMMAND_PROGRAM", name="K", word="writes", program="no-such-program"):
        key_destinations.refuse_unwritable("", [described])


def test_no_command_has_a_value_in_its_arguments_or_its_environment(
    value: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K", "CANARY-old")  # as in a process that has started the application
    spy = f"cat /proc/self/environ /proc/self/cmdline >> {tmp_path}/seen; {WRITE}"
    destination_interface.write(key_destinations.changes("", [key(value, spy)], {"K": "CANARY-new"}, "dotenv"))
    assert b"CANARY" not in (tmp_path / "seen").read_bytes()
    assert b"PATH=" in (tmp_path / "seen").read_bytes()


def test_a_command_that_never_ends_is_killed(value: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = child_processes.exchange(["sleep", "100"], b"", 0.2)
    assert ended.rc == child_processes.TIMED_OUT


def test_the_time_of_the_last_write_is_known(value: Path) -> None:
    described = key(value)
    assert key_destinations.changed_at("", [described]) == 0.0
    destination_interface.write(key_destinations.changes("", [described], {"K": "CANARY-new"}, "dotenv"))
    assert abs(key_destinations.changed_at("", [described]) - value.stat().st_ctime) < 30
    assert os.listdir(value.parent / ".local/state/key_rotation")


def spoil_stamps(folder: Path, how: str) -> None:
    """The folder of the times cannot be made, or the file of this time cannot be replaced."""
    state = folder / ".local/state"
    state.mkdir(parents=True)
    if how == "no folder":
        (state / "key_rotation").write_text("")
    else:
        (state / "key_rotation").symlink_to(folder / "nowhere")


@pytest.mark.parametrize("how", ["no folder", "a link to nothing"])
def test_without_a_place_for_the_time_of_a_write_nothing_is_written(value: Path, how: str) -> None:
    """The age of a process is judged by it, and without it every process would pass."""
    described = key(value)
    spoil_stamps(value.parent, how)
    changes = key_destinations.changes("", [described], {"K": "CANARY-new"}, "dotenv")
    before = value.stat().st_ino
    for refused in (
        lambda: key_destinations.refuse_unwritable("", [described]),
        lambda: destination_interface.rehearse(changes),
        lambda: destination_interface.write(changes),
    ):
        with expect_error("E_COMMAND_STAMP", name="K", path=Containing("key_rotation/written-")) as failed:
            refused()
        assert "CANARY" not in str(failed.value)
    assert (value.read_text(), value.stat().st_ino) == ("CANARY-old", before)


def test_asking_whether_a_time_can_be_kept_creates_nothing_and_changes_no_time(value: Path) -> None:
    described = key(value)
    key_destinations.refuse_unwritable("", [described])
    assert not (value.parent / ".local").exists()
    destination_interface.rehearse(key_destinations.changes("", [described], {"K": "CANARY-new"}, "dotenv"))
    kept = key_destinations.changed_at("", [described])
    key_destinations.refuse_unwritable("", [described])
    assert key_destinations.changed_at("", [described]) == kept > 0


def test_a_folder_that_this_user_may_not_write_is_named_with_him(value: Path, as_ordinary_user) -> None:
    state = value.parent / ".local/state/key_rotation"
    state.mkdir(parents=True)
    state.chmod(0o555)
    described = key(value)

    def ask() -> str:
        with pytest.raises(RotationError) as refused:
            key_destinations.refuse_unwritable("", [described])
        return str(refused.value)

    assert "no write permission on" in as_ordinary_user(ask)


def test_a_time_that_cannot_be_kept_after_the_write_is_an_error_that_says_what_is_there(value: Path) -> None:
    state = value.parent / ".local/state/key_rotation"
    spoiling = f'rm -r "{state}"; touch "{state}"'
    error = write_new(key(value, f"{WRITE}; {spoiling}"))
    assert (error.code, error.changed) == ("E_COMMAND_STAMP", "K has its new value.")
    assert value.read_text() == "CANARY-new"
    with pytest.raises(RotationError, match="E_COMMAND_STAMP"):
        key_destinations.changed_at("", [key(value, f"{WRITE}; {spoiling}")])
