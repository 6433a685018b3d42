# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creates the new version of a rotation once. Later calls find the same version."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ansible.parsing.dataloader import DataLoader

from ...module_utils._destinations import key_files, key_generation
from ...module_utils._engine.crypto.key_set import KeySet
from ...module_utils._errors.options import InvalidOption
from ...module_utils._errors.run import RotationIdUsed, RotationOpen
from ...module_utils._record.approval import Approval
from ...module_utils._record.events import Event, RunEvent
from ...module_utils._record.writer import Record
from ...module_utils._stores.history import ROLLED_BACK, History
from ...module_utils._stores.store_interface import Store
from .._control_node.paths import expand
from .ansible_vault import read_vaulted
from .key_versions import UNMADE, Move, VersionRequest, move

SAME_AGAIN = "Use the same options as before, or choose another key_rotation_id."


def supplied_values(request: VersionRequest, loader: DataLoader) -> dict[str, str]:
    """Read the values from the operator's file, if there is one. Raise E_KEY_FILE or E_KEY_WEAK if they are unfit."""
    path = request.values_file
    if not path:
        return {}
    names = [key["name"] for key in request.keys]
    supplied = {name: key_files.bare(value) for name, value in read_vaulted(expand(path), names, loader).items()}
    key_generation.check_supplied(request.keys, supplied, path, request.dialect)
    return supplied


@dataclass(frozen=True)
class NewVersion:
    """A requested version. ``supplied`` are the operator's own values, ``record`` has the approvals that were used.

    ``in_use`` are the keys of a host, which a real run would have adopted into an empty store by now.
    """

    request: VersionRequest
    supplied: Mapping[str, str] = field(repr=False)
    record: Record
    in_use: KeySet | None

    def create(self, store: Store) -> Move:
        return move(store, lambda history: self._step(history, store), dry=self.request.dry)

    def _step(self, history: History, store: Store) -> str:
        rotation_id = self.request.rotation_id
        if version := history.made_by(rotation_id):
            if version.outcome == ROLLED_BACK:
                raise RotationIdUsed(rotation_id=rotation_id)
            if not version.destroyed:
                self._refuse_another_request(version.values, history.values_in_use)
            return version.key_id
        if history.open_rotation:
            raise RotationOpen(open_id=history.open_rotation, requested=rotation_id)
        left = store.read_values(rotation_id)  # what an interrupted run of this rotation stored
        if left is not None:
            self._refuse_another_request(left, history.values_in_use)
        return self._rehearse(history, left) if self.request.dry else self._add(history, left)

    def _add(self, history: History, left: Mapping[str, str] | None) -> str:
        keys, rotation_id = self.request.keys, self.request.rotation_id
        values = left or key_generation.generate(
            keys, history.values_in_use, self.supplied, self.request.dialect, compromised=self.request.compromised
        )
        for approval in _find_approvals(self.record.decoded()):
            history.use_approval(approval, rotation_id)
        return history.add_pending(KeySet(values), rotation_id, keys).key_id

    def _rehearse(self, history: History, left: Mapping[str, str] | None) -> str:
        """Raise what ``_add`` would raise, without creating a key."""
        if not history.versions and self.in_use:
            history.adopt(self.in_use, self.request.keys)
        values = left or key_generation.rehearsed(
            self.request.keys, history.values_in_use, self.supplied, self.request.dialect
        )
        history.refuse_reused(KeySet(values))
        return UNMADE

    def _refuse_another_request(self, values: Mapping[str, str], current: Mapping[str, str]) -> None:
        """Raise E_OPTION if the request has other keys or other supplied values than the rotation's version."""
        keys, rotation_id = self.request.keys, self.request.rotation_id
        if set(values) != {key["name"] for key in keys}:
            problem = f"lists other keys than those that rotation {rotation_id} created"
            raise InvalidOption(option="keys", fault=problem, advice=SAME_AGAIN)
        newest = {name: value.split(",")[0] for name, value in values.items()}
        for key in keys:
            name = key["name"]
            if name not in self.supplied and not key_generation.fits(key, newest[name], current.get(name, "")):
                problem = f"asks for another {name} than the one that rotation {rotation_id} created: its type differs"
                raise InvalidOption(option="keys", fault=problem, advice=SAME_AGAIN)
        if any(newest[name] != value for name, value in self.supplied.items()):
            problem = f"has other values than the version of rotation {rotation_id}"
            raise InvalidOption(option="values_file", fault=problem, advice=SAME_AGAIN)


def _find_approvals(events: Iterable[Event]) -> Iterator[Approval]:
    """Yield the approvals with which the runs of a rotation began."""
    for event in events:
        if isinstance(event, RunEvent) and isinstance(event.approval, Mapping):
            with contextlib.suppress(KeyError):  # an incomplete approval approves nothing
                yield Approval.recorded(event.approval)
