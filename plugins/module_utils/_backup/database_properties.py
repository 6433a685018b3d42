# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties of a database itself, which a restore into a new one would lose.

``pg_restore --create`` restores them only under the old name (docs/design/backup.md). They are encoding and locale,
owner, tablespace, grants, connection limit, comment, ALTER DATABASE ... SET and ALTER ROLE ... IN DATABASE ... SET.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from .._engine.postgres import sql
from .._engine.postgres.connection import Database

# As JSON, since the catalog has other columns from version to version: daticulocale became datlocale in 17.
SQL = """
SELECT d.datname::text, (to_jsonb(d) - 'datacl' || jsonb_build_object(
  'owner', pg_get_userbyid(d.datdba),
  'tablespace', (SELECT t.spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace),
  'encoding_name', pg_encoding_to_char(d.encoding),
  'comment', shobj_description(d.oid, 'pg_database'),
  'grants', CASE WHEN d.datacl IS NOT NULL THEN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'grantee', CASE WHEN g.grantee <> 0 THEN pg_get_userbyid(g.grantee) END,
      'privilege', g.privilege_type, 'grantable', g.is_grantable)), '[]')
    FROM aclexplode(d.datacl) g) END,
  'settings', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'role', CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END, 'settings', to_jsonb(s.setconfig))), '[]')
    FROM pg_db_role_setting s WHERE s.setdatabase = d.oid)))::text
FROM pg_database d WHERE d.datname = ANY(%s)
"""
PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
DEFAULT_TABLESPACE = "pg_default"  # every role may create databases in it without naming it
PRIVILEGES = ("CREATE", "CONNECT", "TEMPORARY")
# Settings that are lists of names: stored as such, and to be set so (pg_dump's own list, variable_is_guc_list_quote).
LISTS = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)
_ENTRY = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"]*))\s*(?:,|$)')


class Grant(TypedDict):
    """A privilege of ``grantee``; of PUBLIC, if there is no ``grantee``."""

    grantee: str | None
    privilege: str
    grantable: bool


class StoredSettings(TypedDict):
    """Settings as ``parameter=value``, of a role in the database; of the database itself, if there is no ``role``."""

    role: str | None
    settings: list[str]


class _CommonProperties(TypedDict):
    oid: int | str
    owner: str
    tablespace: str
    encoding_name: str
    comment: str | None
    grants: list[Grant] | None
    settings: list[StoredSettings]
    datcollate: str
    datctype: str
    datconnlimit: int
    datallowconn: bool


class DatabaseProperties(_CommonProperties, total=False):
    """The entry of the catalog for a database. Versions of PostgreSQL differ in the optional members."""

    datlocprovider: str
    datlocale: str | None
    daticulocale: str | None
    daticurules: str | None


def of(database: Database, names: Sequence[str]) -> dict[str, DatabaseProperties]:
    """The properties of each of these databases that is there, by its name."""
    return {name: json.loads(facts) for name, facts in database.rows(SQL, (list(names),))}


def creation(facts: DatabaseProperties) -> sql.Composable:
    """Return the options of CREATE DATABASE: owner, tablespace, encoding, locale."""
    options = {"OWNER": sql.Identifier(facts["owner"])}
    if facts["tablespace"] != DEFAULT_TABLESPACE:
        options["TABLESPACE"] = sql.Identifier(facts["tablespace"])
    options.update(_locale_options(facts))
    if facts.get("daticurules"):
        options["ICU_RULES"] = sql.Literal(facts["daticurules"])
    return _from_template(options)


def locale_of(facts: DatabaseProperties) -> sql.Composable:
    """Return the options of CREATE DATABASE for a copy of rows, which needs the same encoding and locale."""
    return _from_template(_locale_options(facts))


def _locale_options(facts: DatabaseProperties) -> dict[str, sql.Composable]:
    options = {
        "ENCODING": sql.Literal(facts["encoding_name"]),
        "LC_COLLATE": sql.Literal(facts["datcollate"]),
        "LC_CTYPE": sql.Literal(facts["datctype"]),
    }
    provider = PROVIDERS.get(facts.get("datlocprovider") or "c", "libc")
    if provider != "libc":
        options["LOCALE_PROVIDER"] = sql.SQL(provider)
        if locale := facts.get("datlocale") or facts.get("daticulocale"):
            options["ICU_LOCALE" if provider == "icu" else "BUILTIN_LOCALE"] = sql.Literal(locale)
    return options


def _from_template(options: Mapping[str, sql.Composable]) -> sql.Composable:
    words = [sql.SQL("{} {}").format(sql.SQL(name), value) for name, value in options.items()]
    return sql.SQL(" ").join([sql.SQL("TEMPLATE template0"), *words])


def statements(name: str, facts: DatabaseProperties) -> Iterator[sql.Composable]:
    """Yield the statements that give the database ``name`` the settings, grants and connection limit of ``facts``."""
    database = sql.SQL("DATABASE {}").format(sql.Identifier(name))
    if facts["datconnlimit"] >= 0:
        yield sql.SQL("ALTER {} CONNECTION LIMIT {}").format(database, sql.Literal(facts["datconnlimit"]))
    for entry in facts["settings"]:
        role = sql.SQL("ROLE {} IN ").format(sql.Identifier(entry["role"])) if entry["role"] else sql.SQL("")
        for setting in entry["settings"]:
            parameter, _, value = setting.partition("=")
            yield sql.SQL("ALTER {}{} SET {} TO {}").format(
                role, database, sql.Identifier(*parameter.split(".")), _value(parameter, value)
            )
    if facts["grants"] is None:
        return
    owner = sql.Identifier(facts["owner"])
    yield sql.SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(database, owner)
    for grant in facts["grants"]:
        if grant["privilege"] in PRIVILEGES:
            grantee = sql.Identifier(grant["grantee"]) if grant["grantee"] else sql.SQL("PUBLIC")
            may_grant = grant["grantable"] and grant["grantee"] != facts["owner"]
            yield sql.SQL("GRANT {} ON {} TO {}{}").format(
                sql.SQL(grant["privilege"]), database, grantee, sql.SQL(" WITH GRANT OPTION" if may_grant else "")
            )


def _value(parameter: str, value: str) -> sql.Composable:
    if parameter.lower() not in LISTS:
        return sql.Literal(value)
    entries = [(quoted.replace('""', '"') or plain.strip()) for quoted, plain in _ENTRY.findall(value)]
    return sql.SQL(", ").join(map(sql.Literal, list(filter(None, entries)) or [""]))
