# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key versions: making, comparing and destroying them."""

from __future__ import annotations

from .base import RotationError


class KeysDiffer(RotationError):
    code = "E_KEYS_DIFFER"
    env_file: str
    found: str
    store: str
    current: str
    problem = "{env_file} holds the keys {found}, and the store {store} says {current} are current"
    remedy = (
        "Find out which of the two the data is under before you change either. If the application reads its data, the "
        "file is right: another inventory, control node or person has rotated with a store of their own, or the store "
        "is another application's, so name the right one in O(store). If the application cannot read its data, the "
        "file was changed: put the keys of version {current} back into it. The lookup tetech.key_rotation.keys reads "
        "them from the store, and docs/key-store.md has the task that writes them."
    )


class KeysLeft(RotationError):
    code = "E_KEYS_LEFT"
    env_file: str
    found: str
    rotation_id: str
    problem = (
        "{env_file} still holds the keys {found} of rotation {rotation_id}, which was rolled back without this host"
    )
    remedy = "Run the rollback playbook: it puts this host back too, and changes nothing else."


class KeysBack(RotationError):
    code = "E_KEYS_BACK"
    env_file: str
    found: str
    store: str
    current: str
    problem = (
        "{env_file} holds the previous keys {found}, and the store {store} says {current} are current: "
        "a rollback was begun and not ended, or this host was left out of the last rotation"
    )
    remedy = (
        "If a rollback was begun, finish it with the rollback playbook. If this host was left out, copy the .env of "
        "another host to it, restart its services, and run the same command again."
    )


class KeyUnlisted(RotationError):
    code = "E_KEY_UNLISTED"
    names: str
    rotations: str
    advice: str
    problem = "O(keys) no longer lists {names}, which was rotated in rotation {rotations}"
    remedy = "{advice}"


class KeysNotProved(RotationError):
    code = "E_KEYS_NOT_PROVED"
    env_file: str
    found: str
    proved: str
    problem = "{env_file} holds the keys {found}, and the data was read with {proved}"
    remedy = "The file changed in between: run the same command again."


class CensusIncomplete(RotationError):
    code = "E_CENSUS_INCOMPLETE"
    missing: str
    problem = "the census does not say {missing}"
    remedy = "Give the result of django_census, taken with every stage."


class KeyUnusable(RotationError):
    code = "E_KEY_UNUSABLE"
    scheme: str
    key_id: str
    problem = "the version {key_id} has a value that is no key for the scheme {scheme}"
    remedy = (
        "Roll back with the rollback playbook. Then run the plan playbook: it names the key and the type that its "
        "values must have. Write that type in O(keys), and rotate again."
    )


class KeyTypeUnfit(RotationError):
    code = "E_KEY_TYPE_UNFIT"
    column: str
    type: str
    scheme: str
    target: str
    advice: str
    problem = "{column}: a new value of the type {type} is no key for the scheme {scheme} of {target}"
    remedy = "{advice}"


class StartWrites(RotationError):
    code = "E_START_WRITES"
    column: str
    statements: str
    problem = (
        "{column}: with other values of these keys the application writes to its database as it starts: {statements}. "
        "These writes were refused"
    )
    remedy = (
        "Find what writes there if a value cannot be read, often AppConfig.ready(), and switch it off, or have it "
        "raise: every process that starts with other keys than those of the data would replace stored values. If it "
        "writes the same whatever the keys are, have it use the same statement each time."
    )


class StartChecks(RotationError):
    code = "E_START_CHECKS"
    column: str
    place: str
    problem = (
        "{column}: the application does not start if it cannot read what is stored: with other values of these keys it "
        "fails at {place}, and starts if every table is empty"
    )
    remedy = (
        "The keys are not wrong. Switch that check off until the rotation is complete: while values are being "
        "re-encrypted, no process could start, and neither could the rollback."
    )


class NewKeysRefused(RotationError):
    code = "E_NEW_KEYS_REFUSED"
    column: str
    place: str
    problem = "{column}: the application does not start with new values of these keys: it fails at {place}"
    remedy = "Look up there which values the application accepts, and give each key its type in O(keys)."


class KeyReused(RotationError):
    code = "E_KEY_REUSED"
    key_id: str
    problem = "the new keys equal the earlier version {key_id}"
    remedy = "Let the collection generate the keys."


class UnusableKeyFile(RotationError):
    code = "E_KEY_FILE"
    path: str
    found: str
    problem = "{path} {found}"
    remedy = "Write it as NAME: 'value' for each key, and encrypt it with ansible-vault encrypt."


class KeyWeak(RotationError):
    code = "E_KEY_WEAK"
    name: str
    path: str
    found: str
    problem = "{name}: the value in {path} {found}"
    remedy = "Let the collection generate it, or supply a better one."


class KeyNotGenerated(RotationError):
    code = "E_KEY_NOT_MADE"
    name: str
    problem = "{name} is of the type openpgp, and this collection does not generate such keys"
    remedy = "Make a pair by gpg, as docs/schemes.md shows, and name the file with both halves in O(values_file)."


class KeyDialect(RotationError):
    code = "E_KEY_DIALECT"
    name: str
    dialect: str
    problem = "{name}: no quoting keeps the new value intact in a file of the dialect {dialect}"
    remedy = "Keep no old values of that list (keep: 0), give the key a destination of its own, or correct the dialect."


class VersionNeeded(RotationError):
    code = "E_VERSION_NEEDED"
    key_id: str
    reason: str
    problem = "the version {key_id} is not to be destroyed: {reason}"
    remedy = (
        "Destroy a version only when no value, no list of another version, no open rotation, no backup that you keep "
        "and no database that a restore kept aside needs it."
    )


class VersionHeld(RotationError):
    code = "E_VERSION_HELD"
    key_id: str
    until: str
    days: int
    problem = "the version {key_id} is held until {until}, {days:day|days} after the rotation that replaced it"
    remedy = "Retire it then. Until then a rollback needs it: -e O(hold_days)=0 gives it up."


class VersionUsed(RotationError):
    code = "E_VERSION_USED"
    column: str
    count: int
    key_id: str
    problem = "{column}: {count:value is|values are} under the version {key_id}"
    remedy = "Roll its rotation back, or rotate once more, and take the census again."


class PreviousDestroyed(RotationError):
    code = "E_PREVIOUS_DESTROYED"
    rotation_id: str
    key_id: str
    when: str
    problem = (
        "rotation {rotation_id} cannot be rolled back: the values of the previous version, {key_id}, were destroyed "
        "on {when}"
    )
    remedy = "Every value is under the current keys. Rotate once more for new ones."
