# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of discovery for one task, kept for the tasks that follow it in the same process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..crypto.keyring import Keyring
    from ..crypto.schemes import Scheme
    from ..postgres.connection import Database
    from .target_survey import Survey


class KnownSurveys:
    """The last surveys, valid as long as the databases have the same tables and columns, and nothing was written.

    The rows are not read again. Code that writes must call ``forget``.
    """

    def __init__(self) -> None:
        self._last: _LastSurveys | None = None

    def keep(self, question: object, surveys: Sequence[Survey], keyring: Keyring) -> None:
        """Keep these surveys as they are now."""
        self._last = _LastSurveys(question, [survey.copied() for survey in surveys], keyring.tried)

    def forget(self) -> None:
        """Drop the surveys, so that the next ones are taken again."""
        self._last = None

    def answer(self, question: object, databases: Sequence[Database], keyring: Keyring) -> list[Survey] | None:
        """Return the surveys for other connections to the same databases. None if they have to be taken again.

        The keyring gets the schemes that they have found.
        """
        if self._last is None or question != self._last.question:
            return None
        known = [*zip(databases, self._last.surveys)]
        if not all(survey.has_tables_of(database) for database, survey in known):
            return None
        for scheme in self._last.schemes:
            if scheme not in keyring.tried:
                keyring.add(scheme)
        return [survey.copied(database, keyring) for database, survey in known]


@dataclass(frozen=True)
class _LastSurveys:
    question: object
    surveys: Sequence[Survey]
    schemes: Sequence[Scheme]  # that were tried, those that these have found included
