# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that are not valid."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_KEY_TYPE": ("key_rotation_keys: {name} has the unknown type {type}", "Use one of: {known}."),
    "E_KEY_SPEC": (
        "key_rotation_keys: entry {index} {found}",
        "Write each entry as name:, type:, and where wanted bytes:, keep:, use: and destination:.",
    ),
    "E_SCHEME": ("key_rotation_schemes: {scheme} {found}", "See the scheme's members in the README."),
    "E_TARGET": ("key_rotation_targets: entry {index} {found}", "Write each entry as table:, column: and scheme:."),
    "E_LEAVE_ALONE": (
        "key_rotation_leave_alone: entry {index} is not table.column:key",
        "Copy the row from the error that named it.",
    ),
    "E_SETTLEMENT": (
        "key_rotation_settlements: {name} {found}",
        "Write table.column, or table.column:key of a value in key_rotation_leave_alone, as the plan names it, and "
        'under it not_ours: "reason" or unreadable: "reason".',
    ),
    "E_NOTIFY": (
        "key_rotation_notify: entry {index}: {found}",
        "See the members of each type in roles/record/README.md.",
    ),
    "E_OPTION": ("{name} {found}", "{advice}"),
}
