# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the application's code uses its keys, listed by the setting that gets each key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..crypto.keyring import Keyring
from . import key_flow, key_uses, keyed_hashes, model_fields, signing_calls


@dataclass(frozen=True)
class CodeUses:
    """The uses of the keys of a keyring. The source of the project and its applications is read once for each set of
    names, and nothing of it before the first question."""

    project_dir: str
    keyring: Keyring
    read_at_start: Mapping[str, Collection[key_uses.Use]] = field(default_factory=dict)
    tables: Collection[str] = ()  # of the targets, as models may name them
    _scans: dict[Collection[str], key_uses.Scan] = field(default_factory=dict)

    def by_key(self) -> dict[str, list[key_uses.Use]]:
        """Return the code that uses each key, by the name of the key."""
        scanned, of_django = self.of_keys(), {"SECRET_KEY": key_uses.of_django()}
        known = (scanned, self.read_at_start, of_django)
        return {
            key: sorted({use for uses in known for name in settings for use in uses.get(name, ())})
            for key, settings in self._spellings().items()
        }

    def of_keys(self) -> Mapping[str, list[key_uses.Use]]:
        """Return the code that reads the keys or the settings that they feed, or that calls what hashes with
        SECRET_KEY."""
        return self.of_names({key_uses.SALTED_HMAC}.union(*self._spellings().values()))

    def hashing(self) -> dict[str, list[key_uses.Use]]:
        """Return the places in which the application hashes data with each key, by the name of the key."""
        return self._hashing

    @cached_property
    def _hashing(self) -> dict[str, list[key_uses.Use]]:
        found = {name: {*keyed_hashes.find(flow)} for name, flow in self._flows.items()}
        found.setdefault("SECRET_KEY", set()).update(found.get(key_uses.SALTED_HMAC, ()))
        return self._grouped(found)

    def signing(self) -> dict[str, list[key_uses.Use]]:
        """Return the places in which the application signs with each key, by the name of the key."""
        return self._signing

    @cached_property
    def _signing(self) -> dict[str, list[key_uses.Use]]:
        found = self._grouped({name: {*signing_calls.find(flow)} for name, flow in self._flows.items()})
        return {key: places for key, places in found.items() if places}

    @cached_property
    def _files(self) -> key_flow.SourceFiles:
        """The application's own source, which is read once."""
        packages = model_fields.packages_of(self.tables)
        return key_flow.SourceFiles(self.project_dir, key_uses.installed_folders(), packages)

    @cached_property
    def _flows(self) -> dict[str, key_flow.KeyFlow]:
        """Where each name that code reads comes to."""
        return {name: key_flow.KeyFlow(self._files, name) for name in sorted(self.of_keys())}

    def _grouped(self, found: Mapping[str, Collection[key_uses.Use]]) -> dict[str, list[key_uses.Use]]:
        """Return what was found under any spelling of each key, by the name of the key."""
        spellings = sorted(self._spellings().items())
        return {key: sorted({place for name in names for place in found.get(name, ())}) for key, names in spellings}

    def of_names(self, names: Collection[str]) -> Mapping[str, list[key_uses.Use]]:
        """Return the code that reads these names."""
        asked = frozenset(names)
        if asked not in self._scans:
            self._scans[asked] = key_uses.scan(self.project_dir, asked, key_uses.installed_folders())
        return self._scans[asked].uses

    @property
    def is_cut_off(self) -> bool:
        """Return whether a search ended at one of its limits."""
        return any(scan.cut_off for scan in self._scans.values())

    def _spellings(self) -> dict[str, set[str]]:
        """Return, by key, its name and the names of the settings that it feeds."""
        return {name: {name, *self.keyring.settings_fed_by(name)} for name in self.keyring.names}
