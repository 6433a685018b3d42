# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns, or their plaintexts, that open only under a key that the .env file has and the option ``keys`` lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..._errors.discovery import OtherKeys
from ..crypto.derivation import members
from ..crypto.keyring import Keyring
from ..crypto.schemes import of_keys
from ..value_forms.value_look import looks_encrypted
from .findings.findings import Finding
from .target_survey import Survey


@dataclass
class UnlistedKeys:
    """Keys by name, with their values, and whether what is under them may be tokens under yet another key."""

    keys: dict[str, list[bytes]] = field(default_factory=dict)
    nested: bool = False


def by_column(surveys: Sequence[Survey], env: Mapping[str, str]) -> dict[str, UnlistedKeys]:
    """The keys of the ``env`` file under which the tokens of a column open that no available key opens."""
    known = ((column, evidence) for survey in surveys for column, evidence in survey.evidence.items())
    keys_by_column = {column: find_keys(evidence.samples, env) for column, evidence in known if evidence.samples}
    return {column: others for column, others in keys_by_column.items() if others.keys}


def without_listed(env: Mapping[str, str], keyring: Keyring) -> dict[str, str]:
    """The ``env`` file without the listed keys, and without other variables that have the value of one."""
    values = {value for key_set in keyring.stages.values() for value in key_set.values.values()}
    return {name: value for name, value in env.items() if name not in keyring.names and value not in values}


def of_inner_layers(surveys: Sequence[Survey], env: Mapping[str, str]) -> dict[str, list[bytes]]:
    """The keys of the ``env`` file, with their values, under which plaintexts open that no available key opens."""
    tokens = [token for survey in surveys for each in survey.evidence.values() for token in each.inside]
    return find_keys(tokens, env).keys if tokens else {}


def find_keys(tokens: Sequence[bytes], env: Mapping[str, str]) -> UnlistedKeys:
    """The keys of the ``env`` file under which some of these tokens open, as applications encrypt by hand."""
    unlisted = UnlistedKeys()
    for scheme in of_keys(env).values():
        (name,) = scheme.settings
        cipher = scheme.cipher(env.get)
        opened = [each for each in cipher.open_all(tokens) if each is not None] if cipher else []
        if opened:
            unlisted.keys[name] = members(env[name])
            unlisted.nested |= any(looks_encrypted(each.plaintext) for each in opened)
    return unlisted


def finding(unproved: Finding, others: UnlistedKeys, line: str) -> Finding:
    """The true reason why a column is unproved. ``line`` lists the keys to rotate.

    That these may be kept is not said if the values inside may be under a key that is rotated.
    """
    settle = f'{{{unproved.column}: {{not_ours: "reason"}}}}'
    keep = "" if others.nested else f". Or keep them: O(settlements): {settle}"
    error = OtherKeys(count=1, settings=", ".join(sorted(others.keys)), line=line + keep)
    return Finding.of(unproved.column, error)
