# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalog queries of a plan, by kind of finding: each row that is returned is one finding."""

from __future__ import annotations

from collections.abc import Mapping

from ..discovery.findings.finding_kinds import KindName
from ..postgres import catalog

_OF_INDEX = (
    "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
    " WHERE i.indrelid = to_regclass(%s)"
)
QUERIES: Mapping[KindName, str] = {
    "unique_constraint": f"{_OF_INDEX} AND i.indisunique AND NOT i.indisprimary AND a.attname = %s",
    "index": f"{_OF_INDEX} AND NOT i.indisunique AND a.attname = %s",
    "update_trigger": (
        "SELECT 1 FROM pg_trigger WHERE to_regclass(%s) IN (tgrelid, pg_partition_root(tgrelid))"
        " AND %s::text IS NOT NULL AND NOT tgisinternal"
        f" AND tgenabled <> 'D' AND (tgtype & 16) <> 0 AND NOT starts_with(tgname, '{catalog.OUR_TRIGGERS}')"
    ),
    "unvalidated_constraint": f"SELECT 1 {catalog.UNVALIDATED}",
    "generated_column": (
        "SELECT 1 FROM pg_depend d JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid"
        " JOIN pg_attribute g ON g.attrelid = f.adrelid AND g.attnum = f.adnum AND g.attgenerated <> ''"
        " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.refobjid = to_regclass(%s) AND a.attname = %s AND a.attnum <> g.attnum"
    ),
    "row_security": (
        "SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND %s::text IS NOT NULL AND relrowsecurity"
        " AND row_security_active(oid)"
    ),
    "partitioned_table": (
        "SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND %s::text IS NOT NULL AND relkind = 'p'"
    ),
}
