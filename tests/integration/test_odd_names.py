# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names with everything that SQL, its parameters and Python's format take for theirs, on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import accounting, target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan.plan import catalog_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import (
    catalog,
    sql,
    structure,
    table_contents,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    backup_difference,
    census,
    census_comparison,
    row_digests,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.table_pages import by_table
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import (
    fence,
    table_passes,
    update_statement,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.concurrent_writers import (
    ConcurrentWrites,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.update_statement import Change

from .conftest import rewrite
from .test_engine import SCHEME, keyring  # noqa: F401  # a fixture

ODD = '%s "Ünö\'s". {table} 9%% \\x'
SCHEMA, TABLE, KEY, TYPE, VALUE, SEARCHED = (f"{name} {ODD}" for name in ("S", "t", "k", "d", "v", "b"))
ROWS = 50


@pytest.fixture
def odd(database: Database, keyring: Keyring) -> Iterator[Database]:
    names = {
        name: sql.Identifier(*parts)
        for name, parts in {
            "schema": (SCHEMA,),
            "table": (SCHEMA, TABLE),
            "type": (SCHEMA, TYPE),
            "key": (KEY,),
            "value": (VALUE,),
            "searched": (SEARCHED,),
        }.items()
    }
    create = """
        CREATE SCHEMA {schema};
        CREATE DOMAIN {type} AS int;
        CREATE TABLE {table} ({key} {type} PRIMARY KEY, {value} text, {searched} text, note serial)
    """
    database.execute(sql.SQL(create).format(**names))
    cipher = keyring.cipher(SCHEME, "current")
    for number in range(ROWS):
        value = f"value {number}".encode()
        row = (number, cipher.seal(Opened(value, 1_700_000_000)).decode(), digest("old-secret", value))
        database.execute(sql.SQL("INSERT INTO {table} VALUES (%s, %s, %s)").format(**names), row)
    yield database
    database.execute(sql.SQL("DROP SCHEMA {schema} CASCADE").format(**names))


@pytest.mark.parametrize("name", ["name", "Mixed Case", 'a"; DROP TABLE users; --', "100%", "public.users", "{0}", ODD])
def test_a_name_and_a_literal_stay_what_they_are_in_a_statement(database: Database, name: str) -> None:
    query = sql.SQL("SELECT t.{name}, {literal}, %s, 7 %% 4 FROM (SELECT 1 AS {name}) AS t").format(
        name=sql.Identifier(name), literal=sql.Literal(name)
    )
    assert database.rows(query, (name,)) == [(1, name, name, 3)]
    assert database.rows(database.text(query), (name,)) == [(1, name, name, 3)]
    plain = sql.SQL("SELECT t.{name}, {literal}, 7 % 4 FROM (SELECT 1 AS {name}) AS t").format(
        name=sql.Identifier(name), literal=sql.verbatim(sql.text(sql.Literal(name), database._raw, parameters=False))
    )
    assert database.rows(plain) == [(1, name, 3)]
    assert database.rows(database.text(plain, parameters=False)) == [(1, name, 3)]


def digest(secret: str, value: bytes) -> str:
    return hmac.digest(secret.encode(), value, "sha256").hex()


def survey(database: Database, ring: Keyring) -> Target:
    (target,) = target_survey.find(database, "auto", (), ring).targets
    assert (target.table.schema, target.table.name, target.column) == (SCHEMA, TABLE, VALUE)
    assert {each.column for each in target.derived} == {SEARCHED}
    return target


def test_a_rotation_of_odd_names_from_the_survey_to_the_digest_of_each_row(
    odd: Database,
    keyring: Keyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 20)
    target = survey(odd, keyring)
    others = ConcurrentWrites.from_now([odd])
    with row_digests.recording(str(tmp_path / "rows")) as rows:
        assert rows is not None
        tallies = census.Census(odd, [target], keyring, b"k").take(each_row=rows)
        before = [tally.result for tally in tallies]
        rows.end(before)
    rewrite(odd, [target], keyring, "pending", concurrent_writes=others, workers=2)
    with row_digests.comparison(str(tmp_path / "rows"), before, others, ()) as rows:
        assert rows is not None
        (after,) = census.Census(odd, [target], keyring, b"k").take(each_row=rows)
        looks = rows.looks([target.table.label])
    assert after.classes == {"pending": ROWS}
    census_comparison.refuse_difference(before, [after.result], looks)
    searched = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        sql.Identifier(SEARCHED), target.table.rows, sql.Identifier(KEY)
    )
    expected = [(digest("new-secret", f"value {number}".encode()),) for number in range(ROWS)]
    assert odd.rows(searched) == expected


def test_what_else_reads_or_changes_a_table_of_an_odd_name(odd: Database, keyring: Keyring) -> None:
    target = survey(odd, keyring)
    assert list(catalog_findings(odd, [target], keyring))
    assert [tally.classes for tally in census.Census(odd, [target], keyring, b"k").sample()] == [{"current": ROWS}]
    assert list(accounting._read_samples(odd, target.table, [catalog.Column(VALUE, "text", None, False)]))
    (group,) = by_table([target])
    assert update_statement.lock_free(odd, group, [Change(("7",), (), (), (), {})]) == {("7",)}
    assert odd.vacuum(target.table.identifier)
    with odd.snapshot([target.table.identifier]):
        assert odd.holders([target.table.identifier])
    assert fence.put_up(odd, [target], ODD) == []
    assert fence.read_fence(odd).rotation_id == ODD
    assert fence.take_down(odd) == []
    ((label,),) = odd.rows("SELECT format('%%I.%%I', %s::text, %s::text)", (SCHEMA, TABLE))
    assert table_contents.take(odd)[label]["rows"] == ROWS
    assert list(structure.places(odd).values()) == [ROWS]
    with contextlib.closing(odd.another()) as other:
        assert list(backup_difference.differences(odd, other, [target], keyring)) == []
