# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of the engine: the project, the key sets, the databases, and the operator's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .application.key_worker import ApplicationLocation
from .application.own_command import OwnCommand
from .application.process_environment import ProcessEnvironment
from .crypto.key_entry import KeyEntries
from .postgres.connection import Direct

if TYPE_CHECKING:
    from .crypto.scheme_description import SchemesOption, TargetsOption

TRIAL = "trial"  # used as a stage: the application under throwaway values


@dataclass(frozen=True)
class Request:
    """A request to open an application: its location, the available key sets, and what the operator described."""

    project_dir: str
    settings_module: str | None
    key_sets: Mapping[str, Mapping[str, str]] = field(repr=False)  # stage: {name: value}
    key_ids: Mapping[str, str] = field(default_factory=dict)  # stage: key ID, if the key set is from a key store
    schemes: SchemesOption = "auto"
    targets: TargetsOption = "auto"
    leave_alone: Sequence[str] = ()
    settlements: object = field(default_factory=dict)  # by table.column or table.column:key
    ignore: Sequence[str] = ()
    acting: Sequence[str] = ()  # attributes of models, as app.Model.name, that may act outside of the database
    label: str = ""
    run: str = ""  # the run whose lock is shared first; empty for a run that writes nothing
    step: str = ""  # the step of that run; it waits for sessions of an earlier step
    leased: bool = True  # whether to refuse a lease of another run
    keys_from: str = "the key store"
    base: str = "current"  # the stage of all values when the open rotation began
    env_file: str | None = None
    dialect: str = "dotenv"
    direct: Mapping[str, Direct] = field(default_factory=dict)  # by alias
    aliases: Sequence[str] = ()  # the databases to open; all if empty
    key_files: Mapping[str, str] = field(default_factory=dict)  # by key: the other file in which it is read
    keys: KeyEntries = ()  # as the operator lists them
    file_keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # present values in the .env and key files
    env: Callable[[], Mapping[str, str]] = dict  # returns all variables of the .env file
    traced: bool = False  # whether to record which code reads the keys at start
    progress: str | None = None  # the progress file
    service_environment: Callable[[], ProcessEnvironment] = ProcessEnvironment  # returns what the service sets
    trial: Mapping[str, str] = field(default_factory=dict, repr=False)  # throwaway values, never used for stored data
    online: bool = False  # whether lists of the present keys and throwaway ones are tried
    command: OwnCommand | None = None  # the application's own command that rotates its keys
    runs_command: bool = False

    @property
    def names(self) -> set[str]:
        """Return the names of the settings in all key sets."""
        return set().union(*self.key_sets.values())

    @property
    def running(self) -> list[Mapping[str, str]]:
        """Return the key sets that the application may have started with, the least reliable first.

        The keys in its files come first, and then every version.
        """
        of_files = {name: value for name, value in self.file_keys.items() if name in self.names}
        return [of_files, *self.key_sets.values()]

    @property
    def question(self) -> Request:
        """Return the request without what makes no difference to a survey. Two equal questions have the same survey.

        The ``run`` makes a difference: databases that are locked for a run are surveyed under its lock.
        """
        return replace(
            self,
            key_ids={stage: key_id for stage, key_id in self.key_ids.items() if stage in self.key_sets},
            base=self.base if self.base in self.key_sets else next(iter(self.key_sets), ""),  # to be tried first
            label="",
            step="",
            leased=True,
            env=dict,
            traced=False,
            progress=None,
            service_environment=ProcessEnvironment,
            trial={},
            online=False,
            runs_command=False,
        )

    @property
    def place(self) -> ApplicationLocation:
        """Return the location of the application, for its own processes."""
        return ApplicationLocation(
            project_dir=self.project_dir,
            settings_module=self.settings_module,
            env_file=self.env_file,
            dialect=self.dialect,
            keys=self.keys,
            service_environment=self.service_environment,
        )
