# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalog says of a target's table or column, and what a person should do about it."""

from __future__ import annotations

from .postgres import catalog

NOTICES = (
    (
        "unique constraint",
        "A new token is another text each time. If code outside of the models makes the same token of the same value, "
        "to search by it, name its functions in O(schemes): the search would find nothing. Otherwise nothing to do.",
        "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
        " WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND NOT i.indisprimary AND a.attname = %s",
    ),
    (
        "index",
        "The index is rewritten with the column: the table grows meanwhile. Nothing to do.",
        "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
        " WHERE i.indrelid = to_regclass(%s) AND NOT i.indisunique AND a.attname = %s",
    ),
    (
        "update trigger",
        "It fires for every row that is re-encrypted: see what it does, and disable it meanwhile where that harms, "
        "and where it keeps the old value.",
        "SELECT 1 FROM pg_trigger WHERE to_regclass(%s) IN (tgrelid, pg_partition_root(tgrelid))"
        " AND %s::text IS NOT NULL AND NOT tgisinternal"
        f" AND tgenabled <> 'D' AND (tgtype & 16) <> 0 AND NOT starts_with(tgname, '{catalog.FENCE}')",
    ),
    (
        "constraint that is NOT VALID",
        "An UPDATE of a row that violates it fails: ALTER TABLE ... VALIDATE CONSTRAINT before the rotation.",
        f"SELECT 1 {catalog.UNVALIDATED}",
    ),
    (
        "generated column",
        "A column computed from the token changes with it.",
        "SELECT 1 FROM pg_depend d JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid"
        " JOIN pg_attribute g ON g.attrelid = f.adrelid AND g.attnum = f.adnum AND g.attgenerated <> ''"
        " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.refobjid = to_regclass(%s) AND a.attname = %s AND a.attnum <> g.attnum",
    ),
    (
        "row-level security",
        "This role may not see every row: give it BYPASSRLS, or rotate as the table's owner.",
        "SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND %s::text IS NOT NULL AND relrowsecurity"
        " AND row_security_active(oid)",
    ),
    (
        "partitioned table",
        "Its partitions are rotated through it. Nothing to do.",
        "SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND %s::text IS NOT NULL AND relkind = 'p'",
    ),
)
TO_BE_READ = {notice for notice, todo, _ in NOTICES if not todo.endswith("Nothing to do.")}
