# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try whether the application can be rotated while it serves, before anything is changed.

On the way it has lists of two keys: the old one first, then the new one first. With either list it must read what each
of the keys has encrypted, and encrypt with the first. Two processes of the application with throwaway keys show that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..._errors.discovery import NotOnline
from ..crypto.key_transitions import PRIMARY, READABLE
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding, Findings
from . import trial_reading
from .model_readers import by_model, is_ignored
from .trial_reading import TrialProcess
from .trial_row import WriteQuestion

if TYPE_CHECKING:
    from ..application.custom_functions import ApplicationProcess

UNREAD = "nothing shows that the application reads it"
SECOND = "the application encrypts it with the second key"
UNWRITTEN = "nothing shows that the application encrypts it with the first key"


@dataclass(frozen=True)
class Trial:
    """The application under the old keys alone, under throwaway keys alone, and its processes with both."""

    keyring: Keyring
    thrown_away: Keyring
    processes: Mapping[str, ApplicationProcess]

    @cached_property
    def old(self) -> Keyring:
        known = self.keyring
        schemes = {name: scheme for name, scheme in known.schemes.items() if name in self.thrown_away.schemes}
        return Keyring(schemes, {known.base: known.stages[known.base]}, known.application, known.base)


def find(targets: Sequence[Target], trial: Trial, ignore: Collection[str]) -> list[Finding]:
    """Return a finding for each target that the application is not shown to read and write with both lists.

    A column without a value counts as the others of its scheme.
    """
    reading, order = _Reading(targets, trial, ignore), _Order(targets, trial, ignore)
    findings = Findings()
    for target in targets:
        if fault := reading.fault(target) or order.fault(target):
            keys = ", ".join(sorted(trial.keyring.keys_of([target.scheme])))
            findings.put(target.name, NotOnline(column=target.name, keys=keys, fault=fault))
    return findings.with_text(stops=True)


class _Reading:
    """What each process reads, of what is encrypted with each of the keys."""

    def __init__(self, targets: Sequence[Target], trial: Trial, ignore: Collection[str]) -> None:
        self._read: list[set[str]] = []  # schemes
        self._unread: set[str] = set()  # columns
        for process in trial.processes.values():
            for sealed in (trial.old, trial.thrown_away):
                compared = trial_reading.compare(targets, trial.keyring, TrialProcess(sealed, process.read), ignore)
                well = {target.name for reader in compared.same for target in reader.targets}
                wrong = (*compared.other, *compared.raising)
                self._unread |= {target.name for reader in wrong for target in reader.targets} - well
                self._read.append({target.scheme for reader in compared.same for target in reader.targets})

    def fault(self, target: Target) -> str:
        is_read = bool(self._read) and all(target.scheme in schemes for schemes in self._read)
        return "" if is_read and target.name not in self._unread else UNREAD


class _Order:
    """With which key of its list the application encrypts, by the attributes to which a text can be given."""

    def __init__(self, targets: Sequence[Target], trial: Trial, ignore: Collection[str]) -> None:
        self._right: set[str] = set()  # schemes
        self._wrong: set[str] = set()  # columns
        for stage, first, second in (
            (READABLE, trial.old, trial.thrown_away),
            (PRIMARY, trial.thrown_away, trial.old),
        ):
            process = trial.processes.get(stage)
            for target, stored in _written(targets, trial, ignore, process.write) if process else ():
                if target.scheme not in first.schemes:
                    continue
                if first.stage_of(target.scheme, stored):
                    self._right.add(target.scheme)
                elif second.stage_of(target.scheme, stored):
                    self._wrong.add(target.name)

    def fault(self, target: Target) -> str:
        if target.name in self._wrong:
            return SECOND
        return "" if target.scheme in self._right else UNWRITTEN


def _written(
    targets: Sequence[Target],
    trial: Trial,
    ignore: Collection[str],
    write: Callable[[Sequence[WriteQuestion]], Sequence[Sequence[object] | None]],
) -> Iterator[tuple[Target, bytes]]:
    """Yield the columns that hold a token after a text was given to an attribute, each with that token."""
    for readers in by_model(targets, trial.keyring, b""):
        known = [reader for reader in readers if reader.targets and not is_ignored(reader.full_name, ignore)]
        asked = [
            WriteQuestion(each.model._meta.label, each.alias, each.name, each.columns, each.schema) for each in known
        ]
        for reader, stored in zip(known, write(asked) if asked else ()):
            for target, value in zip(reader.targets, stored or ()):
                if isinstance(value, (str, bytes)):
                    yield target, as_bytes(value)
