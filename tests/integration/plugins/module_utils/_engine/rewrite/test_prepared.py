# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows prepared before the window and changed by sets in it, by the engine in this process on a real PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import preparation
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.comparison import prepared_census
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.comparison.prepared_census import (
    PreparedCensus,
    PreparedCounting,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog, server_info
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census,
    census_comparison,
    census_findings,
    row_digests,
    table_pages,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_result import CensusResult
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.row_digests import EachRow
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import (
    prepared,
    prepared_table,
    rewriter,
    table_passes,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.concurrent_writers import (
    ConcurrentWrites,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.table_passes import SetResult
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.update_statement import Change
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.worker_pool import Crew, Stop
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from .....conftest import rewrite
from .....test_engine import (  # noqa: F401  # a fixture
    NEW,
    OLD,
    SCHEME,
    SCHEMES,
    TABLE,
    classes,
    fill,
    keyring,
    targets,
)

KEYS = [
    ("id bigint PRIMARY KEY", "%s"),
    ("id text PRIMARY KEY", "'key, \"\\ ' || %s"),
    ("id int, day date, PRIMARY KEY (id, day)", "%s / 7, date '2026-01-01' + %s"),
]


@pytest.fixture(autouse=True)
def small_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(table_pages, "PAGE_ROWS", 7)
    monkeypatch.setattr(prepared, "PAGE_ROWS", 7)
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 20)
    yield
    prepared_table.drop(database)


@pytest.fixture(scope="module")
def alone() -> Keyring:
    """What a process has that has only the new keys."""
    return Keyring(SCHEMES, {"pending": NEW}, ApplicationSettings(lambda name: None))


def rewriting(database: Database, keyring: Keyring, destination: str = "pending", **policy: Any) -> rewriter.Rewriting:
    return rewriter.Rewriting(
        targets(database), keyring, destination, policy=rewriter.RewritePolicy(**policy, prepared=True)
    )


def prepare(database: Database, keyring: Keyring, workers: int = 1) -> int:
    """How many rows were prepared by this call."""
    work = rewriting(database, keyring)
    sources = [prepared.describe(group) for group in work.tables]
    contents = prepared_table.Contents(keyring.key_id("pending"), sources, keyring.key_id("current"))
    done: list[int] = []
    crew = Crew(workers, prepared.Preparation(work).batches, database.another, Stop())
    prepared.prepare(database, work, crew, contents, lambda batch: done.append(batch.rewritten))
    return sum(done)


def apply(database: Database, keyring: Keyring, workers: int = 1, **policy: Any) -> tuple[rewriter.Work, int]:
    """The work by sets, then the ordinary passes: the work, and how many values the latter found left. In the
    ``policy`` is the ``destination``, too."""
    work, found = rewriter.Work(), rewriting(database, keyring, **policy)
    by_sets = Crew(workers, prepared.SetRewrite(found).batches, database.another, Stop())
    sets = prepared.apply(database, found, by_sets, work)
    applied = sum(work.values.values())
    crew = Crew(workers, found.batches, database.another, Stop())
    table_passes.reencrypt(database, found, crew, work, sets)
    return work, sum(work.values.values()) - applied


def seal(keyring: Keyring, text: str, stage: str = "current") -> str:
    return keyring.cipher(SCHEME, stage).seal(Opened(text.encode(), 1_700_000_000)).decode()


def rows(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT * FROM secrets ORDER BY 1, 2")


READ = "SELECT a::text FROM secrets"
MEMBERS = [None, "", "x,y", "NULL", "two words", 'a "b" \\', "line\nline", '{"a": [1, "b"]}', "{}", "\u00a0ů"]


@pytest.mark.parametrize("way", ["ordinary", "prepared"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    "shape",
    ["ARRAY[%s, {0}]", "ARRAY[ARRAY[%s, {0}], ARRAY[NULL, {0}]]", "('[-1:{1}]=' || ARRAY[%s, {0}]::text)::text[]"],
    ids=["flat", "nested", "bounds"],
)
def test_every_member_of_an_array_that_is_no_token_stays_as_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str, marked: bool, shape: str
) -> None:
    """Without a mark any text may be a token, and a NULL is not one."""
    derived = {"derive": "sha256", "secret": "SECRET_KEY"}
    scheme = {"format": "aes_gcm_nonce_first", "key": derived, **({"prefix": "enc$"} if marked else {})}
    known = {"current": OLD, "pending": NEW}
    keyring = Keyring(schemes.parse({"own": scheme}), known, ApplicationSettings(lambda name: None))
    old = keyring.cipher("own", "current").seal(Opened(b"value"))
    others = MEMBERS if marked else [None, ""]
    value = shape.format(", ".join(["%s"] * len(others)), len(others) - 1)
    params = (old.decode(), *others * shape.count("{0}"))
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text[])")
    database.execute(f"INSERT INTO secrets VALUES (1, {value})", params)
    held = Target(TABLE, "a", "text[]", "own", "Secret", catalog.row_key(database, TABLE), None)
    (before,), ((was,),) = census.Census(database, [held], keyring, b"k").take(), database.rows(READ)
    assert before.classes == {"current": 1}
    census_findings.refuse_unreadable([before])
    if way == "prepared":
        monkeypatch.setitem(globals(), "targets", lambda database: [held])
        assert prepare(database, keyring) == 1
        assert apply(database, keyring)[1] == 0
    else:
        rewrite(database, [held], keyring, "pending")
    ((now,),) = database.rows(READ)
    assert was != now
    (after,) = census.Census(database, [held], keyring, b"k").take()
    assert after.classes == {"pending": 1}
    (new,) = held.kind.tokens(now, keyring.schemes["own"].marker)
    assert now == was.replace(old.decode(), new.decode())
    census_comparison.refuse_difference([before.result], [after.result])


def rows_read(database: Database) -> int:
    """How many rows of the table of prepared rows were read so far, by any plan."""
    database.rows("SELECT pg_stat_force_next_flush()")
    ((count,),) = database.rows(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_all_tables WHERE relname = %s", (catalog.PREPARED,)
    )
    return int(count)


def test_a_page_costs_the_same_however_much_is_prepared(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id bigint PRIMARY KEY, a text, b text)")
    old, new = seal(keyring, "value"), seal(keyring, "value", "pending")
    (group,) = table_pages.by_table(targets(database))
    prepared_table.create(
        database,
        prepared_table.Contents(keyring.key_id("pending"), [prepared.describe(group)], keyring.key_id("current")),
    )
    rows = prepared.PreparedRows(database, group, 0)
    rows.store([Change((str(number),), (old, None), (new, None), (1, 0), {}) for number in range(30_000)])
    page = [((str(number),), (old, None)) for number in range(1_000)]

    before = rows_read(database)
    assert rows.find_prepared_keys(page) == {key for key, _ in page}
    rows.forget([key for key, _ in page[:500]])
    assert rows_read(database) - before <= len(page) * 2
    assert len(rows.find_prepared_keys(page)) == 500


@pytest.mark.parametrize(("key", "values"), KEYS)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_data_is_not_changed_before_and_then_by_sets(
    database: Database, keyring: Keyring, key: str, values: str, workers: int
) -> None:
    fill(database, keyring, key, values)
    before, count = rows(database), census.Census(database, targets(database), keyring, b"k").take()

    assert prepare(database, keyring, workers) == 50
    assert rows(database) == before
    work, left = apply(database, keyring, workers)

    assert left == 0
    assert work.values == {"secrets.a": 50}
    assert classes(database, keyring) == {"pending": 50}
    after = census.Census(database, targets(database), keyring, b"k").take()
    census_comparison.refuse_difference([tally.result for tally in count], [tally.result for tally in after])


def test_what_changed_since_is_left_to_the_ordinary_passes(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    fresh = seal(keyring, "written while the application served")
    database.execute("UPDATE secrets SET a = %s WHERE id = 3", (fresh,))
    database.execute("UPDATE secrets SET b = %s WHERE id = 4", (fresh,))
    database.execute("DELETE FROM secrets WHERE id = 5")
    database.execute("INSERT INTO secrets VALUES (1000, %s, NULL)", (fresh,))

    work, left = apply(database, keyring)

    assert left == 4, "the two values of row 4, and one each of rows 3 and 1000"
    assert work.values == {"secrets.a": 50, "secrets.b": 1}
    assert classes(database, keyring) == {"pending": 50}
    for place in ("a FROM secrets WHERE id = 3", "b FROM secrets WHERE id = 4", "a FROM secrets WHERE id = 1000"):
        ((token,),) = database.rows(f"SELECT {place}")
        assert keyring.cipher(SCHEME, "pending").open(token.encode()).plaintext.startswith(b"written while")


def test_only_what_changed_is_prepared_again(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, *KEYS[0])
    assert prepare(database, keyring) == 50
    assert prepare(database, keyring) == 0
    database.execute("UPDATE secrets SET a = %s WHERE id = 3", (seal(keyring, "another"),))
    assert prepare(database, keyring) == 1
    apply(database, keyring)
    assert prepare(database, keyring) == 0, "what is where it should be needs nothing"
    assert classes(database, keyring) == {"pending": 50}


@pytest.mark.parametrize("other", ["keys", "columns"])
def test_what_was_prepared_for_other_keys_or_columns_is_never_applied(
    database: Database, keyring: Keyring, other: str
) -> None:
    fill(database, keyring, *KEYS[0])
    group = rewriting(database, keyring).tables[0]
    key_id, columns = keyring.key_id("pending"), group
    if other == "keys":
        key_id = "another"
    else:
        columns = group._replace(members=group.members[:1])
    prepare(database, keyring)
    prepared_table.create(database, prepared_table.Contents(key_id, [prepared.describe(columns)]))
    assert database.rows(f"SELECT count(*) FROM {catalog.PREPARED}") == [(0,)], "it is made again"
    wrong = Change(("1",), (rows(database)[1][1], None), ("wrong", None), (1, 0), {})
    prepared.PreparedRows(database, group, 0).store([wrong])

    _, left = apply(database, keyring)

    assert left == 50
    assert classes(database, keyring) == {"pending": 50}


def test_a_row_that_another_process_wrote_since_the_census_is_left_to_the_ordinary_passes(
    database: Database, keyring: Keyring
) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    others = ConcurrentWrites.from_now([database])
    database.execute("UPDATE secrets SET a = a WHERE id = 3")

    _, left = apply(database, keyring, concurrent_writes=others)

    assert left == 1
    assert others.rows == {"secrets": {"3"}}, "and is known as another's from then on"
    assert not any(others.wrote("default", one) for (one,) in database.rows("SELECT xmin::text FROM secrets"))


def test_a_locked_row_is_left_to_the_ordinary_passes(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    with contextlib.closing(database.another()) as other, other.transaction("READ WRITE"):
        other.rows("SELECT 1 FROM secrets WHERE id = 3 FOR UPDATE")
        found, work = rewriting(database, keyring), rewriter.Work()
        prepared.apply(database, found, Crew(1, prepared.SetRewrite(found).batches, database.another, Stop()), work)
        assert 0 < sum(work.values.values()) < 50
    apply(database, keyring)
    assert classes(database, keyring) == {"pending": 50}


def test_a_table_with_update_triggers_or_search_columns_goes_the_ordinary_way(
    database: Database, keyring: Keyring
) -> None:
    fill(database, keyring, *KEYS[0])
    (group,) = rewriting(database, keyring).tables
    assert prepared.obstacle(database, group, keyring, [SCHEME]) == ""
    assert "only its values tell" in prepared.obstacle(database, group, keyring, [])
    database.execute(
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER stamped BEFORE UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION nothing()"
    )
    try:
        assert "stamped" in prepared.obstacle(database, group, keyring, [SCHEME])
        prepare(database, keyring)
        _, left = apply(database, keyring)
        assert left == 50
    finally:
        database.execute("DROP FUNCTION nothing CASCADE")
    database.execute("SET search_path = ''")
    assert "may not create a table" in prepared.obstacle(database, group, keyring, [SCHEME])
    database.execute("RESET search_path")


def test_a_search_column_that_was_filled_since_is_computed_by_the_ordinary_passes(
    database: Database, keyring: Keyring
) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    found, work = rewriting(database, keyring), rewriter.Work()
    searched = [replace(target, derived=(SimpleNamespace(column="digest"),)) for target in found.targets]
    found = replace(found, targets=searched)
    crew = Crew(1, prepared.SetRewrite(found).batches, database.another, Stop())

    assert prepared.apply(database, found, crew, work) == SetResult()
    assert classes(database, keyring) == {"current": 50}


def test_the_table_is_ours_alone_and_is_dropped(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    assert catalog.PREPARED not in {table.name for table in [*catalog.columns(database), *catalog.tables(database)]}
    with contextlib.closing(database.another()) as other, other.transaction("READ ONLY"):
        other.rows(f"SELECT 1 FROM {catalog.PREPARED}")
        assert not prepared_table.drop(database), "whoever reads it is not waited for"
    assert prepared_table.exists(database)
    assert prepared_table.drop(database)
    assert not prepared_table.exists(database)
    _, left = apply(database, keyring)
    assert left == 50, "without it the engine does all"


def test_bytes_and_documents(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a bytea, b jsonb)")
    for number in range(20):
        a, b = seal(keyring, f"bytes {number}"), seal(keyring, f"leaf {number}")
        database.execute(
            "INSERT INTO secrets VALUES (%s, convert_to(%s, 'UTF8'), jsonb_build_object('x', %s::text, 'y', %s::text))",
            (number, a, b, seal(keyring, 'quoted " leaf')),
        )
    plain = [
        target.__class__(target.table, target.column, kind, SCHEME, "Secret", target.key, None)
        for target, kind in zip(targets(database), ("bytea", "jsonb"))
    ]
    found = rewriter.Rewriting(plain, keyring, "pending", policy=rewriter.RewritePolicy(prepared=True))
    before = census.Census(database, plain, keyring, b"k").take()
    contents = prepared_table.Contents(keyring.key_id("pending"), [prepared.describe(group) for group in found.tables])
    crew = Crew(1, prepared.Preparation(found).batches, database.another, Stop())
    prepared.prepare(database, found, crew, contents, lambda batch: None)
    work = rewriter.Work()
    prepared.apply(database, found, Crew(1, prepared.SetRewrite(found).batches, database.another, Stop()), work)
    assert work.values == {"secrets.a": 20, "secrets.b": 40}
    after = census.Census(database, plain, keyring, b"k").take()
    assert [dict(tally.classes) for tally in after] == [{"pending": 20}, {"pending": 40}]
    census_comparison.refuse_difference([tally.result for tally in before], [tally.result for tally in after])


def opened(database: Database, keyring: Keyring) -> Any:
    """The application as far as the proof looks at it."""
    parts = [(database, SimpleNamespace(targets=targets(database)))]
    return Application(parts, keyring, [], "", None, {})  # type: ignore[arg-type]


def counted(database: Database, keyring: Keyring) -> list[CensusResult]:
    """The census of what is prepared, as results hand it on."""
    return [tally.result for tally in preparation.census(opened(database, keyring), "pending")]


def test_a_process_with_only_the_new_keys_proves_what_is_prepared(
    database: Database, keyring: Keyring, alone: Keyring
) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    database.execute("UPDATE secrets SET a = NULL WHERE id = 3")  # what the data is now does not count

    columns = counted(database, keyring)

    assert [(each.column, each.rows) for each in columns] == [("a", 50), ("b", 50)]
    preparation.verify_prepared(opened(database, alone), "pending", columns)


@pytest.mark.parametrize("wrong", ["another text", "the old keys", "another row", "no row", "no table"])
def test_what_does_not_have_the_plaintexts_of_its_values_is_refused(
    database: Database, keyring: Keyring, alone: Keyring, wrong: str
) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    columns = counted(database, keyring)
    set_new, tokens = f"UPDATE {catalog.PREPARED} SET new[1] =", f"SELECT p.new[1] FROM {catalog.PREPARED} p"
    if wrong == "no row":
        database.execute(f"DELETE FROM {catalog.PREPARED} WHERE row_key = '{{7}}'")
    elif wrong == "no table":
        prepared_table.drop(database)
    elif wrong == "another row":
        database.execute(f"{set_new} ({tokens} WHERE row_key = '{{8}}') WHERE row_key = '{{7}}'")
    else:
        token = seal(keyring, "other") if wrong == "the old keys" else seal(keyring, "other", "pending")
        database.execute(f"{set_new} %s WHERE row_key = '{{7}}'", (token,))

    with pytest.raises(RotationError) as raised:
        preparation.verify_prepared(opened(database, alone), "pending", columns)

    assert (raised.value.code, raised.value.where["column"]) == ("E_PREPARED", "a")


def test_what_cannot_be_opened_stops_the_preparation(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, *KEYS[0])
    database.execute("UPDATE secrets SET a = overlay(a placing 'xxxxxxxx' from 40) WHERE id = 7")
    with pytest.raises(RotationError) as raised:
        prepare(database, keyring)
    assert raised.value.code == "E_UNREADABLE"


def test_rows_of_partitions(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text) PARTITION BY RANGE (id)")
    for first in (0, 20):
        database.execute(
            f"CREATE TABLE secrets_{first} PARTITION OF secrets FOR VALUES FROM ({first}) TO ({first + 20})"
        )
    for number in range(40):
        database.execute("INSERT INTO secrets VALUES (%s, %s, NULL)", (number, seal(keyring, f"value {number}")))
    table = catalog.Table("public", "secrets", True, partitioned=True)
    parts = [replace(target, table=table) for target in targets(database)]
    others = ConcurrentWrites.from_now([database])
    found = rewriter.Rewriting(
        parts, keyring, "pending", policy=rewriter.RewritePolicy(concurrent_writes=others, prepared=True)
    )
    contents = prepared_table.Contents(keyring.key_id("pending"), [prepared.describe(group) for group in found.tables])
    crew = Crew(1, prepared.Preparation(found).batches, database.another, Stop())
    prepared.prepare(database, found, crew, contents, lambda batch: None)
    work, others.since["default"] = rewriter.Work(), server_info.read_oldest_running(database)
    prepared.apply(database, found, Crew(1, prepared.SetRewrite(found).batches, database.another, Stop()), work)
    assert work.by_sets == 40
    assert census.Census(database, parts, keyring, b"k").take()[0].classes == {"pending": 40}


def change(database: Database, keyring: Keyring) -> None:
    """What the application writes between the preparation and the window."""
    database.execute("UPDATE secrets SET a = %s, b = %s WHERE id = 3", [seal(keyring, "another")] * 2)
    database.execute("UPDATE secrets SET a = NULL WHERE id = 4")
    database.execute("DELETE FROM secrets WHERE id = 5")
    database.execute("INSERT INTO secrets VALUES (1000, %s, NULL)", (seal(keyring, "new"),))


def whole_census(database: Database, keyring: Keyring, each_row: EachRow | None = None) -> list[CensusResult]:
    found = census.Census(database, targets(database), keyring, keyring.stages["pending"].digest_key)
    return [tally.result for tally in found.take(each_row=each_row)]


def counting(database: Database, keyring: Keyring) -> PreparedCounting:
    return PreparedCounting(opened(database, keyring), "pending", keyring.key_id("pending"))


def prepared_and_changed(database: Database, keyring: Keyring, alone: Keyring) -> tuple[PreparedCensus, dict[str, int]]:
    """Rows are prepared and proved, and some of them change: the census before the first write, and the last number."""
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    base = counted(database, keyring)
    last = preparation.verify_prepared(opened(database, alone), "pending", base)
    change(database, keyring)
    return counting(database, keyring).before(base), last


def test_the_census_opens_what_changed_since_and_is_that_of_every_value(
    database: Database, keyring: Keyring, alone: Keyring
) -> None:
    before, _ = prepared_and_changed(database, keyring, alone)

    assert before.results == whole_census(database, keyring)
    assert sorted(before.keys["secrets"]) == [("1000",), ("3",), ("4",), ("5",)]
    assert before.changes["secrets"] == {"changed": 2, "inserted": 1, "deleted": 1}
    assert [(tally.target.column, tally.rows) for tally in before.tallies] == [("a", 3), ("b", 3)]


@pytest.mark.parametrize("then", ["by row", "too many changed", "another column has a value", "the server crashed"])
def test_of_what_users_changed_since_nobody_is_said_to_have_written_it(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, then: str
) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    path, key = str(tmp_path / "rows"), keyring.key_id("pending")
    with row_digests.recording(path, row_digests.of_preparation(key)) as rows:
        assert rows is not None
        base = [tally.result for tally in preparation.census(opened(database, keyring), "pending", rows)]
        rows.end(base)
    change(database, keyring)
    if then == "too many changed":
        monkeypatch.setattr(prepared_census, "MOST_DIFFERENT", 1)
    elif then == "another column has a value":
        base = base[:1]
    elif then == "the server crashed":  # what is not logged is empty then
        database.execute(f"TRUNCATE {catalog.PREPARED}")

    with row_digests.recording(path, key, row_digests.of_preparation(key)) as rows:
        assert rows is not None
        before = replace(counting(database, keyring), each_row=rows).before(base).results
        rows.end(before)

    assert before == whole_census(database, keyring)
    with row_digests.comparison(path, before, ConcurrentWrites(), ()) as seen:
        assert seen is not None
        whole_census(database, keyring, seen)
        assert seen.looks(["secrets"])["secrets"] == row_digests.TableComparison(same=50)
        assert seen.earlier == set()


@pytest.mark.parametrize("most", [20_000, 1], ids=["by row", "too many changed"])
def test_after_the_work_a_process_with_only_the_new_keys_opens_what_is_not_proved_yet(
    database: Database, keyring: Keyring, alone: Keyring, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    before, last = prepared_and_changed(database, keyring, alone)
    work, left = apply(database, keyring, changed=before.keys)
    assert (left, work.passes) == (0, 0), "rows that changed are prepared again, and nothing is read a second time"
    assert work.by_sets == sum(work.values.values()) == 50
    monkeypatch.setattr(prepared_census, "MOST_DIFFERENT", most)

    after = counting(database, alone).after(before.results, before.reopened, last)

    assert after.results == whole_census(database, alone)
    assert [dict(column.classes) for column in after.results] == [
        {"pending": 49, "empty": 1},
        {"pending": 1, "empty": 49},
    ]
    census_comparison.refuse_difference(before.results, after.results)
    opened_now = 3 if most > 1 else 50
    assert [tally.rows for tally in after.tallies] == [opened_now] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        "another text",
        "that of another row",
        "the old keys",
        "nothing",
        "no row",
        "one row more",
        "changed row",
        "a row that was gone in place of another one",
    ],
)
def test_a_row_that_is_not_what_it_should_be_is_found_before_the_start(
    database: Database, keyring: Keyring, alone: Keyring, wrong: str
) -> None:
    before, last = prepared_and_changed(database, keyring, alone)
    ((gone,),) = database.rows(f"SELECT new[1] FROM {catalog.PREPARED} WHERE row_key = '{{5}}'")
    apply(database, keyring, changed=before.keys)
    token = {
        "another text": seal(keyring, "other", "pending"),
        "that of another row": database.rows("SELECT a FROM secrets WHERE id = 8")[0][0],
        "the old keys": seal(keyring, "value 7"),
        "nothing": None,
        "changed row": seal(keyring, "other", "pending"),
    }
    if wrong in ("no row", "a row that was gone in place of another one"):
        database.execute("DELETE FROM secrets WHERE id = 7")
    if wrong == "a row that was gone in place of another one":
        database.execute("INSERT INTO secrets VALUES (5, %s, NULL)", (gone,))
    elif wrong == "one row more":
        database.execute("INSERT INTO secrets VALUES (7000, %s, NULL)", (seal(keyring, "more", "pending"),))
    elif wrong in token:
        row = 3 if wrong == "changed row" else 7
        database.execute("UPDATE secrets SET a = %s WHERE id = %s", (token[wrong], row))

    after = counting(database, alone).after(before.results, before.reopened, last)

    unreadable = [each.kind.name for each in census_findings.findings(after.tallies)]
    assert unreadable == (["unreadable"] if wrong == "the old keys" else [])
    with pytest.raises(RotationError, match=r"E_DIGEST_CHANGED|E_COUNT_CHANGED"):
        census_comparison.refuse_difference(before.results, after.results)


def test_a_value_that_appeared_since_and_that_nothing_opens_is_found_before_the_first_write(
    database: Database, keyring: Keyring
) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    base = counted(database, keyring)
    database.execute("UPDATE secrets SET a = overlay(a placing 'xxxxxxxx' from 40) WHERE id = 7")

    before = counting(database, keyring).before(base)

    assert [(each.kind.name, each.column) for each in census_findings.findings(before.tallies)] == [
        ("unreadable", "secrets.a")
    ]
    with pytest.raises(RotationError, match="E_UNREADABLE"):
        apply(database, keyring, changed=before.keys)
    assert classes(database, keyring)["current"] == 49, "nothing was written"


def test_what_was_written_since_all_was_done_is_the_only_thing_that_is_read_then(
    database: Database, keyring: Keyring
) -> None:
    fill(database, keyring, *KEYS[0])
    prepare(database, keyring)
    base = counted(database, keyring)
    apply(database, keyring)
    work, left = apply(database, keyring, settles=True)
    assert (left, work.passes, work.by_sets) == (0, 0, 0)
    database.execute("UPDATE secrets SET a = %s WHERE id = 3", (seal(keyring, "late"),))

    settled = counting(database, keyring).before([column.all_under("pending") for column in base], prepared_table.NEW)
    assert settled.keys["secrets"] == [("3",)]
    assert settled.results == whole_census(database, keyring)
    _, left = apply(database, keyring, settles=True)

    assert left == 1
    assert classes(database, keyring) == {"pending": 50}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_way_back_is_by_sets_if_a_row_is_what_was_applied(
    database: Database, keyring: Keyring, alone: Keyring, workers: int
) -> None:
    before, _ = prepared_and_changed(database, keyring, alone)
    was = rows(database)
    apply(database, keyring, changed=before.keys)
    fresh = seal(keyring, "written after the start", "pending")
    database.execute("UPDATE secrets SET a = %s WHERE id = 8", (fresh,))
    database.execute("INSERT INTO secrets VALUES (2000, %s, NULL)", (fresh,))

    work, left = apply(database, keyring, workers, destination="current")

    assert (work.by_sets, left) == (49, 2), "rows 8 and 2000 are the engine's"
    assert [row for row in rows(database) if row[0] not in (8, 2000)] == [row for row in was if row[0] != 8]
    assert classes(database, keyring) == {"current": 50, "empty": 1}
    for place in (8, 2000):
        ((token,),) = database.rows("SELECT a FROM secrets WHERE id = %s", (place,))
        assert keyring.cipher(SCHEME, "current").open(token.encode()).plaintext == b"written after the start"
