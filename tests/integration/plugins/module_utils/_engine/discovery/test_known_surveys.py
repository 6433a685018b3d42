# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What discovery found for one task of a process, for the next one: as long as it is true, and no longer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import open_application
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_facts import (
    SparseLook,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.known_surveys import KnownSurveys
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.value_classes import UNOPENED
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request

from .....test_discovery import token
from .....test_engine import NEW, OLD, fill, keyring  # noqa: F401  # a fixture

REQUEST = Request("/srv/app", None, {"current": OLD.values, "pending": NEW.values}, label="census")
Look = Callable[..., Any]


@pytest.fixture
def known() -> KnownSurveys:
    return KnownSurveys()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Database]:
    """The databases that discovery has walked over."""
    walked: list[Database] = []
    find = open_application.target_survey.find

    def counted(database: Database, *asked: Any) -> Any:
        walked.append(database)
        return find(database, *asked)

    monkeypatch.setattr(open_application.target_survey, "find", counted)
    return walked


@pytest.fixture
def look(
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    keyring: Keyring,
    known: KnownSurveys,
    made: list[Database],
) -> Look:
    """Opens the database for one task after another."""
    fill(database, keyring, "id integer PRIMARY KEY", "%s")
    monkeypatch.setattr(open_application.custom_functions, "processes", lambda *given: contextlib.nullcontext({}))
    answers: dict[str, Any] = {"start": None, "aliases": ["default"], "texts": {}, "setting": None, "feeds": {}}
    for name, answer in answers.items():
        monkeypatch.setattr(open_application.django_project, name, lambda *given, answer=answer: answer)

    @contextlib.contextmanager
    def opened(request: Request = REQUEST, **changes: Any) -> Iterator[Any]:
        with open_application.open_application(replace(request, **changes), known) as application:
            yield application

    return opened


def test_the_same_question_is_answered_without_another_walk_and_over_a_connection_of_its_own(
    look: Look, made: list[Database]
) -> None:
    with look() as first:
        before = first.targets
    with look(label="plan", progress="/p", trial={"SECRET_KEY": "x"}, step="7") as second:
        assert [target.name for target in second.targets] == ["secrets.a"]
        assert second.targets == before
        (tally,) = second.census("current")
        assert tally.classes["current"] == 50
        (_, survey) = second.databases[0]
        assert [survey.has_mark(column, b"") for column in survey.evidence.closed] == [
            False
        ]  # asked of the open connection
    assert len(made) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"key_sets": {"current": OLD.values}},
        {"base": "pending"},
        {"ignore": ["secrets.b"]},
        {"settlements": {"secrets.b": {"not_ours": "another system's"}}},
        {"targets": [{"table": "secrets", "column": "a", "scheme": "encryption_manager"}, "auto"]},
        {"file_keys": {"SECRET_KEY": "by hand"}},
        {"run": "host machine 7 1", "leased": False},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_question_has_another_walk(look: Look, made: list[Database], changes: dict[str, Any]) -> None:
    with look():
        pass
    with look(**changes) as application:
        assert [target.name for target in application.targets] == ["secrets.a"]
    assert len(made) == 2


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE secrets ADD COLUMN c text", "ALTER TABLE secrets ALTER COLUMN b TYPE varchar(200)"],
)
def test_a_change_of_the_catalog_has_another_walk(
    look: Look,
    made: list[Database],
    database: Database,
    keyring: Keyring,
    statement: str,
) -> None:
    with look():
        pass
    database.execute(statement)
    with look() as application:
        assert "secrets.a" in {target.name for target in application.targets}
    assert len(made) == 2


def test_after_a_write_a_column_that_is_filled_now_is_found(
    look: Look,
    known: KnownSurveys,
    database: Database,
    keyring: Keyring,
) -> None:
    with look():
        pass
    database.execute("UPDATE secrets SET b = %s WHERE id = 1", (token(keyring),))
    known.forget()
    with look() as application:
        assert {target.name for target in application.targets} == {"secrets.a", "secrets.b"}


def test_what_one_task_leaves_out_or_notes_the_next_one_does_not_know(look: Look) -> None:
    for _ in range(3):
        with look() as application:
            (_, survey) = application.databases[0]
            assert [target.name for target in survey.targets] == ["secrets.a"]
            assert not survey.findings.of("sparse")
            assert not survey.evidence.hashes
            survey.targets = []
            survey.findings.put("secrets.b", SparseLook("x"))
            survey.evidence["secrets.b"].is_hash = True


def test_a_scheme_that_discovery_has_made_opens_values_of_the_next_task_too(
    look: Look,
    database: Database,
    keyring: Keyring,
    made: list[Database],
) -> None:
    database.execute("UPDATE secrets SET a = 'enc$' || a")
    for _ in range(2):
        with look() as application:
            (target,) = application.targets
            assert target.scheme == "encryption_manager after enc$"
            census_findings.refuse_unreadable(application.census("current"), UNOPENED)
    assert len(made) == 1


def test_how_the_rows_of_a_table_are_named_is_asked_once_for_all_its_columns(
    look: Look,
    database: Database,
    keyring: Keyring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database.execute("UPDATE secrets SET b = %s", (token(keyring),))
    asked: list[str] = []
    row_key = catalog.row_key
    monkeypatch.setattr(catalog, "row_key", lambda base, table: asked.append(table.name) or row_key(base, table))
    with look() as application:
        assert {target.name: target.key.columns for target in application.targets} == {
            "secrets.a": ("id",),
            "secrets.b": ("id",),
        }
    assert asked == ["secrets"]
