# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases that a backup replaced, and the former ones that are kept aside until they are dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...module_utils._backup.database_swap import aside_of
from ...module_utils._record.events import CensusEvent, Event, RestoreEvent


@dataclass(frozen=True)
class Aside:
    """A former database that is kept ``since`` a backup of the rotation ``backup`` replaced it.

    It is ``untold`` if its run was killed right after that, so that only a census shows it.
    """

    name: str
    alias: str
    backup: str
    since: str = ""
    untold: bool = False

    def is_dropped_by(self, restores: Restores) -> bool:
        """Return whether it was dropped since then, or was no longer found.

        An earlier restore may have used the same name.
        """
        sought = restores.sought
        return any(self.name == name and self.alias == alias and time >= self.since for name, alias, time in sought)


@dataclass
class Restores:
    """The databases that restores keep aside.

    ``kept`` are those of completed restores, ``begun`` those of unfinished ones. Both are by alias, since two servers
    may have databases of the same name. ``sought`` are the names that drops looked for.
    """

    rotation_id: str
    kept: dict[tuple[str, str], Aside] = field(default_factory=dict)
    begun: dict[str, Aside] = field(default_factory=dict)
    databases: dict[str, str] = field(default_factory=dict)  # their names by alias
    sought: list[tuple[str, str, str]] = field(default_factory=list)
    backups: set[str] = field(default_factory=set)  # the rotations whose backups were used
    seen: Mapping[str, object] = field(default_factory=dict)  # the databases kept aside that the last census saw

    def apply(self, event: Event) -> None:
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # written by another version
            if isinstance(event, RestoreEvent):
                self._restore(event)
            elif isinstance(event, CensusEvent):
                self._census(event)

    def _restore(self, event: RestoreEvent) -> None:
        backup = str(event.backup.get("rotation_id", ""))
        self.backups |= {backup} - {""}
        if event.state == "present":
            self._begin(event)
        for name in (*event.dropped, *event.sought):  # none of them exists now
            self.kept.pop((name, event.alias), None)
        self.sought += [(name, event.alias, event.time) for name in event.sought]
        done = event.restored
        if "alias" in done and "database" in done:
            self.databases[done["alias"]] = done["database"]
        aside, alias = done.get("aside"), done.get("alias", "default")
        if event.is_done and aside and backup:
            self.kept[aside, alias] = Aside(aside, alias, backup, event.time)

    def _begin(self, event: RestoreEvent) -> None:
        """Note a restore that begins: the name under which it keeps the database is known in advance."""
        self.begun.pop(event.alias, None)
        if event.is_intent and event.alias in self.databases:
            backup = event.asked.get("backup_of", self.rotation_id)
            name = aside_of(self.databases[event.alias], backup)
            if (name, event.alias) not in self.kept:
                self.begun[event.alias] = Aside(name, event.alias, backup, untold=True)

    def _census(self, event: CensusEvent) -> None:
        self.seen = event.kept_aside
        for alias, aside in self.begun.items():
            if not aside.since and aside.name in event.kept_aside:
                self.begun[alias] = Aside(aside.name, alias, aside.backup, event.time, untold=True)

    @property
    def untold(self) -> list[Aside]:
        """The databases that are kept aside and that no restore has reported."""
        return [aside for aside in self.begun.values() if aside.since]

    def aside(self, others: Iterable[Restores] = ()) -> list[Aside]:
        """Return the databases that are not dropped, by this record and by ``others``: the records of the rotations
        that created the backups."""
        records = [self, *others]
        return [
            aside
            for aside in (*self.kept.values(), *self.untold)
            if not any(aside.is_dropped_by(record) for record in records if record.rotation_id == aside.backup)
        ]
