# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import database_properties

from ....statements import shown

LIBC = {
    "owner": 'the "owner"',
    "tablespace": "fast",
    "encoding_name": "UTF8",
    "datcollate": "C",
    "datctype": "C",
    "datlocprovider": "c",
    "datconnlimit": -1,
    "settings": [],
    "grants": None,
}


def test_a_database_is_made_with_owner_tablespace_encoding_and_locale():
    assert shown(database_properties.creation(LIBC)) == (
        'TEMPLATE template0 OWNER "the ""owner""" TABLESPACE "fast" ENCODING \'UTF8\' LC_COLLATE \'C\' LC_CTYPE \'C\''
    )


@pytest.mark.parametrize(
    ("provider", "column", "words"),
    [
        ("i", "daticulocale", "LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'"),  # PostgreSQL 15 and 16
        ("i", "datlocale", "LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'"),  # 17 and later
        ("b", "datlocale", "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'de-AT'"),
    ],
)
def test_its_locale_may_be_of_another_provider(provider, column, words):
    assert words in shown(database_properties.creation({**LIBC, "datlocprovider": provider, column: "de-AT"}))


def test_a_server_before_providers_has_none():
    assert "PROVIDER" not in shown(database_properties.creation({**LIBC, "datlocprovider": None}))


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("work_mem=64MB", "\"work_mem\" TO '64MB'"),
        (r"app.motto=it's = \ 100 %", r""""app"."motto" TO 'it''s = \\ 100 %'"""),
        ('search_path="$user", public, "a, b"', "\"search_path\" TO '$user', 'public', 'a, b'"),
        ('search_path=""', "\"search_path\" TO ''"),
    ],
)
def test_a_setting_is_set_as_it_is_stored(stored, value):
    facts = {**LIBC, "settings": [{"role": None, "settings": [stored]}]}
    assert [*map(shown, database_properties.statements("a", facts))] == [f'ALTER DATABASE "a" SET {value}']


def test_settings_of_a_role_in_a_database_are_that_roles():
    facts = {**LIBC, "settings": [{"role": "r", "settings": ["work_mem=1MB"]}]}
    (statement,) = database_properties.statements("a", facts)
    assert shown(statement) == 'ALTER ROLE "r" IN DATABASE "a" SET "work_mem" TO ' + "'1MB'"


def test_default_grants_stay_the_default_and_others_replace_it():
    assert list(database_properties.statements("a", LIBC)) == []
    grants = [
        {"grantee": None, "privilege": "CONNECT", "grantable": False},
        {"grantee": "r", "privilege": "CREATE", "grantable": True},
    ]
    assert [*map(shown, database_properties.statements("a", {**LIBC, "owner": "o", "grants": grants}))] == [
        'REVOKE ALL ON DATABASE "a" FROM PUBLIC, "o"',
        'GRANT CONNECT ON DATABASE "a" TO PUBLIC',
        'GRANT CREATE ON DATABASE "a" TO "r" WITH GRANT OPTION',
    ]
