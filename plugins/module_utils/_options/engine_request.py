# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the engine's request from the options of a module."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._destinations import env_file_editor, key_destinations, key_generation
from .._destinations.env_file_dialects import DIALECTS
from .._engine.application.django_project import ApplicationStart
from .._engine.application.own_command import OwnCommand
from .._engine.crypto.key_set import KeySet
from .._engine.request import Request
from .._errors.base import RotationError
from .._errors.keys import KeyNotGenerated
from .._errors.run import StateInContainer
from .._system import container_layer
from .._system.state_folder import STATE_FOLDER
from .application_start import read_environment

if TYPE_CHECKING:
    from .option_spec import Options


@dataclass(frozen=True)
class Purpose:
    """The purpose for which an application is opened.

    ``label`` names its sessions, ``runs_command`` is whether its own command will run. ``run`` is the run whose lock to
    share, ``step`` its current step, ``leased`` whether to refuse another run's lease. ``aliases`` are the databases to
    open; if it is empty, all are opened. ``every_key`` is whether the .env file must set all keys, which a first look
    at an application does not require. ``traced`` is whether to note who reads the keys during the start. ``tried`` is
    whether to test it under new values, which are thrown away.
    """

    label: str
    run: str = ""
    step: str = ""
    leased: bool = True
    aliases: Sequence[str] = ()
    every_key: bool = True
    traced: bool = False
    tried: bool = False
    runs_command: bool = False


def request_of(params: Options, purpose: Purpose) -> Request:
    """Return the request. Without versions from the store, the keys are those of the .env file, as ``current``.

    Raise E_STATE_IN_CONTAINER, and the errors of reading the keys.
    """
    _refuse_lost_state()
    at_hand = _keys_at_hand(params, every=purpose.every_key)
    return Request(
        project_dir=params["project_dir"],
        settings_module=params["settings_module"],
        key_sets=at_hand.key_sets,
        key_ids=params["key_set_ids"],
        schemes=params["schemes"],
        targets=params["targets"],
        leave_alone=params["leave_alone"],
        settlements=params["settlements"],
        ignore=params["ignore"],
        acting=params["application_external"],
        label=purpose.label,
        run=purpose.run,
        step=purpose.step,
        leased=purpose.leased,
        keys_from=at_hand.keys_from,
        base=params["base"],
        env_file=params["env_file"],
        dialect=params["dialect"],
        direct=params["direct"],
        aliases=purpose.aliases,
        key_files=key_destinations.files(params["keys"]),
        keys=params["keys"],
        file_keys=at_hand.in_files,
        env=functools.cache(functools.partial(_everything, params["env_file"], params["dialect"])),
        traced=purpose.traced,
        progress=params["progress"],
        service_environment=read_environment(params),
        trial=_trial(params, at_hand.key_sets) if purpose.tried else {},
        online=params.get("mode") == "online",
        command=OwnCommand.of(params.get("command")),
        runs_command=purpose.runs_command,
    )


@dataclass(frozen=True)
class KeysAtHand:
    """The key sets by stage and their source, and the content of the .env file and key files."""

    key_sets: Mapping[str, Mapping[str, str]] = field(repr=False)
    keys_from: str
    in_files: Mapping[str, str] = field(repr=False)


def _keys_at_hand(params: Options, *, every: bool) -> KeysAtHand:
    env_file, keys, dialect = params["env_file"], params["keys"], params["dialect"]
    if not params["key_sets"]:
        values = key_destinations.read(env_file, keys, every=every, dialect=dialect)
        return KeysAtHand({"current": values}, key_destinations.described(env_file, keys), values)
    values = {}
    with contextlib.suppress(RotationError):  # a copy of the application elsewhere may have no such file
        values = key_destinations.read(env_file, keys, every=False, dialect=dialect)
    return KeysAtHand(params["key_sets"], "the key store", values)


def _refuse_lost_state() -> None:
    path = os.path.expanduser(STATE_FOLDER)
    if container_layer.is_lost(path):
        raise StateInContainer(path=path)


def _trial(params: Options, key_sets: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return new values such as a rotation would generate. Empty if some come from elsewhere."""
    with contextlib.suppress(KeyNotGenerated):
        return key_generation.generate(params["keys"], key_sets.get("current", {}), dialect=params["dialect"])
    return {}


def _everything(path: str | None, dialect: str) -> Mapping[str, str]:
    """Return every name that the .env file sets, with its value. Empty if the file cannot be read."""
    with contextlib.suppress(RotationError):
        return env_file_editor.everything(path, dialect) if path else {}
    return {}


def refuse_other_source(params: Options, started: ApplicationStart) -> KeySet:
    """Return the keys of the .env file. Raise E_ENV_* unless the application, as it started, has them from there."""
    keys = KeySet(key_destinations.read(params["env_file"], params["keys"], dialect=params["dialect"]))
    files = key_destinations.files(params["keys"])
    started.refuse_exported(key_destinations.overriding(params["keys"]))
    started.refuse_other_keys(files, keys.values)
    started.refuse_unread(key_destinations.config_files(params["keys"]), keys.values)
    started.refuse_unread_credentials(key_destinations.credentials(params["keys"]), keys.values)
    names = key_destinations.names_of_env_file(params["keys"])
    if names and DIALECTS[params["dialect"]].read_by_application:
        started.refuse_other_source(params["env_file"], {name: keys.values[name] for name in names})
    return keys
