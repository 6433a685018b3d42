# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an application, by whoever opens it."""

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

TRIAL = "trial"  # in place of a stage: the application under new values that are thrown away


@dataclass(frozen=True)
class Request:
    """What is asked of an application: where it is, which key sets are at hand, what the operator described."""

    project_dir: str
    settings_module: str | None
    key_sets: Mapping[str, Mapping[str, str]] = field(repr=False)  # stage: {name: value}
    key_ids: Mapping[str, str] = field(default_factory=dict)  # stage: key ID, of those from a store
    schemes: SchemesOption = "auto"
    targets: TargetsOption = "auto"
    leave_alone: Sequence[str] = ()
    settlements: object = field(default_factory=dict)  # by table.column or table.column:key
    ignore: Sequence[str] = ()
    acting: Sequence[str] = ()  # attributes of models, as app.Model.name, that may act outside of the database
    label: str = ""
    run: str = ""  # the run whose lock to share before anything is looked at; none for one that writes nothing
    step: str = ""  # of that run: what an earlier one left behind is waited for
    leased: bool = True  # whether the lease must not be another run's
    keys_from: str = "the key store"
    base: str = "current"  # the stage everything was under when the open rotation began
    env_file: str | None = None
    dialect: str = "dotenv"
    direct: Mapping[str, Direct] = field(default_factory=dict)  # by alias
    aliases: Sequence[str] = ()  # the databases to open; all that there are without it
    key_files: Mapping[str, str] = field(default_factory=dict)  # keys that are read in another file: their paths
    keys: KeyEntries = ()  # as the operator lists them
    file_keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # what the .env file and key files hold now
    env: Callable[[], Mapping[str, str]] = dict  # reads every name that the .env file sets
    traced: bool = False  # whether to note who reads the keys while the application starts
    progress: str | None = None  # the file for the one who watches
    service_environment: Callable[[], ProcessEnvironment] = ProcessEnvironment  # reads what the service gives to it
    trial: Mapping[str, str] = field(default_factory=dict, repr=False)  # new values that nothing will be under
    command: OwnCommand | None = None  # of the application's own, which rotates its keys
    runs_command: bool = False

    @property
    def names(self) -> set[str]:
        """The settings of all key sets."""
        return set().union(*self.key_sets.values())

    @property
    def running(self) -> list[Mapping[str, str]]:
        """Key sets the application may have started with, the least reliable first: those of its files, then every
        version."""
        of_files = {name: value for name, value in self.file_keys.items() if name in self.names}
        return [of_files, *self.key_sets.values()]

    @property
    def question(self) -> Request:
        """The request without what makes no difference to a survey: two that are equal have the same one. The ``run``
        counts: what has the lock of a run is looked at under it."""
        return replace(
            self,
            key_ids={stage: key_id for stage, key_id in self.key_ids.items() if stage in self.key_sets},
            base=self.base if self.base in self.key_sets else next(iter(self.key_sets), ""),  # which is tried first
            label="",
            step="",
            leased=True,
            env=dict,
            traced=False,
            progress=None,
            service_environment=ProcessEnvironment,
            trial={},
            runs_command=False,
        )

    @property
    def place(self) -> ApplicationLocation:
        """For processes of the application's own."""
        return ApplicationLocation(
            project_dir=self.project_dir,
            settings_module=self.settings_module,
            env_file=self.env_file,
            dialect=self.dialect,
            keys=self.keys,
            service_environment=self.service_environment,
        )
