# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the application and find its targets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._errors.database import DatabaseIsReplica
from .._errors.options import InvalidLeaveAlone, InvalidOption
from .._system.progress_file import ProgressFile
from .application import custom_functions, django_project, key_uses, own_command
from .crypto import schemes
from .crypto.key_set import KeySet
from .crypto.key_transitions import transitions
from .crypto.keyring import ApplicationSettings, Keyring
from .discovery import target_survey
from .discovery.findings import settlements
from .discovery.findings.settlements import Settlements
from .postgres import lease, server_info
from .postgres.connection import Database
from .proof import external_acts
from .request import TRIAL, Request
from .rotation import Application, Described

if TYPE_CHECKING:
    from .discovery.known_surveys import KnownSurveys

SEVERAL = "is command, whose work is one transaction, and the application has several databases"


@contextlib.contextmanager
def open_application(request: Request, known: KnownSurveys | None = None) -> Iterator[Application]:
    """Start the application and find its targets, unless they are ``known`` from a task before. Raise what project,
    schemes, discovery and Database raise."""
    _refuse_invalid_rows(request.leave_alone)
    settled = settlements.parse(request.settlements)
    settlements.refuse_without_command(settled, request.command is not None)
    described = schemes.tried(request.schemes, request.names)
    stages = {stage: KeySet(values, request.key_ids.get(stage, "")) for stage, values in request.key_sets.items()}
    with contextlib.ExitStack() as stack:
        trial = {TRIAL: KeySet(request.trial)} if request.trial else {}
        singles = _single_changes(request, described)
        both = transitions(request.key_sets.get(request.base, {}), request.trial) if request.online else {}
        key_sets = {**stages, **trial, **singles, **both}
        processes = stack.enter_context(custom_functions.processes(request.place, key_sets, request.file_keys))
        waiting = _waiting_command(request, stack)
        trace = key_uses.Trace(request.names, request.project_dir) if request.traced else None
        place = request.project_dir, request.settings_module
        started = django_project.start(*place, trace, request.service_environment)
        if request.command:
            request.command.refuse_unfit(request.keys)
        external_acts.allow(request.acting)
        databases = _connected(request, stack)
        of_stages = {stage: pair for stage, pair in processes.items() if stage in stages}
        row_ciphers = custom_functions.row_cipher_factory(of_stages)
        keyring = Keyring(described, stages, _settings(request), request.base, row_ciphers)
        fit = _locked(request, databases)
        yield Application(
            databases=[*zip(fit, _surveyed(request, fit, keyring, settled, known))],
            keyring=keyring,
            leave_alone=request.leave_alone,
            keys_from=request.keys_from,
            started=started,
            processes=processes,
            progress=stack.enter_context(ProgressFile(request.progress)),
            settlements=settled,
            keys=request.keys,
            project_dir=request.project_dir,
            read_at_start=trace.uses if trace else {},
            env=request.env,
            command=request.command,
            command_process=waiting,
            trial=trial.get(TRIAL),
            online=request.online,
            described=Described(request.schemes, request.targets),
            env_file=request.env_file,
            key_places=request.place.key_places,
        )


def _surveyed(
    request: Request,
    databases: Sequence[Database],
    keyring: Keyring,
    settled: Settlements,
    known: KnownSurveys | None,
) -> list[target_survey.Survey]:
    """A survey of each database, which is known to whoever follows."""
    question = (request.question, [database.alias for database in databases])
    if known and (surveys := known.answer(question, databases, keyring)):
        return surveys
    surveys = [
        target_survey.find(database, request.targets, request.ignore, keyring, settled) for database in databases
    ]
    if known:
        known.keep(question, surveys, keyring)
    return surveys


def _single_changes(request: Request, described: Mapping[str, schemes.Scheme]) -> dict[str, KeySet]:
    """Key sets in which one key alone is another, for functions of the application, if new values are tried. Not of
    what the application reads by a command of its own, which does not change for a try."""

    if not any(scheme.functions for scheme in described.values()):
        return {}
    from .proof import function_keys

    unseen = {entry["name"] for entry in request.keys if "read" in (entry.get("destination") or ())}
    key_sets = function_keys.key_sets(request.key_sets.get(request.base, {}), request.trial)
    return {f"{function_keys.SINGLE}{name}": KeySet(keys) for name, keys in key_sets.items() if name not in unseen}


def _waiting_command(request: Request, stack: contextlib.ExitStack) -> own_command.CommandProcess | None:
    if not (request.command and request.runs_command):
        return None
    process = own_command.CommandProcess(request.place, request.command, request.direct)
    return stack.enter_context(contextlib.closing(process))


def _refuse_invalid_rows(leave_alone: Sequence[str]) -> None:
    for index, entry in enumerate(leave_alone):
        if entry.count(":") < 1 or "." not in entry.rsplit(":", 1)[0]:
            raise InvalidLeaveAlone(index=index)


def _connected(request: Request, stack: contextlib.ExitStack) -> list[Database]:
    """Connect to each database of the request until the ``stack`` closes.

    Raise E_OPTION if there are too many for the application's own command.
    """
    aliases = request.aliases or django_project.aliases()
    databases = (Database(alias, request.label, request.direct.get(alias, {})) for alias in aliases)
    connected = [stack.enter_context(contextlib.closing(database)) for database in databases]
    if request.command and len(connected) > 1:
        raise InvalidOption(option="method", fault=SEVERAL, advice="Set it to direct.")
    return connected


def _settings(request: Request) -> ApplicationSettings:
    """The settings of the application that was started."""

    def setting(name: str) -> Any:
        value = django_project.setting(name)
        # A setting that is the file's name stands for the list of keys in it.
        return [value] if name in request.key_files and str(value or "") in ("", request.key_files[name]) else value

    return ApplicationSettings(setting, django_project.feeds(request.running), django_project.texts())


def _locked(request: Request, connected: Sequence[Database]) -> list[Database]:
    """Return the databases that are not replicas, locked for the run of the request.

    Raise E_DB_REPLICA, E_LOCKED or E_LEASED.
    """
    databases = [database for database in connected if not server_info.is_replica(database)]
    if not databases:
        raise DatabaseIsReplica()
    for database in databases if request.run else ():
        lease.lock_for_run(database, request.run, request.step, leased=request.leased)
    return databases
