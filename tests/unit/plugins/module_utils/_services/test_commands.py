# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import commands
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

# As Django 5.2 prints the messages of its checks.
CHECK = """
System check identified some issues:

WARNINGS:
?: (security.W004) You have not set a value for the SECURE_HSTS_SECONDS setting. CANARY
?: (security.W008) Your SECURE_SSL_REDIRECT setting is not set to True. (security)
customer.UserProfile: (models.W042) Auto-created primary key used.
restaurant.Restaurant: (models.W042) Auto-created primary key used.

System check identified 4 issues (0 silenced).
"""
VERIFY = """
Verifying UserProfile...
  UserProfile: 117/120 records passed
Found 3 errors in 135 records
Encryption self-test: FAILED
"""


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """A Django whose commands are a function."""

    def give(command: Callable[..., None]) -> None:
        management = SimpleNamespace(CommandError=ValueError, call_command=command)
        monkeypatch.setitem(sys.modules, "django.core.management", management)

    monkeypatch.setitem(sys.modules, "django", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "django.core", SimpleNamespace())
    return give


def test_messages_of_the_check_are_counted_by_their_ids():
    assert commands.of_check(0, CHECK) == {
        "security.W004": 1,
        "security.W008": 1,
        "models.W042": 2,
        "exit code": 0,
    }
    assert commands.of_check(1, "Traceback CANARY") == {"exit code": 1}


def test_a_verification_that_ends_with_0_is_taken_by_what_it_says():
    assert commands.of_verify_encryption(0, VERIFY) == {
        "exit code": 0,
        "errors": 3,
        "words of failure": 1,
        "records not passed": 3,
    }
    assert set(commands.of_verify_encryption(0, "All 135 records passed").values()) == {0}


@pytest.mark.parametrize(
    ("line", "member", "count"),
    [
        ("Found 100 errors in 38 records", "errors", 100),
        ("Errors found: 5", "errors", 5),
        ("errors=7", "errors", 7),
        ("3 tokens invalid, 2 values unreadable", "errors", 5),
        ("12 failed", "errors", 12),
        ("-44/29 records passed", "records not passed", 73),
        ("27 of 29 records passed", "records not passed", 2),
        ("29 / 29 ok", "records not passed", 0),
        ("could not decrypt profile 7", "words of failure", 1),
        ("ERROR profile 7", "words of failure", 1),
        ("Decryption failed for UserProfile 7: InvalidToken", "words of failure", 2),
        ("UserProfile 7 cannot be decrypted; Unable to decrypt 5 records", "words of failure", 2),
        ("Verified 1/100 records", "records not passed", 99),
        ("Passed 95 of 100", "records not passed", 5),
        ("1,234 errors, 5 corrupted", "errors", 1239),
        ('{"errors": 5, "checked": 100}', "errors", 5),
        ("1,000/1,200 records verified", "records not passed", 200),
        ("Total: 100 Passed: 95 Failed: 5", "errors", 5),
        ("Passed: 0, Failed records: 100", "errors", 100),
        ("Checked: 100\nPassed: 95\nFailed: 5", "errors", 5),
        ("Checked: 100\nErrors: none", "errors", 0),
        ("Found 5 errors: 3 in users, 2 in orders", "errors", 5),
        ("Found 5 errors:\n1. User 12\n2. User 7", "errors", 5),
        ("5 of 100 records failed, 2 out of 1,000 values invalid", "errors", 7),
        ("0 of 100 failed", "errors", 0),
        ("Passed:  95 Failed:   5", "errors", 5),
        ("Verified 95 failed: 5", "errors", 5),
        ("Passed 95 Failed: 5", "errors", 5),
        ("Decrypted: 5 errors", "errors", 5),
        ("Checked 100 Errors: 5", "errors", 5),
        ("Total 100 failed: 5, passed: 95", "errors", 5),
        ("Checked 100 failed: 5 records in 2 s", "errors", 5),
        ("Users 100 invalid: 5\nOrders 7 invalid: 0", "errors", 5),
        ("Batch 3 of 3 errors: 7", "errors", 7),
        ("checked 1,000 of 1,000 errors: 7", "errors", 7),
        ("Took 12 errors: 0", "errors", 0),
        ("Verified 100 failed: 0 in 2.3 s", "errors", 0),
        ("Passed 95 Failed: 5 in users", "errors", 5),
        ("95 passed 5 failed 0 skipped", "errors", 5),
        ("users 95 valid 5 invalid 12 skipped", "errors", 5),
        ("95 valid 5 errors: 3 in users", "errors", 5),
        ("Total 100 OK 95 FAILED 5", "errors", 5),
        ("2026-11-26T22:04:11 ERROR of one", "errors", 0),
        ("2026-11-26 22:04:11,123 ERROR of one", "errors", 0),
        ("Passed  95  Failed  5", "errors", 5),
        ("OK 95 errors 5\nok 7 errors 0", "errors", 5),
        ("passed 95, 5 failed; 1,007 total, 5 errors", "errors", 10),
        ("5/100 failed, 2 / 1,000 records invalid", "errors", 7),
        ("0/100 failed", "errors", 0),
        ("22:04:11 ERROR users\n22:04:11,123 failed: 2", "errors", 2),
    ],
)
def test_what_such_commands_say_in_other_words_counts_too(line, member, count):
    assert commands.of_verify_encryption(0, line)[member] == count


def test_of_a_command_its_program_code_and_time_are_reported_and_nothing_else(tmp_path, capfd):
    argv = ["/bin/sh", "-c", "echo CANARY; echo CANARY >&2; test -f manage.py"]
    (tmp_path / "manage.py").touch()
    (done,) = commands.run([argv], str(tmp_path), 5)
    assert set(done._asdict()) == {"program", "rc", "seconds"}
    assert (done.program, done.rc) == ("sh", 0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["/bin/sh", "-c", "exit 3"], "sh ended with exit code 3"),
        (["/bin/sleep", "60"], "it did not finish within 1 seconds"),
        (["/no/such/program"], "program ended with exit code 127"),
    ],
)
def test_the_first_command_that_does_not_end_well_stops_them(tmp_path, argv, found):
    after = tmp_path / "after"
    with pytest.raises(RotationError, match=rf"E_COMMAND: command 2 .*: {found}\."):
        commands.run([["/bin/true"], argv, ["/bin/touch", str(after)]], str(tmp_path), 1)
    assert not after.exists()


def test_a_command_of_the_application_is_counted_by_what_it_says(application, capfd):
    def command(name: str, stdout: Any, **options: Any) -> None:
        print("?: (security.W004) CANARY", file=stdout)
        print("(security.W008) CANARY")
        raise ValueError("(security.E001)") if options.get("deploy") else SystemExit(3)

    application(command)
    assert commands.check(10) == {"security.W004": 1, "security.W008": 1, "security.E001": 1, "exit code": 1}
    assert commands.verify_encryption(10)["exit code"] == 3
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("configured", [{}, {"level": "INFO", "format": "%(process)d %(asctime)s %(message)s"}])
def test_what_a_command_logs_is_counted_too(application, monkeypatch, configured):
    def command(*words: str, **options: Any) -> None:
        if configured:
            logging.basicConfig(**configured)
        logging.getLogger("users.management").log(20 if configured else 40, "failed to open: 3 errors: %s", "CANARY")

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    application(command)
    assert commands.verify_encryption(10)["errors"] == 3


def test_what_goes_to_a_console_alone_is_counted_once_and_not_shown(application, monkeypatch, capfd, tmp_path):
    console = logging.StreamHandler(os.fdopen(os.dup(2), "w"))
    console.setFormatter(logging.Formatter("%(process)d %(message)s"))
    logger = logging.Logger("users")  # which hands nothing on
    logger.addHandler(console)
    logger.addHandler(logging.FileHandler(tmp_path / "users.log"))

    application(lambda *words, **options: logger.error("failed: 3 CANARY"))
    assert commands.verify_encryption(10) == {
        "exit code": 0,
        "errors": 3,
        "words of failure": 1,
        "records not passed": 0,
    }
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "users.log").read_text() == "failed: 3 CANARY\n", "it is the application's own"


def test_one_that_ends_the_process_is_no_answer(application):
    application(lambda *words, **options: os._exit(0))
    assert commands.verify_encryption(10)["exit code"] == 1


def test_one_that_takes_too_long_is_ended_with_what_it_has_started(application, tmp_path):
    pid = tmp_path / "pid"

    def command(*words: str, **options: Any) -> None:
        pid.write_text(str(subprocess.Popen(["/bin/sleep", "600"]).pid))
        time.sleep(600)

    application(command)
    with expect_error("E_COMMAND_TIME", name="verify_encryption", seconds="1"):
        commands.verify_encryption(1)
    end = time.monotonic() + 5
    while is_alive(pid.read_text()):
        assert time.monotonic() < end


def is_alive(pid: str) -> bool:
    shown = subprocess.run(["/bin/ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
    return shown.strip() != "" and not shown.startswith("Z")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "command 2 of 2: it is empty"),
        ([""], "it is empty"),
        (["no/such program"], "no/such is not a program"),
        (["check --token CANARY"], "check is not a program"),
    ],
)
def test_a_command_without_a_program_is_no_command(tmp_path, argv, told):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/check").write_text("#!/bin/sh\n")
    (tmp_path / "bin/check").chmod(0o700)
    commands.refuse_unrunnable([["bin/check"], ["true"]], str(tmp_path), "verification")
    with expect_error("E_OPTION", option="test_record", fault=Containing(told)) as raised:
        commands.refuse_unrunnable([["bin/check"], argv], str(tmp_path), "test record")
    assert "CANARY" not in str(raised.value)
