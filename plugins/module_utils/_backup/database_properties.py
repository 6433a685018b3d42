# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a database itself and not to what is in it: a restore into a new one would lose it.

Encoding and locale, owner, tablespace, grants, connection limit, comment, ALTER DATABASE ... SET and ALTER ROLE ... IN
DATABASE ... SET, as ``pg_restore --create`` would make them (docs/design/backup.md), under another name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._engine.postgres.connection import Database, quote

# As JSON, since the catalogue has other columns from version to version: daticulocale became datlocale in 17.
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
DEFAULT_TABLESPACE = "pg_default"  # where every role may make databases as long as it does not name it
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


def of(database: Database, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The facts of each of these databases that is there, by its name."""
    return {name: json.loads(facts) for name, facts in database.rows(SQL, (list(names),))}


def creation(facts: Mapping[str, Any]) -> str:
    """The options of CREATE DATABASE: owner, tablespace, encoding, locale."""
    words = ["TEMPLATE template0", f"OWNER {quote(facts['owner'])}"]
    if facts["tablespace"] != DEFAULT_TABLESPACE:
        words += [f"TABLESPACE {quote(facts['tablespace'])}"]
    words += [f"ENCODING {literal(facts['encoding_name'])}"]
    words += [f"LC_COLLATE {literal(facts['datcollate'])}", f"LC_CTYPE {literal(facts['datctype'])}"]
    provider = PROVIDERS.get(facts.get("datlocprovider") or "c", "libc")
    locale = facts.get("datlocale") or facts.get("daticulocale")
    if provider != "libc":
        words += [f"LOCALE_PROVIDER {provider}"]
        words += [f"{'ICU_LOCALE' if provider == 'icu' else 'BUILTIN_LOCALE'} {literal(locale)}"] if locale else []
        words += [f"ICU_RULES {literal(facts['daticurules'])}"] if facts.get("daticurules") else []
    return " ".join(words)


def statements(name: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """What gives the database ``name`` the settings, the grants and the connection limit of ``facts``."""
    if facts["datconnlimit"] >= 0:
        yield f"ALTER DATABASE {quote(name)} CONNECTION LIMIT {int(facts['datconnlimit'])}"
    for entry in facts["settings"]:
        scope = f"ROLE {quote(entry['role'])} IN DATABASE {quote(name)}" if entry["role"] else f"DATABASE {quote(name)}"
        for setting in entry["settings"]:
            parameter, _, value = setting.partition("=")
            yield f"ALTER {scope} SET {'.'.join(map(quote, parameter.split('.')))} TO {_value(parameter, value)}"
    if facts["grants"] is None:
        return
    yield f"REVOKE ALL ON DATABASE {quote(name)} FROM PUBLIC, {quote(facts['owner'])}"
    for grant in facts["grants"]:
        if grant["privilege"] in PRIVILEGES:
            grantee = quote(grant["grantee"]) if grant["grantee"] else "PUBLIC"
            option = " WITH GRANT OPTION" if grant["grantable"] and grant["grantee"] != facts["owner"] else ""
            yield f"GRANT {grant['privilege']} ON DATABASE {quote(name)} TO {grantee}{option}"


def _value(parameter: str, value: str) -> str:
    if parameter.lower() not in LISTS:
        return literal(value)
    entries = [(quoted.replace('""', '"') or plain.strip()) for quoted, plain in _ENTRY.findall(value)]
    return ", ".join(literal(entry) for entry in entries if entry) or "''"


def literal(text: str | None) -> str:
    """A text as an SQL string, safe in a statement with or without parameters; NULL for None."""
    if text is None:
        return "NULL"
    doubled = text.replace("'", "''").replace("\\", "\\\\").replace("%", "%%")
    return f"E'{doubled}'"
