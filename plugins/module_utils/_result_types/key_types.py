# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and versions as results and records have them: never a value."""

from __future__ import annotations

from typing import TypedDict


class GeneratedKey(TypedDict, total=False):
    """A key and the source of its randomness. A key that was not supplied also has its type and size."""

    name: str
    rng: str
    type: str
    bits: int


class VersionFields(TypedDict):
    """The fields of all forms of a version. The states are those of NIST SP 800-57."""

    key_id: str
    rotation_id: str
    origin: str
    state: str
    created: str
    outcome: str | None
    destroyed: str | None


class VersionDescription(VersionFields):
    """A version without its values, as results and records have it."""

    stage: str | None
