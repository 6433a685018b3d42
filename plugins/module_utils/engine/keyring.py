# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key sets at hand, by stage, made into one cipher per scheme and stage: keys are derived here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .derivation import Settings
from .functions import FunctionCipher, Process
from .keysets import KeySet
from .schemes import Scheme
from .tokens import Cipher, Opened


class Keyring:
    """Ciphers for every scheme under every key set given. ``stages`` maps a stage to its key set; ``base`` is the one
    that everything was under before the rotation that is under way, and is tried first.

    ``application`` gives a setting as the application has it; ``feeds`` says which settings the keys feed under names
    of their own; ``processes`` are those of the application, by stage, for schemes that are its own functions. Schemes
    that lack a value for a setting are left out; those that depend on none of the keys are
    ``fixed``: their tokens stay as they are.
    """

    def __init__(
        self,
        schemes: Mapping[str, Scheme],
        stages: Mapping[str, KeySet],
        application: Settings,
        feeds: Mapping[str, Sequence[str]] | None = None,
        base: str = "current",
        processes: Mapping[str, Process] | None = None,
    ) -> None:
        self.stages = {stage: stages[stage] for stage in sorted(stages, key=lambda stage: stage != base)}
        self.base = base
        self.application = application
        self._feeds = feeds or {}
        self._processes = processes or {}
        self.schemes: dict[str, Scheme] = {}
        self.fixed: dict[str, Scheme] = {}
        self._ciphers: dict[str, dict[str, Cipher]] = {}
        self._views = {stage: self._view(keys) for stage, keys in self.stages.items()}
        for scheme in schemes.values():
            self.add(scheme)

    def add(self, scheme: Scheme) -> bool:
        """Take one more scheme; whether it can be tried."""
        made = {stage: self._made(scheme, stage) for stage in self.stages}
        ciphers = {stage: cipher for stage, cipher in made.items() if cipher is not None}
        if len(ciphers) < len(made):
            return False
        kept = self.schemes if self._depends(scheme) else self.fixed
        kept[scheme.name] = scheme
        self._ciphers[scheme.name] = ciphers
        return True

    def _made(self, scheme: Scheme, stage: str) -> Cipher | None:
        if scheme.functions:
            return FunctionCipher(self._processes[stage], scheme.functions)
        return scheme.cipher(self._views[stage])

    def remove(self, scheme: Scheme) -> None:
        """Forget a scheme that was tried in vain."""
        self.schemes.pop(scheme.name, None)
        self.fixed.pop(scheme.name, None)

    @property
    def tried(self) -> list[Scheme]:
        """Every scheme, those that the keys change first."""
        return [*self.schemes.values(), *self.fixed.values()]

    def _depends(self, scheme: Scheme) -> bool:
        if scheme.functions:
            return True
        names = set(self._feeds).union(*(keys.values for keys in self.stages.values()))
        return bool(scheme.settings & names)

    def _view(self, keys: KeySet) -> Settings:
        def settings(name: str) -> Any:
            own = self.application(name)
            sources = (
                [name]
                if name in keys.values
                else [source for source in self._feeds.get(name, ()) if source in keys.values]
            )
            if not sources:
                return own
            if not isinstance(own, (list, tuple)):
                return keys.values[sources[0]]
            # A setting that the application has as a list is a comma list in its .env, or several variables.
            return [value for source in sources for value in keys.values[source].split(",")]

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

    def resealed(self, scheme: str, stage: str, destination: str, inside: Opened) -> bytes | None:
        """A token of ``destination`` with what was in one of ``stage``; None where it does not come out of it again.

        Raises E_FUNCTION where the application's functions read it under the keys of before: they have others.
        """
        cipher = self.cipher(scheme, destination)
        fresh = cipher.seal(inside)
        before = self.cipher(scheme, stage)
        if isinstance(before, FunctionCipher) and before.open(fresh) is not None:
            found = "reads what was sealed under other keys: its keys are not those of the key set"
            raise before.process.refusal(before.functions.decrypt, found)
        return fresh if cipher.open(fresh) == inside else None

    def stage_of(self, scheme: str, token: bytes, key_id: str | None = None) -> tuple[str, Opened] | None:
        """The first stage whose key set opens ``token``, and its inside; None where none does.

        With ``key_id`` from the journal only that key set counts.
        """
        for stage, cipher in self._ciphers[scheme].items():
            if key_id is not None and key_id != self.key_id(stage):
                continue
            inside = cipher.open(token)
            if inside is not None:
                return stage, inside
        return None
