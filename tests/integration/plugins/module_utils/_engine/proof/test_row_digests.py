# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine beside other writers, on a real PostgreSQL: which rows another process is known to have written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census,
    census_comparison,
    damage,
    row_digests,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.concurrent_writers import (
    ConcurrentWrites,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

from .....conftest import rewrite
from .....test_engine import SCHEME, fill, keyring, targets  # noqa: F401  # a fixture

WRITE = "UPDATE secrets SET a = %s WHERE id = %s"


class Rotation:
    """From the census before to the proof, with another process in between."""

    def __init__(self, database: Database, ring: Keyring, path: str, *, mixed: bool = False) -> None:
        self.database, self.keyring, self.path = database, ring, path
        self.targets = [replace(target, mixed=mixed) for target in targets(database)]
        self.other = Database("default", "another process")
        self.concurrent_writes = ConcurrentWrites.from_now([database])
        with row_digests.recording(path) as rows:
            assert rows is not None
            self.before = self.census(rows)
            rows.end(self.before)

    def census(self, each_row: Any = None) -> list[Any]:
        found = census.Census(self.database, self.targets, self.keyring, b"k").take(each_row=each_row)
        return [tally.result for tally in found]

    def token(self, text: str, stage: str) -> str:
        return self.keyring.cipher(SCHEME, stage).seal(Opened(text.encode(), 1_700_000_000)).decode()

    def rewrite(self, **options: Any) -> None:
        """One step of a run; what it knows goes to the next one as from one host to another."""
        rewrite(
            self.database, self.targets, self.keyring, "pending", concurrent_writes=self.concurrent_writes, **options
        )
        self.concurrent_writes = ConcurrentWrites.of([self.concurrent_writes.as_result()])

    def look(self) -> row_digests.TableComparison:
        with row_digests.comparison(self.path, self.before, self.concurrent_writes, ()) as rows:
            assert rows is not None
            after = self.census(rows)
            looks = rows.looks(["secrets"])
        assert {name for column in after for name in column.classes} <= {"pending", "empty"}
        return looks["secrets"]


@pytest.fixture
def rotation(database: Database, keyring: Keyring, tmp_path: Path) -> Iterator[Rotation]:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    made = Rotation(database, keyring, str(tmp_path / "rows"))
    with contextlib.closing(made.other):
        yield made


@pytest.mark.parametrize("workers", [1, 2])
def test_whatever_another_process_does_at_any_moment_is_known_to_be_its_doing(
    rotation: Rotation, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.table_passes.SPAN_ROWS", 7
    )
    write = rotation.other.execute
    write(WRITE, (rotation.token("before its row is re-encrypted", "current"), 1))
    write("DELETE FROM secrets WHERE id = 2")
    rotation.rewrite(workers=workers)
    assert rotation.concurrent_writes.rows == {"secrets": {"1"}}
    write(WRITE, (rotation.token("after it", "current"), 3))
    write(WRITE, (rotation.token("after it, and after that under the new keys", "current"), 4))
    write(WRITE, (None, 5))
    write("INSERT INTO secrets VALUES (100, %s, NULL)", (rotation.token("new", "current"),))
    rotation.rewrite(workers=workers)
    write(WRITE, (rotation.token("by now under the new keys", "pending"), 4))
    write(WRITE, (rotation.token("first written now", "pending"), 6))
    write("UPDATE secrets SET b = b WHERE id = 7")  # which changes nothing

    found = rotation.look()

    assert found.as_result() == {"changed": 5, "inserted": 1, "deleted": 1}
    assert found.unexplained == []
    assert rotation.concurrent_writes.rows == {"secrets": {"1", "3", "4", "100"}}


def test_what_we_wrote_ourselves_is_nobody_else_s_doing(rotation: Rotation) -> None:
    rotation.rewrite()
    rotation.other.execute(WRITE, (rotation.token("another process", "current"), 1))
    rotation.rewrite()
    sql = WRITE + " RETURNING pg_current_xact_id()::xid::text"
    ((ours,),) = rotation.database.rows(sql, (rotation.token("not what it was", "pending"), 8))
    rotation.concurrent_writes.add("default", "secrets", [ours], [])

    found = rotation.look()

    assert (found.changed, found.unexplained) == (2, ["8"])


def test_a_transaction_that_had_begun_before_the_census_is_later_than_it(
    database: Database,
    keyring: Keyring,
    tmp_path: Path,
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    with contextlib.closing(Database("default", "another process")) as other:
        other.execute("BEGIN")
        other.execute("UPDATE secrets SET b = NULL WHERE id = 1")  # it has its id now
        rotation = Rotation(database, keyring, str(tmp_path / "rows"))
        rotation.other.close()
        other.execute(WRITE, (rotation.token("under way for long", "current"), 2))
        other.execute("COMMIT")
    rotation.rewrite()
    found = rotation.look()
    assert (found.changed, found.unexplained) == (1, [])


@pytest.mark.parametrize(("first", "second"), [("token", "clear"), ("clear", "token")])
def test_a_value_that_is_decrypted_or_encrypted_in_a_mixed_column_is_noticed_by_its_row(
    database: Database, keyring: Keyring, tmp_path: Path, first: str, second: str
) -> None:
    """Plaintexts are the same all the time; only which of them are in clear differs."""
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    cipher = keyring.cipher(SCHEME, "current")
    texts = {"clear": "CANARY of words", "token": cipher.seal(Opened(b"CANARY of words", 1_700_000_000)).decode()}
    for row in (1, 8):
        database.execute(WRITE, (texts[first], row))
    rotation = Rotation(database, keyring, str(tmp_path / "rows"), mixed=True)
    with contextlib.closing(rotation.other):
        rotation.other.execute(WRITE, (texts[second], 1))
        rotation.rewrite()
        seen = rotation.look()
        assert (seen.changed, seen.unexplained) == (1, []), "another process wrote it"
        census_comparison.refuse_difference(rotation.before, rotation.census(), {"secrets": seen})
        sql = WRITE + " RETURNING pg_current_xact_id()::xid::text"
        ((ours,),) = database.rows(sql, (texts[second], 8))
        rotation.concurrent_writes.add("default", "secrets", [ours], [])
        rotation.rewrite()
        seen = rotation.look()
        with pytest.raises(RotationError) as noticed:
            census_comparison.refuse_difference(rotation.before, rotation.census(), {"secrets": seen})
    assert noticed.value.code == "E_PLAIN_CHANGED"
    assert noticed.value.where["rows"] == ": secrets.a:8"
    assert {noticed.value.where["before"], noticed.value.where["after"]} == {0, 2}
    assert "CANARY" not in str(noticed.value)


ODD = {"plaintext": "CANARY in clear", "unreadable": "gAAAAABnothing"}
SAID = {"plaintext": "not encrypted", "unreadable": "under no known version"}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("value_class", SAID)
def test_what_another_process_writes_after_the_census_and_does_not_open_is_reported_as_its_doing(
    rotation: Rotation, workers: int, value_class: str
) -> None:
    for row in (3, 4):
        rotation.other.execute(WRITE, (ODD[value_class], row))
    outcome = f"2 are {SAID[value_class]}"
    with expect_error("E_VALUES_OVERWRITTEN", count=2, outcome=outcome, rows="secrets.a:3, secrets.a:4") as stopped:
        rotation.rewrite(workers=workers)
    repair = '{"key_rotation_prefer": "repair", "key_rotation_repair": ["secrets.a:3", "secrets.a:4"]}'
    todo = stopped.value.todo
    assert (f"run the rollback playbook with -e '{repair}'" in todo) == (value_class == "unreadable")
    assert ("save these again under the current keys: secrets.a:3, secrets.a:4." in todo) == (
        value_class == "plaintext"
    ), "what it wrote is newer than the backup"
    assert "CANARY" not in str(stopped.value)


def test_what_was_odd_at_the_census_already_is_nobody_else_s_doing(
    database: Database, keyring: Keyring, tmp_path: Path
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    database.execute(WRITE, (ODD["plaintext"], 3))
    rotation = Rotation(database, keyring, str(tmp_path / "rows"))
    rotation.other.close()
    with expect_error("E_PLAINTEXT", count=1, rows="secrets.a:3"):
        rotation.rewrite()


def odd_ones(rotation: Rotation) -> None:
    """What the proof does with values that do not open."""
    tallies = census.Census(rotation.database, targets(rotation.database), rotation.keyring, b"k").take()
    with row_digests.comparison(rotation.path, rotation.before, rotation.concurrent_writes, ()) as rows:
        assert rows is not None
        rotation.census(rows)
        damage.refuse_overwritten(tallies, ["plaintext", "unreadable"], rows.looks(["secrets"]))


def test_the_proof_shows_what_another_process_wrote_and_does_not_open_as_its_doing(rotation: Rotation) -> None:
    rotation.rewrite()
    rotation.other.execute(WRITE, (ODD["plaintext"], 3))
    rotation.other.execute("INSERT INTO secrets VALUES (100, %s, NULL)", (ODD["unreadable"],))
    with pytest.raises(RotationError) as stopped:
        odd_ones(rotation)
    assert stopped.value.code == "E_VALUES_OVERWRITTEN"
    assert stopped.value.where["rows"] == "secrets.a:3, secrets.a:100"
    assert stopped.value.where["outcome"] == "1 are not encrypted, 1 are under no known version"
    assert "under the current keys: secrets.a:3." in stopped.value.todo
    assert '"key_rotation_repair": ["secrets.a:100"]' in stopped.value.todo
    assert "Rows that are newer than the backup are not in it." in stopped.value.todo


def test_the_proof_blames_nobody_for_a_row_that_nobody_else_wrote(rotation: Rotation) -> None:
    rotation.rewrite()
    rotation.other.execute(WRITE, (ODD["plaintext"], 3))
    sql = WRITE + " RETURNING pg_current_xact_id()::xid::text"
    ((ours,),) = rotation.database.rows(sql, (ODD["plaintext"], 8))
    rotation.concurrent_writes.add("default", "secrets", [ours], [])
    odd_ones(rotation)


def test_without_another_process_every_row_is_the_same(rotation: Rotation) -> None:
    rotation.rewrite(workers=2)
    assert rotation.look() == row_digests.TableComparison(same=50)
    assert rotation.concurrent_writes.rows == {"secrets": set()}
