# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal by a journalctl that answers in its export format, as systemd.io/JOURNAL_EXPORT_FORMATS describes it."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import log_watch
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring.log_watch import Watched

PATTERNS = ["InvalidToken", "Decryption failed"]


def entry(message: str | bytes, cursor: str) -> bytes:
    """One entry, its message as text, or with its length where it could not be a line."""
    if isinstance(message, str):
        field = b"MESSAGE=" + message.encode() + b"\n"
    else:
        field = b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n"
    return f"__CURSOR=s=1;i={cursor}\n__REALTIME_TIMESTAMP=1\n".encode() + field + b"\n"


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """Have journalctl do what a shell script says; each look's counts, problems and notes."""
    folder, kept = tmp_path / "bin", {}
    folder.mkdir()
    program = folder / "journalctl"
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def look(script: str, *entries: bytes):
        (tmp_path / "entries").write_bytes(b"".join(entries))
        program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\n{script}\n')
        program.chmod(0o755)
        watched = Watched(kept, PATTERNS)
        found = watched.look([], ["web.service"]).get("unit web.service")
        kept.update(json.loads(json.dumps(kept)))
        look.asked = (tmp_path / "asked").read_text()
        return found, [str(problem) for problem in watched.problems], watched.notes

    look.show = f"cat {tmp_path}/entries"
    return look


def test_the_journal_of_the_unit_is_read_on_where_the_last_look_ended(journal):
    assert journal(":") == ({"InvalidToken": 0, "Decryption failed": 0}, [], [])
    assert "--unit=web.service --since=@" in journal.asked
    found, *_ = journal(journal.show, entry("all is well", "a"), entry("InvalidToken", "b"))
    assert found == {"InvalidToken": 1, "Decryption failed": 0}
    journal(":")
    assert "--unit=web.service --after-cursor=s=1;i=b " in journal.asked


def test_a_message_of_many_lines_and_a_binary_one_are_harmless(journal):
    traceback = b"Traceback:\n raise InvalidToken\nDecryption failed\n\nMESSAGE=InvalidToken\n"
    found, problems, _ = journal(
        journal.show, entry(b"\xff\0\n\n__CURSOR=none", "a"), entry("Decryption failed", "b"), entry(traceback, "c")
    )
    assert (found, problems) == ({"InvalidToken": 2, "Decryption failed": 2}, [])
    journal(":")
    assert "i=c " in journal.asked


def test_of_a_message_longer_than_memory_only_a_piece_is_held(journal):
    long = "printf '__CURSOR=a\\nMESSAGE='; head -c 60000000 /dev/zero | tr '\\0' x; printf 'InvalidToken\\n\\n'"
    tracemalloc.start()
    found, *_ = journal(long)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == {"InvalidToken": 1, "Decryption failed": 0}
    assert peak < 2_000_000


def test_a_journal_without_an_end_is_left_in_time_and_resumed(journal, monkeypatch):
    monkeypatch.setattr(log_watch, "SECONDS", 0.3)
    found, problems, notes = journal("while :; do printf '__CURSOR=last\\nMESSAGE=InvalidToken\\n\\n'; done")
    assert found["InvalidToken"] > 0
    assert (problems, len(notes)) == ([], 1)
    assert notes[0].startswith("unit web.service logged more than could be read in 0.3 seconds")
    monkeypatch.setattr(log_watch, "SECONDS", 60)
    journal(":")
    assert "--after-cursor=last " in journal.asked


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exec sleep 60", "journalctl did not answer within 0.3 seconds"),
        ("exit 3", "journalctl ended with 3"),
        (
            "echo Hint: You are currently not seeing messages from other users and the system. >&2",
            "this user may not read the journal",
        ),
    ],
)
def test_a_journal_that_cannot_be_read_is_a_problem_and_no_count(journal, monkeypatch, script, reason):
    monkeypatch.setattr(log_watch, "SECONDS", 0.3 if "sleep" in script else 60)
    found, (problem,), _ = journal(script)
    assert found is None
    assert problem.startswith(f"E_MONITOR_LOG: unit web.service cannot be read: {reason}")


def test_if_there_is_no_journalctl_that_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    watched = Watched({}, PATTERNS)
    assert watched.look([], ["web.service"]) == {}
    assert "No such file" in str(watched.problems[0])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("echo not-found", ["E_MONITOR_LOG: unit web.service cannot be read: systemd does not know this unit"]),
        (":", []),
    ],
)
def test_a_unit_that_systemd_does_not_know_is_reported(journal, tmp_path, said, told):
    program = tmp_path / "bin/systemctl"
    program.write_text(f"#!/bin/sh\n{said}\n")
    program.chmod(0o755)
    assert [problem.split(". ")[0] for problem in journal(":")[1]] == told
    assert journal(journal.show, entry("InvalidToken", "a"))[0]["InvalidToken"] == 1, "it was there a moment ago"
