# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils import commands
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError

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
    ],
)
def test_what_such_commands_say_in_other_words_counts_too(line, member, count):
    assert commands.of_verify_encryption(0, line)[member] == count


def test_of_a_command_its_program_code_and_time_are_told_and_nothing_else(tmp_path, capfd):
    argv = ["/bin/sh", "-c", "echo CANARY; echo CANARY >&2; test -f manage.py"]
    (tmp_path / "manage.py").touch()
    (done,) = commands.run([argv], str(tmp_path), 5)
    assert set(done) == {"program", "rc", "seconds"}
    assert (done["program"], done["rc"]) == ("sh", 0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("argv", "rc"), [(["/bin/sh", "-c", "exit 3"], 3), (["/bin/sleep", "60"], 124), (["/no/such/program"], 127)]
)
def test_the_first_command_that_does_not_end_well_stops_them(tmp_path, argv, rc):
    after = tmp_path / "after"
    with pytest.raises(RotationError, match=rf"E_COMMAND: the command 2 .* ended with exit code {rc}\."):
        commands.run([["/bin/true"], argv, ["/bin/touch", str(after)]], str(tmp_path), 1)
    assert not after.exists()
