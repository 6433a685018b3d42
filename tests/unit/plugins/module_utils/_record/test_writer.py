# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import pwd
import resource
import socket
import stat
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import chain, sshsig
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import users
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(str(tmp_path / "records"), "r1")


def test_each_event_is_one_numbered_line_and_earlier_ones_stay(record):
    record.append("env_file", "intent", host="web")
    first = Path(record.path).read_text()
    record.append("env_file", "done", host="web", key_id="1f0c2b9a7d5e4c31")
    assert Path(record.path).read_text().startswith(first)
    lines = [json.loads(line) for line in Path(record.path).read_text().splitlines()]
    assert [(line["seq"], line["event"], line["phase"]) for line in lines] == [
        (1, "env_file", "intent"),
        (2, "env_file", "done"),
    ]
    assert lines[1]["key_id"] == "1f0c2b9a7d5e4c31"
    assert lines == record.events()


def test_an_event_says_who_where_and_when(record, monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody-else")
    record.append("rotate", "intent")
    (event,) = record.events()
    assert event["actor"] == pwd.getpwuid(os.getuid()).pw_name, "whatever the environment says"
    assert event["control_node"] == os.uname().nodename
    assert event["rotation_id"] == "r1"
    assert len(event["time"]) == len("2026-01-02T03:04:05Z")
    assert event["time"].endswith("Z")


def test_an_event_says_who_it_was_however_they_came(record, monkeypatch):
    """PCI DSS 10.2.2: user, origin; the account that logged in stays visible behind sudo."""
    monkeypatch.setenv("SUDO_USER", "ada")
    monkeypatch.setenv("SSH_CLIENT", "192.0.2.7 50022 22")
    record.append("rotate", "intent")
    (event,) = record.events()
    assert (event["sudo_user"], event["ssh_client"], event["actor_uid"]) == ("ada", "192.0.2.7", os.getuid())
    assert event["monotonic_ns"] > 0


@pytest.mark.parametrize(("uid", "said"), [("0", {"login_uid": 0, "login_user": "root"}), ("4294967295", {}), ("", {})])
def test_an_event_says_who_had_logged_in_if_somebody_had(record, monkeypatch, tmp_path, uid, said):
    (tmp_path / "loginuid").write_text(uid)
    monkeypatch.setattr(users, "LOGIN", str(tmp_path / "loginuid"))
    record.append("rotate", "intent")
    (event,) = record.events()
    assert {name: value for name, value in event.items() if name.startswith("login")} == said


def test_each_line_goes_to_syslog_as_ids_and_hashes_alone(record, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "log"))
        monkeypatch.setattr(
            "ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer.SYSLOG", syslog.getsockname()
        )
        record.append("rotate", "intent", reason="a leak")
        said = syslog.recv(1000).decode()
    (event,) = record.events()
    assert said == f"<37>key_rotation: record r1 1 {event['hash']} rotate intent"
    assert "syslog" not in event


def test_without_a_syslog_the_record_is_written_anyway_and_says_so(record, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer.SYSLOG", str(tmp_path / "no")
    )
    record.append("rotate", "intent")
    assert [event["syslog"] for event in record.events()] == [False]


def test_numbers_continue_in_a_later_run(record, tmp_path):
    record.append("rotate", "intent")
    Record(str(tmp_path / "records"), "r1").append("rotate", "intent")
    assert [event["seq"] for event in record.events()] == [1, 2]


def test_only_its_user_reads_the_record(record):
    record.append("rotate", "intent")
    assert stat.S_IMODE(os.stat(record.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(record.path)).st_mode) == 0o700


def test_each_rotation_has_a_record_of_its_own(record, tmp_path):
    record.append("rotate", "intent")
    assert Record(str(tmp_path / "records"), "r2").events() == []


@pytest.mark.parametrize("act", [lambda record: record.append("rotate", "intent"), lambda record: record.events()])
def test_without_a_place_to_write_there_is_no_record_and_no_act(tmp_path, act):
    (tmp_path / "taken").write_text("")
    with expect_error("E_RECORD_WRITE", path=str(tmp_path / "taken" / "r1" / "record.jsonl")):
        act(Record(str(tmp_path / "taken"), "r1"))


def test_a_full_disk_stops_the_act(record, full_disk):
    with full_disk(), pytest.raises(RotationError) as refused:
        record.append("rotate", "intent")
    assert refused.value.code == "E_RECORD_WRITE"


@pytest.mark.parametrize("block", [1, 1 << 14])
def test_however_long_a_record_is_one_line_of_it_is_read_to_write_the_next(record, monkeypatch, block):
    record.append("rotate", "intent", targets=["t" * 100] * 300)
    monkeypatch.setattr(f"{Record.__module__}.BLOCK", block)
    with monkeypatch.context() as whole:
        whole.setattr(Record, "raw", lambda self: 1 / 0)
        for number in range(3):
            record.append("env_file", "intent", number=number)
    assert [event["seq"] for event in record.events()] == [1, 2, 3, 4]
    assert list(chain.problems(chain.lines(record.text()))) == []


def test_a_record_of_an_earlier_version_continues_as_a_chain_over_all_of_it(record):
    os.makedirs(os.path.dirname(record.path))
    Path(record.path).write_text('{"event": "rotate", "seq": 1}\n{"event": "rotate", "seq": 2}\n')
    record.append("rollback", "intent")
    assert record.events()[-1]["seq"] == 3
    assert list(chain.problems(chain.lines(record.text()))) == []


def test_a_damaged_record_is_not_written_on(record):
    record.append("rotate", "intent")
    with open(record.path, "a") as handle:
        handle.write('{"seq": 2, "half\n')
    before = Path(record.path).read_text()
    with pytest.raises(RotationError) as refused:
        record.append("rotate", "done")
    assert refused.value.where["reason"] == "a line is not valid JSON"
    assert Path(record.path).read_text() == before


def test_half_a_line_of_a_killed_run_is_passed_over_and_cut_off(tmp_path):
    record = Record(str(tmp_path), "r1")
    record.append("rotate", "intent")
    with open(record.path, "a", encoding="utf-8") as handle:
        handle.write('{"seq": 2, "ev')
    assert len(record.events()) == 1
    record.append("rotate", "done")
    assert [(event["seq"], event["phase"]) for event in record.events()] == [(1, "intent"), (2, "done")]


def test_a_line_that_does_not_fit_is_not_written_in_part(tmp_path):
    record = Record(str(tmp_path), "r1")
    record.append("rotate", "intent")
    before = Path(record.path).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(RotationError, match="E_RECORD_WRITE"):
            record.append("rotate", "done")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Path(record.path).read_bytes() == before


def test_a_disk_that_fills_in_the_middle_of_a_long_line_leaves_a_record_that_continues(tmp_path, monkeypatch):
    """What is left of the line must not be written when the file is closed."""
    record = Record(str(tmp_path), "r1")
    record.append("rotate", "intent")
    before = Path(record.path).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    synced = os.fsync

    def room_again(descriptor: int) -> None:  # as soon as the line was given up
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", room_again)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 9000, limits[1]))
    try:
        with pytest.raises(RotationError, match="E_RECORD_WRITE"):
            record.append("django_reencrypt", "done", targets=["t" * 100] * 120)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Path(record.path).read_bytes() == before
    record.append("rotate", "failed")
    assert [event["phase"] for event in record.events()] == ["intent", "failed"]


def test_a_folder_without_room_is_refused_beforehand(tmp_path, monkeypatch):
    record = Record(str(tmp_path / "missing"), "r1")
    record.refuse_full()
    monkeypatch.setattr("ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer.ROOM", 1 << 60)
    with expect_error("E_RECORD_WRITE", path=record.path, reason=Containing("free")):
        record.refuse_full()


@pytest.mark.parametrize(
    ("folder", "named"), [("records", True), ("the records", False), ("r\xe9cords", False), ("r" * 200, False)]
)
def test_a_head_names_user_and_folder_if_every_store_can_hold_that(tmp_path, folder, named):
    record = Record(str(tmp_path / folder), "r1")
    record.append("rotate", "intent")
    head = record.sign(sshsig.new_key())
    assert head.place == (f"{pwd.getpwuid(os.getuid()).pw_name}:{tmp_path / folder}" if named else "")
    assert len(str(head)) <= 256


@pytest.mark.parametrize("rotation_id", ["", "../outside", "a/b", "..", None])
def test_an_id_that_leads_elsewhere_has_no_record(tmp_path, rotation_id):
    with pytest.raises(RotationError) as refused:
        Record(str(tmp_path), rotation_id)
    assert refused.value.code == "E_OPTION"
