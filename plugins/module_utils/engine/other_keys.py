# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns that nothing opens, because they are under a key of the env file that ``key_rotation_keys`` does not list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .derivation import members
from .discovery import Survey
from .findings import KINDS, Finding
from .schemes import of_keys

Keys = dict[str, list[bytes]]  # by name, their values


def by_column(surveys: Sequence[Survey], env: Mapping[str, str]) -> dict[str, Keys]:
    """The keys of the ``env`` file under which the tokens of a column open that nothing at hand opens."""
    unopened = {column: tokens for survey in surveys for column, tokens in survey.unopened.items()}
    return {column: found for column, tokens in unopened.items() if (found := opening(tokens, env))}


def opening(tokens: Sequence[bytes], env: Mapping[str, str]) -> Keys:
    """The keys of the ``env`` file under which some of these tokens open, as applications encrypt by hand."""
    found = {}
    for scheme in of_keys(env).values():
        (name,) = scheme.settings
        cipher = scheme.cipher(env.get)
        if cipher is not None and any(each is not None for each in cipher.open_all(tokens)):
            found[name] = members(env[name])
    return found


def finding(unproved: Finding, keys: Collection[str], line: str) -> Finding:
    """The true reason why a column is unproved. ``line`` lists the keys to rotate."""
    settle = f'{{{unproved.column}: {{not_ours: "reason"}}}}'
    facts = {"settings": ", ".join(sorted(keys)), "line": f"{line}. Or keep them: key_rotation_settlements: {settle}"}
    return Finding(KINDS["other_keys"], unproved.column, {"count": 1, **facts})
