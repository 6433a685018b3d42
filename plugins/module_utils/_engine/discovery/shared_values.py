# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find variables, settings and other keys that have the value of a rotated key.

The rotation re-encrypts what the application encrypted with any of them. If the other one keeps its value, the
application can no longer read that data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import cast

from ..._errors.discovery import SharedValue
from ..application import encrypting_attributes
from ..application.key_uses import Use
from ..crypto.key_entry import KeyEntries, KeyEntry
from ..crypto.key_set import KeySet, split_list
from ..crypto.keyring import Keyring
from ..value_forms.plain_text_look import is_word
from . import proposal
from .findings.finding_facts import SharedWord
from .findings.findings import Finding

REMOVE = "If nothing reads {name}, remove it."
LIST_BOTH = f"If the application encrypts with it, list both, and they get one new value: {{line}}. {REMOVE}"
# A value in a list does not show with which of the two the application encrypted.
PART_THEM = (
    f"Let the application re-encrypt the values under {{name}} with a separate key, or remove the value from "
    f"{{key}} if nothing is under it there. {REMOVE}"
)
ONE_TYPE = "Both must get one new value: give them the same type, bytes and keep in O(keys), and no values file."
NOT_A_KEY = 'If nothing encrypts with it: O(settlements): {{{name}: {{not_a_key: "why"}}}}'
# SECRET_KEY is the usual one, with which most applications only sign.
OF_SETTING = (
    f"{NOT_A_KEY}. Otherwise let the application read it from {{key}}, or from a variable that O(keys) lists too. "
    f"{REMOVE}"
)

OWN = ("destination", "use")  # members of a listed key that another one need not have


def parts_of(value: str) -> set[str]:
    """A value, and the members of it as a list."""
    return {value, *value.split(","), *split_list(value)} - {""}


def of_variables(
    keyring: Keyring,
    env: Mapping[str, str],
    keys: KeyEntries,
    uses: Callable[[Collection[str]], Mapping[str, Sequence[Use]]],
) -> Iterator[Finding]:
    """Variables of the ``env`` file that are not among the ``keys``, as a person lists these. ``uses`` says who reads
    each in code. A plain word, such as the name of an environment, is only named, unless code that encrypts reads it.
    """
    rotated = keyring.stages[keyring.base].values
    listed = {entry["name"]: proposal.as_listed(entry) for entry in keys}
    what = "a variable of the .env file"
    for name in sorted(env.keys() - keyring.names):
        for key, value in rotated.items():
            shared = parts_of(env[name]) & parts_of(value)
            if not shared:
                continue
            not_a_key = " " + NOT_A_KEY.format(name=name)
            if all(map(is_word, shared)):
                encrypts = any(encrypting_attributes.is_named_so(use) for use in uses([name]).get(name, ()))
                advice = PART_THEM.format(name=name, key=key) + not_a_key
                word = Finding.of(name, SharedWord(what, key))
                yield _finding(name, what, key, advice) if encrypts else word
            elif env[name] == value:
                entry = listed.get(key, {"name": key})
                twin = cast("KeyEntry", {member: value for member, value in entry.items() if member not in OWN})
                line = proposal.line([entry, {**twin, "name": name}])
                yield _finding(name, what, key, LIST_BOTH.format(name=name, line=line) + not_a_key)
            else:
                yield _finding(name, what, key, PART_THEM.format(name=name, key=key) + not_a_key)


def of_keys(keyring: Keyring, others: Iterable[KeySet]) -> Iterator[Finding]:
    """Find keys that share a value with another one, unless they also have one value in the ``others``."""
    rotated = keyring.stages[keyring.base].values
    for key, name in combinations(sorted(rotated), 2):
        if parts_of(rotated[key]) & parts_of(rotated[name]) and name not in _twins(keyring, key, others):
            whole = rotated[key] == rotated[name]
            yield _finding(name, "another key", key, ONE_TYPE if whole else PART_THEM.format(name=name, key=key))


def of_setting(name: str, key: str) -> Finding:
    """Return the finding about a setting that keeps the value of a key when the key gets a new value."""
    return _finding(name, "a setting of the application", key, OF_SETTING.format(name=name, key=key))


def with_twins(keyring: Keyring, keys: Collection[str]) -> set[str]:
    """Return the keys, and those that have the same value in every key set: a value under one is under the other."""
    return {*keys}.union(*(_twins(keyring, key) for key in keys))


def _twins(keyring: Keyring, key: str, others: Iterable[KeySet] = ()) -> set[str]:
    sets = [keys.values for keys in (*keyring.stages.values(), *others) if key in keys.values]
    known = {name: [keys for keys in sets if name in keys] for name in keyring.names}  # a former version may lack it
    return {name for name, both in known.items() if both and all(keys[name] == keys[key] for keys in both)}


def _finding(name: str, what: str, key: str, advice: str) -> Finding:
    return Finding.of(name, SharedValue(column=name, description=what, key=key, advice=advice))
