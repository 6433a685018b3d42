# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors import base, errors_by_code, unexpected
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import (
    ConnectionLost,
    StatementFailed,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.env_file import EnvDuplicate, EnvMissing


def test_a_message_says_code_what_changed_and_todo_in_this_order():
    error = EnvDuplicate(path="/.env", line=7, name="SECRET_KEY", first=2)
    assert str(error) == (
        "E_ENV_DUPLICATE: /.env:7: SECRET_KEY is set twice (first on line 2). Nothing was changed. Programs use the "
        "last one. Delete the wrong line."
    )


def test_the_same_error_is_reported_with_what_was_changed():
    error = ConnectionLost(table="profile").with_changed("3 values were re-encrypted.")
    assert error.code == "E_DB_LOST"
    assert str(error) == (
        "E_DB_LOST: the connection to PostgreSQL was lost while working on profile. 3 values were re-encrypted. Start "
        "PostgreSQL again, then run the same command again."
    )


def test_whether_nothing_was_changed_is_a_part_of_the_error_and_in_earlier_records_the_sentence():
    error = ConnectionLost(table="profile")
    assert base.changed_nothing(error.parts)
    assert not base.changed_nothing(error.with_changed("3 values were re-encrypted.").parts)
    assert base.changed_nothing({"changed": "Nothing was changed."})
    assert not base.changed_nothing({"changed": "No value was written."})
    assert not base.changed_nothing({})
    assert base.changed_nothing({"changed": "Nothing had been written.", "changed_nothing": True})


def test_a_result_has_the_message_and_its_parts():
    error = EnvMissing(path="/.env")
    assert error.as_result() == {
        "msg": str(error),
        "error": {
            "code": "E_ENV_MISSING",
            "what": "/.env does not exist",
            "changed": "Nothing was changed.",
            "changed_nothing": True,
            "todo": (
                "Set key_rotation_env_file to the file that the application reads. If the keys are in another place, "
                "such as a settings module, set their destinations in key_rotation_keys. If the folder is wrong, "
                "correct key_rotation_project_dir."
            ),
        },
    }


def test_a_result_has_the_database_and_the_sqlstate_as_parts_of_their_own():
    error = StatementFailed(table="a", alias="third", sqlstate="XX001", by="", advice="See the log.")
    assert error.as_result()["error"] == {
        "code": "E_DB",
        "what": error.what,
        "changed": "Nothing was changed.",
        "changed_nothing": True,
        "todo": "See the log.",
        "alias": "third",
        "sqlstate": "XX001",
    }


def test_an_unexpected_exception_is_reported_by_type_and_place_and_not_by_its_text():
    def deep() -> None:
        raise KeyError("CANARY")

    with pytest.raises(KeyError) as caught:
        deep()
    error = unexpected.internal(caught.value)
    line = deep.__code__.co_firstlineno + 1
    assert error.code == "E_INTERNAL"
    assert error.what == f"unexpected KeyError at {__file__}:{line}"
    assert "CANARY" not in str(error)
    assert "Nothing was changed" not in str(error)


def test_a_full_disk_is_no_bug():
    full = unexpected.internal(OSError(errno.ENOSPC, "No space left on device", "/tmp/spool"))
    assert (full.code, full.what) == ("E_DISK_FULL", "a disk is full: No space left on device at /tmp/spool")
    assert unexpected.internal(OSError(errno.EIO, "CANARY")).code == "E_INTERNAL"


def test_an_exception_that_was_never_raised_has_no_place():
    assert unexpected.internal(ValueError("CANARY")).what == "unexpected ValueError at unknown"


@pytest.mark.parametrize("code", errors_by_code.CATALOG)
def test_each_entry_is_two_texts_without_a_full_stop_too_many(code):
    what, todo = errors_by_code.CATALOG[code].whole_problem(), errors_by_code.CATALOG[code].remedy
    assert code.startswith("E_")
    assert what
    assert not what.endswith(".")
    assert todo
    assert "\n" not in what + todo
