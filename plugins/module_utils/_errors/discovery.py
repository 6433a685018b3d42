# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery and the plan: what was found in the columns, and what stops a rotation."""

from __future__ import annotations

NOT_OURS = (
    "If the values are under none of the keys that are rotated: key_rotation_settlements: "
    '{{"table.column": {{not_ours: "why"}}}}'
)

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_TARGET_MISSED": (
        "{column} holds tokens under the keys that are to be rotated, and key_rotation_targets does not list it",
        "List it too, or leave key_rotation_targets out. Under new keys the application could not read it.",
    ),
    "E_COLUMN_PLAIN": (
        "{column} is named as encrypted, and none of its values is a token",
        "Encrypt them through the application. If they are to stay unencrypted: key_rotation_settlements: "
        '{{"table.column": {{not_ours: "why"}}}}',
    ),
    "E_COLUMN_TIED": ("{column} {found}", "{advice}"),
    "E_COLUMN_TYPE": (
        "{column} holds what looks like tokens in the type {type}, in which none is opened or rewritten",
        f"Make it one of {{types}} by a migration. {NOT_OURS}",
    ),
    "E_TABLE": (
        "there is no column {column} of the types {types}",
        "Names are case sensitive; correct key_rotation_targets.",
    ),
    "E_NO_TARGETS": (
        "no column of {tables} tables holds a token of the schemes {schemes}",
        "Check key_rotation_project_dir and its database, or describe the scheme in key_rotation_schemes.",
    ),
    "E_OTHER_KEYS": (
        "{count} columns hold tokens, and all open under {settings}, which key_rotation_keys does not feed",
        "List the keys to rotate: {line}",
    ),
    "E_WRONG_KEY": (
        "{column} is a {field}, and its {tokens} of {tokens} values looked at do not open under {settings}, with which "
        "that library encrypts",
        "That is not the key the data is encrypted with: put the right one into {source}.",
    ),
    "E_UNPROVED": (
        "{column}: nothing known opens the {tokens} of {tokens} values looked at{look}",
        f"{{advice}}If their key is another setting, name it in key_rotation_keys. If its value in {{source}} is not "
        f"the one that the data is encrypted with, correct it. If their format is not known, describe it in "
        f"key_rotation_schemes. {NOT_OURS}",
    ),
    "E_FIELD_UNPROVED": (
        "{column} is a {field}, and none of its values opens under a known scheme",
        f"Describe its scheme in key_rotation_schemes. {NOT_OURS}",
    ),
    "E_IGNORED_OPEN": (
        "{column} is in key_rotation_ignore, and its values are under the keys that are to be rotated",
        "The rotation would make them unreadable. Take it out of key_rotation_ignore. If nobody needs the values: "
        'key_rotation_settlements: {{"table.column": {{unreadable: "why"}}}}',
    ),
    "E_IGNORED_TOKENS": (
        "{column} is in key_rotation_ignore, and its values look encrypted",
        f"If they are under a key that is rotated, they will be unreadable. {NOT_OURS} If nobody needs the values, "
        f"write unreadable in place of not_ours.",
    ),
    "E_KEY_PAIR": (
        "{column} is encrypted with an OpenPGP public key, and no pair at hand opens it",
        "Name both halves in key_rotation_keys, PRIVATE_PGP_KEY and PUBLIC_PGP_KEY of django-pgcrypto-fields with the "
        "type openpgp: each has one subkey that encrypts, by RSA or ElGamal, and no passphrase. If the pair is not "
        'rotated: key_rotation_settlements: {{"table.column": {{not_ours: "why"}}}}',
    ),
    "E_MADE_OF_KEYS": (
        "{column} is under {found}, which the application makes of the keys that are to be rotated",
        "Describe how in key_rotation_schemes, from the keys of the env file. A column of hashes list in "
        "key_rotation_ignore, and have the application make it anew after the rotation.",
    ),
    "E_UNEXPLAINED": (
        "{column}: {found}, and nothing tells under which key",
        "If it is under a key of key_rotation_keys, describe it in key_rotation_schemes and key_rotation_targets. "
        'Otherwise settle it: key_rotation_settlements: {{{column}: {{not_ours: "reason"}}}}.',
    ),
    "E_FIELD_ENCODED": (
        "{column}: its field {field} {found}, and nothing tells under which key",
        "If it is under a key of key_rotation_keys, describe it in key_rotation_schemes and key_rotation_targets. "
        'Otherwise settle it: key_rotation_settlements: {{{column}: {{not_ours: "reason"}}}}.',
    ),
    "E_KEY_WITHOUT_VALUE": (
        "{column} is in key_rotation_keys, and no value was found under it. It is used by {uses}",
        "If it only signs, write it as {line} in key_rotation_keys. Otherwise describe what is under it in "
        "key_rotation_schemes and key_rotation_targets, or take it out of key_rotation_keys.",
    ),
    "E_FINDINGS": ("{count} findings stop the rotation", "Do what is said of each, then run the same command again."),
    "E_PLAN_NOT_READY": (
        "the plan {path} has {count} findings that stop a rotation",
        "Do what it says of each, then make it again with the plan playbook.",
    ),
    "E_PLAN_FILE": ("the plan {path} {found}", "Make it again with the plan playbook, or set key_rotation_plan."),
    "E_PLAN_CHANGED": (
        "the application is not as the plan {path} says: {difference}",
        "Make the plan again with the plan playbook, and have it reviewed.",
    ),
}
