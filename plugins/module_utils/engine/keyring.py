# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key sets at hand, by stage, made into one cipher per scheme and stage: keys are derived here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from .formats import Cipher, Opened
from .keysets import KeySet
from .schemes import Scheme


class Keyring:
    """Ciphers for every scheme under every key set given. ``stages`` maps a stage to its key set."""

    def __init__(self, schemes: Mapping[str, Scheme], stages: Mapping[str, KeySet]) -> None:
        self.schemes = schemes
        self.stages = stages
        self._ciphers = {
            name: {stage: scheme.cipher(keys) for stage, keys in stages.items()} for name, scheme in schemes.items()
        }

    def cipher(self, scheme: str, stage: str) -> Cipher:
        """The cipher of one scheme under the key set of one stage."""
        return self._ciphers[scheme][stage]

    def key_id(self, stage: str) -> str:
        """The key id of one stage's key set."""
        return self.stages[stage].key_id

    def stage_of(self, scheme: str, token: str) -> tuple[str, Opened] | None:
        """The first stage whose key set opens ``token``, and its inside; None where none does."""
        for stage, cipher in self._ciphers[scheme].items():
            inside = cipher.open(token)
            if inside is not None:
                return stage, inside
        return None
