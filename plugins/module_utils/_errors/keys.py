# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key versions: making, comparing and destroying them."""

from __future__ import annotations

from .base import RotationError


class KeysDiffer(RotationError):
    code = "E_KEYS_DIFFER"
    env_file: str
    key_id: str
    store: str
    current: str
    problem = "{env_file} contains the keys {key_id}, but the store {store} says that {current} are current"
    remedy = (
        "Change nothing before you know which of the two the data is under. If the application can read its data, the "
        "file is right: somebody rotated with another store, or this store belongs to another application. Set "
        "O(store) to the right one. If the application cannot read its data, the file was changed: restore the keys of "
        "version {current} in it. The lookup tetech.key_rotation.keys reads them from the store, and docs/key-store.md "
        "has a task that writes them."
    )


class KeysLeft(RotationError):
    code = "E_KEYS_LEFT"
    env_file: str
    key_id: str
    rotation_id: str
    problem = (
        "{env_file} still contains the keys {key_id} of rotation {rotation_id}, which was rolled back without this host"
    )
    remedy = "Run the rollback playbook: it rolls this host back too, and changes nothing else."
    next_command = "rollback"


class KeysBack(RotationError):
    code = "E_KEYS_BACK"
    env_file: str
    key_id: str
    store: str
    current: str
    problem = (
        "{env_file} contains the previous keys {key_id}, but the store {store} says that {current} are current: a "
        "rollback was not finished, or this host was left out of the last rotation"
    )
    remedy = (
        "If a rollback was started, finish it with the rollback playbook. If this host was left out, copy the .env "
        "file of another host to it, restart its services, and run the same command again."
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
    key_id: str
    proved: str
    problem = "{env_file} contains the keys {key_id}, but the data was decrypted with {proved}"
    remedy = "The file changed after the data was decrypted. Run the same command again."


class CensusIncomplete(RotationError):
    code = "E_CENSUS_INCOMPLETE"
    missing: str
    problem = "the census does not say {missing}"
    remedy = "Give the result of django_census_info, taken with every stage."


class KeyUnusable(RotationError):
    code = "E_KEY_UNUSABLE"
    scheme: str
    key_id: str
    problem = "version {key_id} has a value that is not a valid key for the scheme {scheme}"
    remedy = (
        "Roll back with the rollback playbook. Then run the plan playbook: it shows the key and the type that its "
        "values must have. Set that type in O(keys), and rotate again."
    )
    next_command = "rollback"


class KeyTypeUnfit(RotationError):
    code = "E_KEY_TYPE_UNFIT"
    column: str
    type: str
    scheme: str
    target: str
    advice: str
    prefix = "{column}: "
    problem = (
        "a new value of the type {type} is not a valid key for the scheme, or not as long as the present one: "
        "{scheme} of {target}"
    )
    remedy = "{advice}"


class StartWrites(RotationError):
    code = "E_START_WRITES"
    column: str
    statements: str
    prefix = "{column}: "
    problem = (
        "with other values of these keys, the application writes to its database while it starts: "
        "{statements}. These writes were blocked"
    )
    remedy = (
        "Find the code that writes there when a value cannot be read, often in AppConfig.ready(). Disable it, or let "
        "it raise an error: a process that starts with the wrong keys would overwrite stored values. If it writes the "
        "same data with any keys, let it always use the same statement."
    )


class KeyFileWritten(RotationError):
    code = "E_KEY_FILE_WRITTEN"
    files: str
    problem = (
        "started with keys that are thrown away, the application had another program change {files}. The former "
        "content was put back"
    )
    remedy = (
        "Find the program that changes the file while the application starts, and disable it until the rotation is "
        "complete. What the application itself writes there is kept in memory, but not what another program writes."
    )


class StartChecks(RotationError):
    code = "E_START_CHECKS"
    column: str
    place: str
    prefix = "{column}: "
    problem = (
        "the application does not start if it cannot read the stored values: with other values of these keys "
        "it fails at {place}, although it starts with empty tables"
    )
    remedy = (
        "The keys are valid. Disable that check until the rotation is complete: while values are being re-encrypted, "
        "no process of the application could start, and a rollback could not start it either."
    )


class NewKeysRefused(RotationError):
    code = "E_NEW_KEYS_REFUSED"
    column: str
    place: str
    prefix = "{column}: "
    problem = "the application does not start with new values of these keys. It fails at {place}"
    remedy = "Find out there which values the application accepts, and set the type of each key in O(keys)."


class KeyNotTaken(RotationError):
    code = "E_KEY_NOT_TAKEN"
    column: str
    path: str
    prefix = "{column}: "
    problem = (
        "the application's setting {column} keeps its present value when the one in {path} changes, so after the "
        "switch the application would not have the new key"
    )
    remedy = (
        "Another file or variable overrides it, or the settings keep a copy. Find the code that sets {column}, and the "
        "files it reads besides {path}, such as .env.local. Let the application take the key from {path} alone, or set "
        "O(env_file), or the destination of the key in O(keys), to the file that it uses."
    )


class KeyReused(RotationError):
    code = "E_KEY_REUSED"
    key_id: str
    problem = "the new keys equal the earlier version {key_id}"
    remedy = "Let the collection generate the keys."


class UnusableKeyFile(RotationError):
    code = "E_KEY_FILE"
    path: str
    fault: str
    problem = "{path} {fault}"
    remedy = "Write it as NAME: 'value' for each key, and encrypt it with ansible-vault encrypt."


class KeyWeak(RotationError):
    code = "E_KEY_WEAK"
    name: str
    path: str
    fault: str
    problem = "{name}: the value in {path} {fault}"
    remedy = "Let the collection generate it, or supply a better one."


class KeyNotGenerated(RotationError):
    code = "E_KEY_NOT_MADE"
    name: str
    problem = "{name} has the type openpgp, and this collection cannot generate such keys"
    remedy = "Create a pair with gpg, as docs/schemes.md shows, and set O(values_file) to the file with both halves."


class KeyDialect(RotationError):
    code = "E_KEY_DIALECT"
    name: str
    dialect: str
    problem = "{name}: the new value cannot be quoted in a file of the dialect {dialect}"
    remedy = "Keep no old values of that list (keep: 0), give the key its own destination, or correct the dialect."


class VersionNeeded(RotationError):
    code = "E_VERSION_NEEDED"
    key_id: str
    reason: str
    problem = "version {key_id} cannot be destroyed: {reason}"
    remedy = (
        "A version can be destroyed when nothing needs it anymore: no value, no list of another version, no open "
        "rotation, no backup that you keep, and no database that a restore kept. When your policy allows it, delete a "
        "backup that is named here, with its manifest."
    )


class VersionInProcess(RotationError):
    code = "E_VERSION_IN_PROCESS"
    key_id: str
    host: str
    reason: str
    advice: str
    problem = "version {key_id} cannot be destroyed while a process on {host} may have it: {reason}"
    remedy = "{advice}"


class VersionKept(RotationError):
    code = "E_VERSION_KEPT"
    key_id: str
    count: int
    reasons: str
    advice: str
    problem = "version {key_id} cannot be destroyed, for {count:reason|reasons}: {reasons}"
    remedy = "{advice}"


class VersionHeld(RotationError):
    code = "E_VERSION_HELD"
    key_id: str
    until: str
    days: int
    problem = "version {key_id} is kept until {until}, {days:day|days} after the rotation that replaced it"
    remedy = "Wait until then, because a rollback needs it. To skip the wait: -e O(hold_days)=0."


class VersionUsed(RotationError):
    code = "E_VERSION_USED"
    column: str
    count: int
    key_id: str
    problem = "{column}: {count:value is|values are} still under version {key_id}"
    remedy = "Roll back the rotation of that version, or rotate once more. Then take the census again."


class PreviousDestroyed(RotationError):
    code = "E_PREVIOUS_DESTROYED"
    rotation_id: str
    key_id: str
    when: str
    problem = "rotation {rotation_id} cannot be rolled back: the previous version {key_id} was destroyed on {when}"
    remedy = "All values are under the current keys. To replace these, rotate once more."
