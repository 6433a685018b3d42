# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key sets at hand, by stage, made into one cipher per scheme and stage: keys are derived here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .derivation import Settings
from .formats import Cipher, Opened
from .keysets import KeySet
from .schemes import Scheme


class Keyring:
    """Ciphers for every scheme under every key set given. ``stages`` maps a stage to its key set.

    A setting that is in no key set has the value the application has for it (``outside``). Schemes that depend on none
    of these keys, or on a setting without a value, are left out.
    """

    def __init__(self, schemes: Mapping[str, Scheme], stages: Mapping[str, KeySet], outside: Settings) -> None:
        self.stages = stages
        self.application = outside
        self.schemes: dict[str, Scheme] = {}
        self._ciphers: dict[str, dict[str, Cipher]] = {}
        self._views = {stage: self._view(keys) for stage, keys in stages.items()}
        for scheme in schemes.values():
            self.add(scheme)

    def add(self, scheme: Scheme) -> bool:
        """Take one more scheme; whether these key sets have anything to do with it."""
        if not any(scheme.settings & set(keys.values) for keys in self.stages.values()):
            return False
        made = {stage: scheme.cipher(view) for stage, view in self._views.items()}
        ciphers = {stage: cipher for stage, cipher in made.items() if cipher is not None}
        if len(ciphers) < len(made):
            return False
        self.schemes[scheme.name] = scheme
        self._ciphers[scheme.name] = ciphers
        return True

    def _view(self, keys: KeySet) -> Settings:
        def settings(name: str) -> Any:
            outside = self.application(name)
            if name not in keys.values:
                return outside
            # A setting that the application has as a list is a comma list in its .env.
            return keys.values[name].split(",") if isinstance(outside, (list, tuple)) else keys.values[name]

        return settings

    def setting(self, stage: str, name: str) -> str:
        """The value of a setting under the key set of one stage."""
        return str(self._views[stage](name))

    def cipher(self, scheme: str, stage: str) -> Cipher:
        """The cipher of one scheme under the key set of one stage."""
        return self._ciphers[scheme][stage]

    def key_id(self, stage: str) -> str:
        """The key id of one stage's key set."""
        return self.stages[stage].key_id

    def stage_of(self, scheme: str, token: bytes) -> tuple[str, Opened] | None:
        """The first stage whose key set opens ``token``, and its inside; None where none does."""
        for stage, cipher in self._ciphers[scheme].items():
            inside = cipher.open(token)
            if inside is not None:
                return stage, inside
        return None
