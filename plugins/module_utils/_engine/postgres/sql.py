# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements, composed by the application's own driver: what psycopg.sql and psycopg2.sql have in common.

A driver takes a percent sign for that of a parameter, if there are any: then it is %% in the text of a statement. In a
name, a literal and what is ``verbatim``, ``text`` doubles it.
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


@functools.cache
def _verbatim() -> Any:
    return type("Verbatim", (_driver().SQL,), {})


def verbatim(text: str) -> Composable:
    """SQL that the server or Django wrote, which has no parameters."""
    return _verbatim()(text)


def text(statement: str | Composable, connection: Any, *, parameters: bool = True) -> str:
    """A statement as the connection's driver takes it, with ``parameters`` or without."""
    if isinstance(statement, str):
        return statement
    if not parameters:
        return str(statement.as_string(connection))
    if isinstance(statement, _driver().Composed):
        return "".join([text(part, connection) for part in statement])
    written = str(statement.as_string(connection))
    return written if type(statement) is _driver().SQL else written.replace("%", "%%")
