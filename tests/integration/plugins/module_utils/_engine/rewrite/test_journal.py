# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats without authentication on a real PostgreSQL: what the journal says decides, whatever a wrong key opens."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census, table_pages
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import (
    journal,
    rewriter,
    update_statement,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import ConnectionLost

from .....conftest import rewrite
from .....test_engine import NEW, OLD, TABLE

KEY = {"derive": "sha256", "secret": "SECRET_KEY"}
SCHEME = schemes.parse({"ecb": {"format": "aes_ecb", "key": KEY, "base64": True}})
ROWS = 60
BOTH = "60805b"  # sealed under the old key it opens under the new one too, the first of six million counted up in hex


def ring(base: str = "current", **stages: Any) -> Keyring:
    return Keyring(
        SCHEME, stages or {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None), base=base
    )


def sealed(text: str, stage: str = "current") -> str:
    blocks = text.encode() + bytes([16 - len(text) % 16]) * (16 - len(text) % 16)
    return ring().cipher("ecb", stage).seal(Opened(blocks)).decode()


def target(database: Database) -> Target:
    return Target(TABLE, "a", "text", "ecb", "Secret", catalog.row_key(database, TABLE), None)


def fill(database: Database, texts: list[str]) -> None:
    database.execute("DROP TABLE IF EXISTS secrets")
    database.execute(f"DROP TABLE IF EXISTS {catalog.JOURNAL}")
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text)")
    for number, text in enumerate(texts):
        database.execute("INSERT INTO secrets VALUES (%s, %s)", (number, sealed(text)))


def under(database: Database, stage: str) -> list[str]:
    """All values as the key of one stage reads them."""
    cipher = ring().cipher("ecb", stage)
    found = []
    for (token,) in database.rows("SELECT a FROM secrets ORDER BY id"):
        inside = cipher.open(token.encode())
        found.append("?" if inside is None else inside.plaintext[: -inside.plaintext[-1]].decode())
    return found


def rotate(database: Database, keyring: Keyring, destination: str) -> rewriter.Work:
    return rewrite(database, [target(database)], keyring, destination)


def interrupt(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Fail after so many batches, and read few rows at a time."""
    monkeypatch.setattr(table_pages, "PAGE_ROWS", 10)
    real, done = update_statement.compare_and_set, iter(range(batches))

    def fails(*args: Any) -> Any:
        if next(done, None) is None:
            raise ConnectionLost(table="secrets")
        return real(*args)

    monkeypatch.setattr(rewriter, "compare_and_set", fails)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Sixty values; six of them, in every page one, open under either key."""
    token = sealed(BOTH).encode()
    assert all(ring().cipher("ecb", stage).open(token) for stage in ("current", "pending"))
    return [BOTH if number % 10 == 3 else f"value {number}" for number in range(ROWS)]


def test_a_rotation_that_was_cut_short_continues_where_it_was(
    database: Database,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, texts)
    before = list(database.rows("SELECT a FROM secrets ORDER BY id"))
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        with pytest.raises(RotationError, match="E_DB_LOST"):
            rotate(database, ring(), "pending")
    left = sum(now == was for now, was in zip(database.rows("SELECT a FROM secrets ORDER BY id"), before))
    tally = census.Census(database, [target(database)], ring(), b"k").take()[0]
    assert set(tally.classes) == {"pending", "current"}, "how many rows a batch has follows its time"
    assert sum(tally.classes.values()) == 60

    work = rotate(database, ring(), "pending")

    assert work.values == {"secrets.a": left}, "what was done is not done again: it would be sealed twice"
    assert under(database, "pending") == texts
    assert not rotate(database, ring(), "pending").values


def test_it_can_be_rolled_back_from_the_middle_and_from_the_end(
    database: Database,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, texts)
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        with pytest.raises(RotationError, match="E_DB_LOST"):
            rotate(database, ring(), "pending")
    rotate(database, ring(), "current")
    assert under(database, "current") == texts

    rotate(database, ring(), "pending")
    switched = {"current": NEW, "previous": OLD}
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(RotationError, match="E_DB_LOST"):
            rotate(database, ring(base="previous", **switched), "previous")
    rotate(database, ring(base="previous", **switched), "previous")
    assert under(database, "current") == texts


def test_a_completed_rotation_can_be_rolled_back(
    database: Database,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, texts)
    rotate(database, ring(), "pending")
    database.execute("INSERT INTO secrets VALUES (%s, %s)", (ROWS, sealed("written since", "pending")))
    completed = {"current": NEW, "previous": OLD}
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(RotationError, match="E_DB_LOST"):
            rotate(database, ring(**completed), "previous")
    rotate(database, ring(**completed), "previous")
    assert under(database, "current") == [*texts, "written since"]


def test_what_the_application_wrote_meanwhile_is_found(database: Database, texts: list[str]) -> None:
    fill(database, texts)
    rotate(database, ring(), "pending")
    database.execute("UPDATE secrets SET a = %s WHERE id = 3", (sealed(texts[3]),))  # before the switch, in its old key
    database.execute("UPDATE secrets SET a = %s WHERE id = 4", (sealed("other", "pending"),))  # after it, in the new
    assert rotate(database, ring(), "pending").values == {"secrets.a": 1}
    assert under(database, "pending") == [*texts[:4], "other", *texts[5:]]


def test_proof_by_a_stranger_counts_what_is_left_behind(
    database: Database,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With only the new key, a value that the journal knows under the old one does not count, though it opens."""
    fill(database, texts)
    rotate(database, ring(), "pending")
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        with pytest.raises(RotationError, match="E_DB_LOST"):
            rotate(database, ring(current=NEW, previous=OLD), "previous")
    tally = census.Census(database, [target(database)], ring(current=NEW), b"k").take()[0]
    assert tally.classes == {"current": ROWS - 10, "unreadable": 10}


def test_the_journal_is_no_target_and_is_kept_small(database: Database, texts: list[str]) -> None:
    fill(database, texts)
    rotate(database, ring(), "pending")
    assert catalog.JOURNAL not in {table.name for table in catalog.columns(database)}
    count = f"SELECT count(*) FROM {catalog.JOURNAL}"
    assert database.rows(count) == [(ROWS,)]
    journal.Journal(database, ring(current=NEW), [target(database)]).prepare()
    assert database.rows(count) == [(0,)], "an entry for what goes without saying"
