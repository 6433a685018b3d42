# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements, composed by the application's own driver: what psycopg.sql and psycopg2.sql have in common.

A statement always goes with parameters, even an empty list, so a percent sign in its text is %%. The drivers do not
double one in a name or a literal: ``text`` does.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.sql import SQL, Composable, Composed, Identifier, Literal

__all__ = ["SQL", "Composable", "Composed", "Identifier", "Literal"]


def __getattr__(name: str) -> Any:
    """One of the driver's classes, at its first use: where there is no application there is no driver."""
    if name not in __all__:
        raise AttributeError(name)
    globals()[name] = getattr(_driver(), name)
    return globals()[name]


@functools.cache
def _driver() -> Any:
    """The module of the driver that Django has chosen: an application may have both."""
    from django.db.backends.postgresql.base import Database

    return importlib.import_module(f"{Database.__name__}.sql")


def verbatim(text: str) -> Composable:
    """SQL that the server or Django wrote, which has no parameters."""
    return _driver().SQL(text.replace("%", "%%"))


def text(statement: str | Composable, connection: Any) -> str:
    """A statement as the connection's driver takes it with parameters."""
    if isinstance(statement, str):
        return statement
    if isinstance(statement, _driver().Composed):
        return "".join([text(part, connection) for part in statement])
    written = str(statement.as_string(connection))
    return written if isinstance(statement, _driver().SQL) else written.replace("%", "%%")
