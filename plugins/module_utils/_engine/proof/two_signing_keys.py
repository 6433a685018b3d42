# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try whether everything that is signed stays valid while the application is rotated online, before it begins.

With a list of two keys, Django must sign with the first and accept what the second has signed: the first is SECRET_KEY,
the second is in SECRET_KEY_FALLBACKS. Two processes of the application with throwaway keys show that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._errors.discovery import SigningNotOnline
from ..application import django_project, user_sessions
from ..crypto.key_entry import KeyEntries
from ..crypto.key_set import KeySet, split_list
from ..discovery.findings.findings import Finding
from ..discovery.findings.settlements import NOT_A_KEY, Settlements

if TYPE_CHECKING:
    from ..application.custom_functions import ApplicationProcess

SECRET, FALLBACKS = "SECRET_KEY", "SECRET_KEY_FALLBACKS"
UNSIGNED = "the application does not sign with the first"
REJECTED = "what the other one has signed is not valid: it is not in SECRET_KEY_FALLBACKS"
UNKNOWN = "nothing shows that the application accepts what each of them has signed"


@dataclass(frozen=True)
class SigningTrial:
    """The present values of the keys, and by stage the processes with ``both`` keys in the lists of the application."""

    before: Mapping[str, str]
    both: Mapping[str, KeySet]
    processes: Mapping[str, ApplicationProcess]


def find(keys: KeyEntries, settlements: Settlements, trial: SigningTrial) -> Iterator[Finding]:
    """Yield a finding for each key that signs and is not shown to work as a list of two."""
    declared = {key["name"] for key in keys if key.get("use") == "signing"}
    settled = settlements.get(SECRET)
    secret = [] if settled and settled.decision == NOT_A_KEY else _find_secret_key(trial.before)
    for name in sorted({*declared, *secret}):
        fault = _find_fault(name, trial) if name in secret else UNKNOWN
        if fault:
            yield Finding.of(name, SigningNotOnline(name=name, fault=fault))


def _find_secret_key(before: Mapping[str, str]) -> list[str]:
    """Return the keys whose value, or its first member, is SECRET_KEY."""
    own = django_project.members_of(SECRET)
    spelled = {name: [[each.encode()] for each in user_sessions.spellings(value)] for name, value in before.items()}
    return [name for name, members in spelled.items() if own in members]


def _find_fault(name: str, trial: SigningTrial) -> str:
    if not trial.processes:
        return UNKNOWN
    listed = [each.encode() for each in split_list(trial.before[name])[1:]]
    others = [each for each in django_project.members_of(FALLBACKS) if each not in listed]
    for stage, process in trial.processes.items():
        first, *rest = (each.encode() for each in split_list(trial.both[stage].values[name]))
        if process.members(SECRET) != django_project.digest([first]):
            return UNSIGNED
        if process.members(FALLBACKS) not in [django_project.digest(each) for each in _orders(rest, others)]:
            return REJECTED
    return ""


def _orders(rest: Sequence[bytes], others: Sequence[bytes]) -> list[list[bytes]]:
    return [[*rest, *others], [*others, *rest]]
