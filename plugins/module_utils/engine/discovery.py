# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the targets: the columns of the application that hold tokens, each proved by a token that opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RotationError
from .database import Column, Database, RowKey, quote
from .keyring import Keyring
from .schemes import Scheme

TEXT_TYPES = ("text", "character varying")
SAMPLE = 25  # tokens tried per column and scheme; the census tries them all


@dataclass(frozen=True)
class Target:
    """One column that holds tokens of one scheme. ``model`` is how a person calls it."""

    table: str
    column: str
    scheme: str
    model: str
    key: RowKey
    limit: int | None

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


def find(
    database: Database,
    described: Any,
    schemes: Mapping[str, Scheme],
    keyring: Keyring,
    source: str,
) -> list[Target]:
    """The targets from ``key_rotation_targets``: ``auto``, or a list of {table, column, scheme}.

    ``source`` says where the keys come from, for the error. Raises E_NO_TARGETS, E_WRONG_KEY, E_TABLE, E_COLUMN_TYPE,
    E_TABLE_KEY or E_TARGET.
    """
    models = _models(database.alias)
    if described != "auto":
        if not isinstance(described, list) or not described:
            raise RotationError("E_TARGET", index=0, found="is missing")
        return [_listed(database, entry, index, schemes, models) for index, entry in enumerate(described)]
    found = []
    for table, model in models.items():
        for column in database.columns(table).values():
            if column.type in TEXT_TYPES:
                scheme = _proved(database, table, column, schemes, keyring, source)
                if scheme is not None:
                    found.append(Target(table, column.name, scheme, model, database.row_key(table), column.limit))
    if not found:
        raise RotationError("E_NO_TARGETS", tables=len(models), schemes=", ".join(schemes))
    return found


def _models(alias: str) -> dict[str, str]:
    """The tables of all models in this database, with the label of the first model that has each."""
    from django.apps import apps
    from django.db import router

    tables: dict[str, str] = {}
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and router.db_for_read(model) == alias:
            tables.setdefault(model._meta.db_table, model._meta.label)
    return tables


def _proved(
    database: Database, table: str, column: Column, schemes: Mapping[str, Scheme], keyring: Keyring, source: str
) -> str | None:
    """The scheme that opens tokens of this column; None where it holds nothing that looks like a token."""
    looked_at = 0
    for scheme in schemes.values():
        tokens = database.rows(
            f"SELECT {quote(column.name)} FROM {quote(table)} WHERE left({quote(column.name)}, %s) = %s LIMIT %s",
            (len(scheme.marker), scheme.marker, SAMPLE),
            table=table,
        )
        looked_at = max(looked_at, len(tokens))
        if any(keyring.stage_of(scheme.name, token) for (token,) in tokens):
            return scheme.name
    if looked_at:
        raise RotationError(
            "E_WRONG_KEY",
            table=table,
            column=column.name,
            tokens=looked_at,
            key_ids=", ".join(keyring.key_id(stage) for stage in keyring.stages),
            source=source,
        )
    return None


def _listed(
    database: Database, entry: Mapping[str, str], index: int, schemes: Mapping[str, Scheme], models: Mapping[str, str]
) -> Target:
    if not isinstance(entry, Mapping) or not {"table", "column"} <= set(entry) <= {"table", "column", "scheme"}:
        raise RotationError("E_TARGET", index=index, found="has other members than table, column and scheme")
    table, name = entry["table"], entry["column"]
    scheme = entry.get("scheme") or (next(iter(schemes)) if len(schemes) == 1 else "")
    if scheme not in schemes:
        raise RotationError("E_TARGET", index=index, found=f"names no scheme of: {', '.join(schemes)}")
    column = database.columns(table).get(name)
    if column is None:
        raise RotationError("E_TABLE", table=table, column=name)
    if column.type not in TEXT_TYPES:
        raise RotationError("E_COLUMN_TYPE", table=table, column=name, type=column.type)
    return Target(table, name, scheme, models.get(table, table), database.row_key(table), column.limit)
