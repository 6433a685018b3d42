# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Django project: starting it, reading through it, its logs, commands and migrations."""

from __future__ import annotations

from .base import RotationError


class ApplicationReads(RotationError):
    code = "E_APPLICATION_READS"
    names: str
    advice: str
    problem = "the application reads in another way than before: {names}"
    remedy = (
        "{advice}If values were written since the rotation began, as after an interruption, roll it back and begin a "
        "new one."
    )


class ApplicationModel(RotationError):
    code = "E_APPLICATION_MODEL"
    model: str
    sqlstate: str
    advice: str
    problem = "the application cannot read its model {model} (SQLSTATE {sqlstate})"
    remedy = "{advice}"


class ApplicationWrites(RotationError):
    code = "E_APPLICATION_WRITES"
    name: str
    advice: str
    problem = "reading {name} in a transaction that may not write ends in an error of PostgreSQL"
    remedy = "If it writes, such as a log of who has read, {advice}If one of its own queries is wrong, fix the query."


class ApplicationActs(RotationError):
    code = "E_APPLICATION_ACTS"
    name: str
    act: str
    problem = "{name} {act} when it is read, which was refused before it was done"
    remedy = (
        "If it only asks for something there, such as a key, allow it: "
        '-e \'{{"O(application_external)": ["{name}"]}}\'. '
        "If it does anything else, such as to send a mail, leave it out: "
        '-e \'{{"O(application_ignore)": ["{name}"]}}\'.'
    )


class RoundTripFailed(RotationError):
    code = "E_ROUND_TRIP"
    name: str
    found: str
    problem = "a text through the application's own {name} {found}"
    remedy = (
        "Assign a text to it in manage.py shell, and read it again. If it cannot be read, or is under other keys, find "
        "out which file the application reads its keys from, and set O(env_file) to it. Otherwise fix its code."
    )


class ValuesRefused(RotationError):
    code = "E_VALUES_REFUSED"
    name: str
    count: int
    problem = (
        "the application reads none of the {count:value|values} of {name}, and the current keys open what is stored in "
        "each that was tried"
    )
    remedy = (
        "Read one of them in manage.py shell: the error that its code raises says why. If it checks a digest of the "
        "ciphertext, which a rotation before has changed, have the digests made again. If nobody needs this "
        'attribute, leave it out: -e \'{{"O(application_ignore)": ["{name}"]}}\'.'
    )


class ApplicationCheck(RotationError):
    code = "E_APPLICATION_CHECK"
    found: str
    problem = "manage.py check --deploy reports new problems: {found}"
    remedy = "Run it by hand in the project's folder."


class VerifyEncryption(RotationError):
    code = "E_VERIFY_ENCRYPTION"
    found: str
    problem = "the application's own manage.py verify_encryption finds more problems than before: {found}"
    remedy = "Run it by hand in the project's folder."


class LogErrors(RotationError):
    code = "E_LOG_ERRORS"
    count: int
    sources: str
    problem = (
        "{count:line that reports|lines that report} failed decryption {count:was/were} logged since the application "
        "was started: {sources}"
    )
    remedy = (
        "Read them there. If they have nothing to do with the keys, set O(verification_log_errors) to "
        "warn, or correct O(log_patterns)."
    )


class LogUnseen(RotationError):
    code = "E_LOG_UNSEEN"
    problems: str
    problem = "whether errors were logged since the application was started cannot be seen: {problems}"
    remedy = (
        "Give the user of the application the right to read its logs, or correct O(log_files) or "
        "O(log_units). To continue without them, set O(verification_log_errors) to warn."
    )


class CommandFailed(RotationError):
    code = "E_COMMAND"
    number: int
    found: str
    problem = "the command {number} does not end well: {found}"
    remedy = "Run it by hand in the project's folder to see why. To give it more time, set O(verification_timeout)."


class CommandTimedOut(RotationError):
    code = "E_COMMAND_TIME"
    name: str
    seconds: str
    problem = "manage.py {name} has not ended after {seconds} seconds"
    remedy = "Run it by hand in the project's folder. To give it more time, set O(verification_timeout)."


class InvalidProject(RotationError):
    code = "E_PROJECT"
    path: str
    found: str
    problem = "{path} {found}"
    remedy = (
        "Set O(project_dir) to the folder that holds manage.py. For an application without manage.py, set it to the "
        "folder in which the application runs, and set O(settings_module)."
    )


class ProjectOwner(RotationError):
    code = "E_PROJECT_OWNER"
    path: str
    owner: str
    user: str
    problem = "{path} belongs to {owner} and the rotation runs as {user}"
    remedy = "Set O(user): {owner} (the application's code must not run as somebody else)."


class SettingsModule(RotationError):
    code = "E_SETTINGS_MODULE"
    path: str
    problem = "{path} names no DJANGO_SETTINGS_MODULE"
    remedy = "Set O(settings_module)."


class DjangoSetup(RotationError):
    code = "E_DJANGO_SETUP"
    error: str
    place: str
    problem = "the application does not start: {error} at {place}"
    remedy = (
        "Run manage.py check with the same user and Python, and fix what it reports. If it succeeds, your shell or "
        "manage.py sets what the settings need. If the service of the application sets it, name the service or its "
        "file in O(environment_from). Otherwise load it in the settings. If the application has a command of its own "
        "in place of manage.py, which prepares more than the settings, O(settings_module) may be a small module that "
        "prepares the same and imports them. Then run again."
    )


class PythonPackage(RotationError):
    code = "E_PYTHON_PACKAGE"
    package: str | None
    python: str
    problem = "{package} is missing in {python}"
    remedy = "Set O(python) to the application's own Python."


class FunctionFailed(RotationError):
    code = "E_FUNCTION"
    function: str
    key_id: str
    found: str
    problem = "{function} of the application, under the keys {key_id}, {found}"
    remedy = "Fix the function, or describe its format in O(schemes)."


class OwnCommandUnknown(RotationError):
    code = "E_OWN_COMMAND_UNKNOWN"
    command: str
    near: str
    problem = "this application has no management command {command}"
    remedy = "Correct the name in O(command). Of the application's own: {near}."


class OwnCommandFailed(RotationError):
    code = "E_OWN_COMMAND_FAILED"
    command: str
    error: str
    problem = "the application's own command {command} failed: {error}"
    remedy = (
        "What it prints is not shown, since it may be a key. If it could not decrypt, check new_keys in O(command) "
        "and keep in O(keys). Then run the same command again."
    )


class OwnCommandNeeded(RotationError):
    code = "E_OWN_COMMAND_NEEDED"
    columns: str
    found: str
    problem = "only the application's own command can restore {columns}, and it failed: {found}"
    remedy = (
        "Fix the command, and run the rollback playbook again. To give these columns up instead, settle each as "
        "unreadable with a reason, set O(method) to direct, and run it again."
    )


class OwnCommandUnseen(RotationError):
    code = "E_OWN_COMMAND_UNSEEN"
    command: str
    count: int
    problem = (
        "{count:value is|values are} under the new version already, and this host has no note of the census before "
        "{command} ran"
    )
    remedy = (
        "Run again on the host on which it ran, the first one of that run. Otherwise run the rollback playbook, and "
        "begin a new rotation."
    )


class MigrationAppUnknown(RotationError):
    code = "E_MIGRATION_APP"
    app: str
    problem = "this project has no application {app}"
    remedy = "Set O(migration_app)."


class MigrationFailed(RotationError):
    code = "E_MIGRATION"
    command: str
    error: str
    problem = "manage.py {command} failed: {error}"
    remedy = "Run it by hand to see the cause, then run the same command again."


class SessionsKept(RotationError):
    code = "E_SESSIONS_KEPT"
    why: str
    problem = "the users' sessions cannot be signed again: {why}"
    remedy = "Set O(sessions) to fallbacks, or leave it out: then everybody is logged out."


class SigningKeyUnknown(RotationError):
    code = "E_SIGNING_KEY"
    problem = "the setting SECRET_KEY has no value of the keys that are rotated, so no session can be signed again"
    remedy = "Leave O(sessions) out, or list in O(keys) the key of which the application makes SECRET_KEY."


class FallbacksNotRead(RotationError):
    code = "E_FALLBACKS_NOT_READ"
    why: str
    problem = "the application cannot keep the old SECRET_KEY valid: {why}"
    remedy = (
        "Add the line SECRET_KEY_FALLBACKS= to O(env_file), and to the settings: SECRET_KEY_FALLBACKS = [key for key "
        'in os.getenv("SECRET_KEY_FALLBACKS", "").split(",") if key]. Or set O(sessions) to resign.'
    )


class SessionsCompromised(RotationError):
    code = "E_SESSIONS_COMPROMISED"
    chosen: str
    problem = (
        "the keys that are replaced are compromised, and O(sessions) is {chosen}: whoever has the old key can have "
        "made a session, which would be kept"
    )
    remedy = "Leave O(sessions) out: then the sessions are ended."
