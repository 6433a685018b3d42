# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a page shows about a backup, after its path, size and digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ...module_utils._errors.counts import counted

if TYPE_CHECKING:
    from ...module_utils._result_types.backup_types import DumpSummary, Proof

LINES = {
    "engine": "Made by",
    "database": "Database",
    "encrypted_to": "Encrypted to",
    "key_ids": "Needs the keys",
    "proof": "Proof",
    "snapshot": "State of",
    "manifest": "Manifest",
}


def dump_lines(dump: DumpSummary) -> Iterator[dict[str, str]]:
    """Yield the known facts about a backup, each with its name."""
    for name, called in LINES.items():
        if name == "proof":
            yield {"name": called, "text": _proved(dump.get("proof"))}
        elif value := dump.get(name):
            yield {"name": called, "text": _text(value)}


def _proved(proof: Proof | None) -> str:
    """Return how a backup was proved, in words. A proof that a later version wrote is shown unchanged."""
    if not proof:
        return "none: it was not restored"
    if proof.get("kind") == "none":
        return "none: it was not restored, only read to its end"
    try:
        return (
            f"{proof['kind']}: restored into {proof['where']} at {proof['time']}, {counted(proof['rows'], 'row')} of "
            f"{counted(proof['tables'], 'table')} the same, {counted(proof['tokens'], 'encrypted value')} decrypted"
        )
    except (KeyError, ValueError):
        return _text(proof)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')}: {_text(member)}" for name, member in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return str(value)
