# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements, composed by the application's own driver: what psycopg.sql and psycopg2.sql have in common.

If a statement has parameters, the driver takes a percent sign for that of a parameter. So its text has %% for a percent
sign. ``text`` doubles those in names, literals and ``verbatim`` parts.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.sql import SQL, Composable, Composed, Identifier, Literal

__all__ = ["SQL", "Composable", "Composed", "Identifier", "Literal"]


def __getattr__(name: str) -> Any:
    """Import one of the driver's classes at its first use: without an application there is no driver."""
    if name not in __all__:
        raise AttributeError(name)
    globals()[name] = getattr(_driver(), name)
    return globals()[name]


@functools.cache
def _driver() -> Any:
    """Return the sql module of the driver that Django uses: an application may have both drivers."""
    from django.db.backends.postgresql.base import Database

    return importlib.import_module(f"{Database.__name__}.sql")


@functools.cache
def _verbatim() -> Any:
    return type("Verbatim", (_driver().SQL,), {})


def verbatim(text: str) -> Composable:
    """Return SQL that the server or Django wrote, which has no parameters."""
    return _verbatim()(text)


def identifiers(names: Iterable[str], of: str = "") -> Composable:
    """Return the names, separated by commas; with ``of``, the columns of that table or list."""
    driver = _driver()
    return driver.SQL(", ").join([driver.Identifier(of, name) if of else driver.Identifier(name) for name in names])


def unnest(types: Iterable[str]) -> Composable:
    """Return a call of unnest(): each parameter is an array with elements of one of these types."""
    driver = _driver()
    return driver.SQL("unnest({})").format(
        driver.SQL(", ").join([driver.SQL("%s::{}[]").format(verbatim(element_type)) for element_type in types])
    )


def text(statement: str | Composable, connection: Any, *, parameters: bool = True) -> str:
    """Return a statement as the connection's driver takes it, with ``parameters`` or without."""
    if isinstance(statement, str):
        return statement
    if not parameters:
        return str(statement.as_string(connection))
    if isinstance(statement, _driver().Composed):
        return "".join([text(part, connection) for part in statement])
    written = str(statement.as_string(connection))
    return written if type(statement) is _driver().SQL else written.replace("%", "%%")
