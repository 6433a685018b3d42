# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for tokens in the table of a database cache takes a few entries into memory at a time."""

from __future__ import annotations

import base64
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import accounting, target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere import cached_tokens
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_facts import (
    SessionEntries,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database

from ......test_nested import TABLE, keyring, sealed  # noqa: F401  # a fixture

CACHE = replace(TABLE, name="django_cache")
HELD = 30  # entries of a megabyte


@dataclass
class Survey:
    """What a survey tells of an application with one cache."""

    tables: dict[Table, list[Any]] = field(default_factory=lambda: {CACHE: [], TABLE: []})
    targets: list[Any] = field(default_factory=list)

    def is_sessions(self, table: Table) -> bool:
        return False

    def is_cache(self, table: Table) -> bool:
        return table == CACHE


@pytest.fixture
def cache(database: Database) -> Iterator[Database]:
    database.execute("CREATE TABLE django_cache (cache_key varchar(255) PRIMARY KEY, value text, expires timestamptz)")
    yield database
    database.execute("DROP TABLE django_cache")


def put(database: Database, key: str, value: bytes) -> None:
    database.execute("INSERT INTO django_cache VALUES (%s, %s, now())", (key, value.decode()))


def test_entries_of_a_megabyte_are_never_all_in_memory(cache: Database, keyring: Keyring) -> None:
    for number in range(HELD):
        put(cache, f"large{number}", base64.b64encode(bytes([number]) * 749_999))
    for number in range(3):
        put(cache, f"small{number}", base64.b64encode(b"object with " + sealed(keyring, "plain", ("current",))))
    put(cache, "too long", b"A" * 1_000_001)
    cache.execute("INSERT INTO django_cache VALUES ('empty', NULL, now())")
    tracemalloc.start()
    try:
        (found,) = cached_tokens.find(cache, Survey(), keyring)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == cached_tokens.CachedTokens("django_cache.value", 3, HELD + 3)
    assert peak < 6 * cached_tokens.AT_ONCE, "all of them are four times as much"


def test_a_cache_without_tokens_is_not_named(cache: Database, keyring: Keyring) -> None:
    assert list(cached_tokens.find(cache, Survey(), keyring)) == []
    put(cache, "one", base64.b64encode(b"an object"))
    assert list(cached_tokens.find(cache, Survey(), keyring)) == []


@pytest.mark.parametrize(
    ("salt", "secret"),
    [("django.contrib.sessions", "another secret"), ("django.contrib.sessions.SessionStore", "a kept secret")],
)
def test_sessions_that_hold_tokens_are_counted(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, salt: str, secret: str
) -> None:
    from django.core import signing

    monkeypatch.setattr(keyring, "application", {"SECRET_KEY": "a kept secret"}.get)
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text)")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (sealed(keyring, "plain", ("current",)).decode(),))
    database.execute(
        "CREATE TABLE django_session (session_key varchar(40), session_data text, expire_date timestamptz)"
    )
    try:
        for number in range(5):
            held = {"token": sealed(keyring, "plain", ("current",)).decode()} if number < 2 else {"cart": [number] * 90}
            data = signing.dumps(held, key=secret, salt=salt, compress=True)
            database.execute("INSERT INTO django_session VALUES (%s, %s, now())", (f"key{number}", data))
        survey = target_survey.find(database, "auto", (), keyring)
        (found,) = cached_tokens.find(database, survey, keyring)
        stops = accounting.columns(database, survey, {})
    finally:
        database.execute("DROP TABLE django_session")
    assert found == cached_tokens.CachedTokens("django_session.session_data", 2, 5, sessions=True)
    assert stops == []
    found.put(survey.findings)
    ((_, told),) = survey.findings.typed(SessionEntries)
    assert (told.count, told.looked_at) == (2, 5)
    assert "manage.py shell" in told.command
