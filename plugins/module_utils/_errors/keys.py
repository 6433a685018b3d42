# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key versions: making, comparing and destroying them."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_KEYS_DIFFER": (
        "{env_file} holds the keys {found}, and the store {store} says {current} are current",
        "Either one was changed by hand, or the store is another application's: correct key_rotation_store.",
    ),
    "E_KEYS_LEFT": (
        "{env_file} still holds the keys {found} of rotation {rotation_id}, which was rolled back without this host",
        "Run the rollback playbook: it puts this host back too, and changes nothing else.",
    ),
    "E_KEYS_BACK": (
        "{env_file} holds the previous keys {found}, and the store {store} says {current} are current: "
        "a rollback was begun and not ended, or this host was left out of the last rotation",
        "If a rollback was begun, finish it with the rollback playbook, which takes that rotation back. If this host "
        "was left out, bring it the .env of another one, restart its services, and run the same command again.",
    ),
    "E_KEYS_NOT_PROVED": (
        "{env_file} holds the keys {found}, and the data was read with {proved}",
        "The file changed in between: run the same command again.",
    ),
    "E_KEY_REUSED": ("the new keys equal the earlier version {key_id}", "Let the collection make the keys."),
    "E_KEY_FILE": (
        "{path} {found}",
        "Write it as NAME: 'value' for each key, and encrypt it with ansible-vault encrypt.",
    ),
    "E_KEY_WEAK": ("{name}: the value in {path} {found}", "Let the collection make it, or supply a better one."),
    "E_KEY_NOT_MADE": (
        "{name} is of the type openpgp, and such keys are not made here",
        "Make a pair by gpg, as README.md shows, and name the file with both halves in key_rotation_values_file.",
    ),
    "E_KEY_DIALECT": (
        "{name}: no quoting brings the new value back from a file in the dialect {dialect}",
        "Keep no old values of that list (keep: 0), give the key a destination of its own, or correct the dialect.",
    ),
    "E_VERSION_NEEDED": (
        "the version {key_id} is not to be destroyed: {reason}",
        "Destroy a version only when no value, no list of another version, no open rotation, no backup that you keep "
        "and no database that a restore kept aside needs it.",
    ),
    "E_VERSION_HELD": (
        "the version {key_id} is held until {until}, {days} days after the rotation that replaced it",
        "Retire it then. Before that it is the way back: -e key_rotation_hold_days=0 gives it up.",
    ),
    "E_VERSION_USED": (
        "{column}: {count} values are under the version {key_id}",
        "Roll its rotation back, or rotate once more, and take the census again.",
    ),
    "E_PREVIOUS_DESTROYED": (
        "rotation {rotation_id} cannot be rolled back: the values of the version before it, {key_id}, were destroyed "
        "on {when}",
        "Every value is under the current keys. Rotate once more for new ones.",
    ),
}
