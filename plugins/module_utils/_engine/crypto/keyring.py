# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The available key sets, by stage, made into one cipher per scheme and stage. No other file derives keys."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..._errors.options import InvalidScheme
from . import derivation
from .derivation import NOTHING, Settings, members, values
from .function_names import Functions
from .key_set import KeySet, split_list
from .library_schemes import MAPPINGS
from .schemes import Scheme
from .tokens import Cipher, Opened, OpenedByLaterKey, RowCipher, RowCipherFactory
from .unusable_key import UnusableKey

if TYPE_CHECKING:
    from .scheme_description import KeyDescription


@dataclass(frozen=True)
class ApplicationSettings:
    """The settings of an application. Called with a name, it returns the value that the application has.

    ``feeds`` names the keys that feed settings of other names. ``texts`` are the settings that are texts.
    """

    of: Settings
    feeds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def __call__(self, name: str) -> object:
        return self.of(name)


def _without_processes(functions: Functions, stage: str) -> RowCipher:
    raise LookupError(f"{functions.decrypt} needs a process of the application with the keys of {stage}")


class Keyring:
    """Ciphers for every scheme under every key set.

    ``stages`` maps a stage to its key set. The rotation under way began with the keys of ``base``, which are tried
    first. ``build_row_cipher`` builds the cipher of a scheme that is the application's own functions.

    A scheme that lacks the value of a setting under ``base`` is left out. If the values of another stage make no key,
    that stage opens nothing. A scheme that depends on none of the keys is ``fixed``: its tokens do not change.
    """

    def __init__(
        self,
        schemes: Mapping[str, Scheme],
        stages: Mapping[str, KeySet],
        application: ApplicationSettings,
        base: str = "current",
        build_row_cipher: RowCipherFactory = _without_processes,
    ) -> None:
        self.stages = {stage: stages[stage] for stage in sorted(stages, key=lambda stage: stage != base)}
        self.base = base
        self.application = application
        self._feeds, self._texts = application.feeds, application.texts
        self.build_row_cipher = build_row_cipher
        self.function_keys: dict[str, set[str]] = {}  # by scheme, what the application's functions were seen to need
        self.schemes: dict[str, Scheme] = {}
        self.fixed: dict[str, Scheme] = {}
        self._ciphers: dict[str, dict[str, Cipher]] = {}
        # Schemes whose tokens open under only one stage: none with several keys, which another stage may share.
        self._opens_under_one: set[str] = set()
        # Of these, what opened the last token is tried first on the next ones.
        self._tried_first: dict[str, tuple[str, ...]] = {}
        self._views = {stage: self._view(keys) for stage, keys in self.stages.items()}
        for scheme in schemes.values():
            self.add(scheme)

    def add(self, scheme: Scheme) -> bool:
        """Add a scheme. Return whether it can be tried."""
        ciphers: dict[str, Cipher] = {}
        for stage, keys in self.stages.items():
            cipher = self._build_cipher(scheme, stage)
            if cipher is None and not ciphers:
                return False
            ciphers[stage] = cipher or UnusableKey(scheme.name, keys.key_id)
        kept = self.schemes if self._depends(scheme) else self.fixed
        kept[scheme.name] = scheme
        self._ciphers[scheme.name] = ciphers
        if scheme.functions and any(self._kept(stage) for stage in self.stages):
            # Functions do not show which key of a list opened a token: the stage that keeps the fewest others is first.
            self._tried_first[scheme.name] = tuple(sorted(self.stages, key=self._kept))
        elif scheme.format.authenticated and not any(map(scheme.has_several, self._views.values())):
            self._opens_under_one.add(scheme.name)
        return True

    def _build_cipher(self, scheme: Scheme, stage: str) -> Cipher | None:
        if scheme.functions:
            return self.build_row_cipher(scheme.functions, stage)
        return scheme.cipher(self._views[stage])

    def refuse_unusable(self, schemes: Iterable[str], stage: str) -> None:
        """Raise E_KEY_UNUSABLE if one of the schemes can make no key of the values of a stage."""
        for name in schemes:
            cipher = self.cipher(name, stage)
            if isinstance(cipher, UnusableKey):
                raise cipher.error

    def can_use(self, scheme: str, values: Mapping[str, str]) -> bool:
        """Return whether a scheme could make its keys, as long as before, if the previous keys had these ``values``."""
        described, (stage, before) = self.schemes[scheme], next(iter(self.stages.items()))
        if described.functions:
            return True
        after = self._view(KeySet({**before.values, **values}))
        try:
            is_made = described.cipher(after) is not None
        except InvalidScheme:
            return False
        return is_made and described.key_sizes(after) == described.key_sizes(self._views[stage])

    def is_usable(self, scheme: str) -> bool:
        """Return whether a scheme can make its keys of the values of every stage."""
        return not any(isinstance(cipher, UnusableKey) for cipher in self._ciphers[scheme].values())

    def remove(self, scheme: Scheme) -> None:
        """Remove a scheme that was tried without success."""
        self.schemes.pop(scheme.name, None)
        self.fixed.pop(scheme.name, None)

    @property
    def tried(self) -> list[Scheme]:
        """Every scheme, those that the keys change first."""
        return [*self.schemes.values(), *self.fixed.values()]

    def _depends(self, scheme: Scheme) -> bool:
        if scheme.functions:
            return True
        return self.rotates_any(self.settings_of(scheme))

    def rotates_any(self, settings: Iterable[str]) -> bool:
        """Return whether one of these settings differs from key set to key set."""
        return bool({*settings} & {*self._feeds, *self.names})

    def derive(self, described: KeyDescription, stage: str) -> bytes:
        """Return the key that a derivation makes under one stage, of a list the first. Raise ValueError without one."""
        try:
            made = derivation.keys(described, self._views[stage])
        except TypeError:
            raise ValueError("a setting that makes no key") from None
        if not made:
            raise ValueError("a setting without a value")
        return made[0]

    def settings_of(self, scheme: Scheme) -> set[str]:
        """The settings that the tokens of a scheme depend on under the previous keys."""
        return scheme.made_of(next(iter(self._views.values())))

    def _view(self, keys: KeySet) -> Settings:
        def settings(name: str) -> object:
            own = self.application(name)
            if isinstance(own, Mapping):
                return self._entries(name, own, keys)
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
            blanks = any(member != member.strip() for member in members(own))  # left there by the application
            return [part for name in sources for part in split_list(keys.values[name], blanks=blanks)]

        return settings

    def _entries(self, name: str, own: Mapping[str, object], keys: KeySet) -> Mapping[str, object]:
        """A setting that is a mapping, with the values of these keys in it: in its .env it may be a JSON document."""
        if name in keys.values:
            with contextlib.suppress(ValueError):
                mapping = json.loads(keys.values[name])
                return mapping if isinstance(mapping, Mapping) else own
            return own
        sources = self._feeds.get(name) or [""] * len(own)
        return {entry: keys.values.get(source, own[entry]) for entry, source in zip(own, sources)}

    def secret(self, stage: str, name: str) -> bytes:
        """Return the value of a setting under the key set of one stage; of a list the first, which encrypts.
        ``NOTHING`` has an empty value."""
        if name in self._mappings:
            return next(iter(values(MAPPINGS[name], self._views[stage])), b"")
        if name == NOTHING or (name in self._texts and name not in {*self.stages[stage].values, *self._feeds}):
            return self._texts.get(name, b"")
        return next(iter(members(self._views[stage](name))), b"")

    def count_members(self, stage: str, name: str) -> int:
        """Return how many values a setting has under the key set of one stage."""
        return len(members(self._views[stage](name)))

    @property
    def names(self) -> set[str]:
        """The settings that differ from key set to key set."""
        return set(self._mappings).union(*(keys.values for keys in self.stages.values()))

    @property
    def _mappings(self) -> list[str]:
        """The settings that are mappings of keys, and differ from key set to key set."""
        keys = set().union(*(keys.values for keys in self.stages.values()))
        return [
            name for name in MAPPINGS if isinstance(self.application(name), Mapping) and name in {*self._feeds, *keys}
        ]

    def keys_of(self, schemes: Iterable[str], settings: Iterable[str] = ()) -> set[str]:
        """The keys that tokens of these schemes may depend on, and those that feed these settings.

        What the application's own functions depend on may be any key, unless it was seen which they need.
        """
        described = [self.schemes[name] for name in set(schemes)]
        by_functions = [self.function_keys.get(each.name, self.names) for each in described if each.functions]
        names = set(settings).union(
            *by_functions, *(self.settings_of(each) for each in described if not each.functions)
        )
        return self.names & names.union(*(self._feeds.get(name, ()) for name in names))

    def settings_fed_by(self, key: str) -> set[str]:
        """Settings with another name whose values are those of a key."""
        return {setting for setting, names in self._feeds.items() if key in names}

    def raw_keys(self, scheme: str) -> Iterator[tuple[str, bytes]]:
        """The keys that a scheme makes of the available keys, of every stage, each with the names of its settings."""
        described = self.schemes.get(scheme)
        if described is None or described.functions:
            return
        for stage in self.stages:
            view = self._views[stage]
            names = ", ".join(sorted(described.made_of(view)))
            for role in described.format.keys:
                with contextlib.suppress(ValueError, TypeError):  # another stage's values may make no key
                    yield from ((names, key) for key in derivation.keys(described.described[role], view))

    def secrets(self, stage: str) -> dict[str, bytes]:
        """Return what an application may key a hash with: its keys, its other settings, and no key at all."""
        own = {name: self.secret(stage, name) for name in (*self.stages[stage].values, *self._mappings)}
        others = {name: value for name, value in self._texts.items() if name not in {*own, *self._feeds}}
        return {**own, **others, NOTHING: b""}

    def cipher(self, scheme: str, stage: str) -> Cipher:
        """The cipher of one scheme under the key set of one stage."""
        return self._ciphers[scheme][stage]

    def context_of(self, scheme: str) -> Sequence[str]:
        """Return what the application's functions receive about a token's row; empty for any other scheme."""
        functions = self.schemes[scheme].functions
        return functions.context if functions else ()

    def key_id(self, stage: str) -> str:
        """The key ID of one stage's key set."""
        return self.stages[stage].key_id

    def resealed(self, scheme: str, opened: Sequence[tuple[str, Opened]], destination: str) -> Sequence[bytes | None]:
        """Return tokens of ``destination`` for what was in those of other stages; None if the value does not come out
        again.

        Raise E_FUNCTION if the application's functions read a new token under the previous keys: they use other keys.
        """
        cipher = self.cipher(scheme, destination)
        insides = [inside for _, inside in opened]
        fresh = cipher.seal_all(insides)
        if isinstance(cipher, RowCipher):
            for token, (stage, inside) in zip(fresh, opened):
                self._refuse_same_keys(scheme, stage, token, inside, destination)
            checked = cipher.reopened(fresh, insides)
        else:
            checked = cipher.open_all(fresh)
        if checked == insides:
            return fresh
        return [token if again == inside else None for token, again, inside in zip(fresh, checked, insides)]

    def _kept(self, stage: str) -> int:
        """Count the other stages whose first key is kept in a list of this stage."""
        return sum(self._keeps(stage, other) for other in self.stages)

    def _keeps(self, stage: str, other: str) -> bool:
        """Return whether a list of a stage keeps, after its first key, the first key of the same list of another
        stage."""
        values = self.stages[stage].values
        firsts = {name: split_list(value)[:1] for name, value in self.stages[other].values.items()}
        return any(
            first and first[0] in split_list(values[name])[1:] for name, first in firsts.items() if name in values
        )

    def _refuse_same_keys(self, scheme: str, stage: str, fresh: bytes, inside: Opened, destination: str) -> None:
        if stage in self.stages and self._keeps(stage, destination):
            return
        before = self._ciphers[scheme].get(stage)  # a nested token is under several
        if isinstance(before, RowCipher) and before.open_at(fresh, inside.frame) == inside:
            raise before.same_keys_error()

    def stages_of(
        self,
        scheme: str,
        tokens: Sequence[bytes],
        key_ids: Sequence[str | None] | None = None,
        frames: Sequence[bytes] | None = None,
    ) -> list[tuple[str, Opened] | None]:
        """Return for each token the first stage whose key set opens it, and its inside; None if no key set does.

        A key set that opens a token with the first key of a list comes before one that only keeps that key. If
        ``key_ids`` has the key ID of a token, only that key set counts. ``frames`` describe the row of each token, for
        functions of the application that need it.
        """
        openings: list[tuple[str, Opened] | None] = [None] * len(tokens)
        later: dict[int, tuple[str, OpenedByLaterKey]] = {}
        left = list(range(len(tokens)))
        for stage in self._tried_first.get(scheme, tuple(self.stages)):
            places = left
            if key_ids is not None:
                places = [place for place in left if key_ids[place] in (None, self.key_id(stage))]
            cipher = self._ciphers[scheme][stage]
            chosen = [tokens[place] for place in places]
            if frames is not None and isinstance(cipher, RowCipher):
                insides = [cipher.open_at(token, frames[place]) for place, token in zip(places, chosen)]
            else:
                insides = cipher.open_all(chosen)
            for place, inside in zip(places, insides):
                if isinstance(inside, OpenedByLaterKey):
                    if place not in later or inside.number < later[place][1].number:
                        later[place] = (stage, inside)
                elif inside is not None:
                    openings[place] = (stage, inside)
            left = [place for place in left if openings[place] is None]
            if not left:
                break
        for place in left:
            openings[place] = later.get(place)
        if tokens and scheme in self._opens_under_one and (last := openings[-1]) is not None:
            self._tried_first[scheme] = (last[0], *(stage for stage in self.stages if stage != last[0]))
        return openings

    def stage_of(self, scheme: str, token: bytes, key_id: str | None = None) -> tuple[str, Opened] | None:
        """``stages_of`` for one token."""
        return self.stages_of(scheme, [token], [key_id])[0]
