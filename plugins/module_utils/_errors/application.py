# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Django project: starting it, reading through it, its logs, commands and migrations."""

from __future__ import annotations

from .base import RotationError


class ApplicationReads(RotationError):
    code = "E_APPLICATION_READS"
    names: str
    advice: str
    problem = "the application reads these values differently than before: {names}"
    remedy = (
        "{advice}If values were written since the rotation began, as after an interruption, roll the rotation back and "
        "start a new one."
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
    problem = "reading {name} in a read-only transaction failed with a PostgreSQL error"
    remedy = (
        "If the code writes while it reads, for example an access log, {advice}If one of its queries is wrong, fix the "
        "query."
    )


class ApplicationActs(RotationError):
    code = "E_APPLICATION_ACTS"
    name: str
    act: str
    problem = "{name} {act} when it is read. This was blocked before it happened"
    remedy = (
        "If it only fetches something there, such as a key, allow it: "
        '-e \'{{"O(application_external)": ["{name}"]}}\'. '
        'If it does anything else, such as sending mail, leave it out: -e \'{{"O(application_ignore)": ["{name}"]}}\'.'
    )


# What is wrong, by the outcome of a round trip. One that is not tried is wrong only if it was tried before.
ROUND_TRIP_PROBLEMS = {
    "not_returned": "does not return the value that was written",
    "other_keys": "encrypts under other keys than the current ones",
    "not_tried": "can no longer be written",
}


class RoundTripFailed(RotationError):
    code = "E_ROUND_TRIP"
    name: str
    fault: str
    problem = "a text through the application's own {name} {fault}"
    remedy = (
        "In manage.py shell, assign a text to it and read it again. If the text cannot be read, or is under other "
        "keys, find the file from which the application reads its keys, and set O(env_file) to it. Otherwise fix the "
        "application's code."
    )


class ValuesRefused(RotationError):
    code = "E_VALUES_REFUSED"
    name: str
    count: int
    problem = (
        "the application cannot read any of the {count:value|values} of {name}, although the current keys decrypt "
        "every stored value that was tried"
    )
    remedy = (
        "Read one of them in manage.py shell: the error says why. If the code checks a digest of the ciphertext, which "
        "an earlier rotation changed, recompute the digests. If nobody needs this attribute, leave it out: -e "
        '\'{{"O(application_ignore)": ["{name}"]}}\'.'
    )


class ApplicationCheck(RotationError):
    code = "E_APPLICATION_CHECK"
    problems: str
    problem = "manage.py check --deploy reports new problems: {problems}"
    remedy = "Run it by hand in the project's folder."


class VerifyEncryption(RotationError):
    code = "E_VERIFY_ENCRYPTION"
    problems: str
    problem = "the application's manage.py verify_encryption reports more problems than before: {problems}"
    remedy = "Run it by hand in the project's folder."


class LogErrors(RotationError):
    code = "E_LOG_ERRORS"
    count: int
    sources: str
    problem = (
        "{count:line|lines} about failed decryption {count:was/were} logged since the application was started: "
        "{sources}"
    )
    remedy = (
        "Read these lines in the log. If they have nothing to do with the keys, set O(verification_log_errors) to "
        "warn, or correct O(log_patterns)."
    )


class LogUnseen(RotationError):
    code = "E_LOG_UNSEEN"
    problems: str
    problem = "the logs since the application was started cannot be checked for errors: {problems}"
    remedy = (
        "Give the application's user permission to read its logs, or correct O(log_files) or O(log_units). To continue "
        "without them, set O(verification_log_errors) to warn."
    )


class CommandFailed(RotationError):
    code = "E_COMMAND"
    number: int
    reason: str
    problem = "command {number} failed: {reason}"
    remedy = (
        "Run it by hand in the project's folder to see the cause. To give it more time, set O(verification_timeout)."
    )


class CommandTimedOut(RotationError):
    code = "E_COMMAND_TIME"
    name: str
    seconds: str
    problem = "manage.py {name} did not finish within {seconds} seconds"
    remedy = "Run it by hand in the project's folder. To give it more time, set O(verification_timeout)."


class InvalidProject(RotationError):
    code = "E_PROJECT"
    path: str
    fault: str
    problem = "{path} {fault}"
    remedy = (
        "Set O(project_dir) to the folder that contains manage.py. For an application without manage.py, set "
        "O(settings_module), and O(project_dir) to the folder in which the application runs. An application that is an "
        "installed package needs no O(project_dir)."
    )


class ProjectOwner(RotationError):
    code = "E_PROJECT_OWNER"
    path: str
    owner: str
    user: str
    problem = "{path} belongs to {owner}, but the rotation runs as {user}"
    remedy = "Set O(user): {owner} (the application's code must not run as another user)."


class SettingsModule(RotationError):
    code = "E_SETTINGS_MODULE"
    place: str
    problem = "{place} does not set DJANGO_SETTINGS_MODULE"
    remedy = "Set O(settings_module)."


class DjangoSetup(RotationError):
    code = "E_DJANGO_SETUP"
    error: str
    place: str
    problem = "the application does not start: {error} at {place}"
    remedy = (
        "Run manage.py check with the same user and Python, and fix what it reports. If it succeeds, your shell or "
        "manage.py sets what the settings need. If the service of the application sets it, name the service or its "
        "file in O(environment_from). Otherwise load it in the settings. If the application has its own command "
        "instead of manage.py, and that command prepares more than the settings, set O(settings_module) to a small "
        "module that does the same and imports the settings. Then run again."
    )


class PythonPackage(RotationError):
    code = "E_PYTHON_PACKAGE"
    package: str | None
    python: str
    problem = "{package} is missing in {python}"
    remedy = "Set O(python) to the application's own Python. If that is in a container, install {package} in the image."


class FunctionFailed(RotationError):
    code = "E_FUNCTION"
    function: str
    key_id: str
    fault: str
    problem = "the application's function {function}, with the keys {key_id}, {fault}"
    remedy = "Fix the function, or describe its format in O(schemes)."


class OwnCommandUnknown(RotationError):
    code = "E_OWN_COMMAND_UNKNOWN"
    command: str
    near: str
    problem = "this application has no management command {command}"
    remedy = "Correct the name in O(command). The application has: {near}."


class OwnCommandFailed(RotationError):
    code = "E_OWN_COMMAND_FAILED"
    command: str
    error: str
    problem = "the application's own command {command} failed: {error}"
    remedy = (
        "The command's output is hidden because it may contain a key. If the command could not decrypt, check new_keys "
        "in O(command) and keep in O(keys). Then run the same command again."
    )


class OwnCommandNeeded(RotationError):
    code = "E_OWN_COMMAND_NEEDED"
    columns: str
    reason: str
    problem = "only the application's own command can restore {columns}, and it failed: {reason}"
    remedy = (
        "Fix the command, and run the rollback playbook again. To give up these columns instead, settle each as "
        "unreadable with a reason, set O(method) to direct, and run the playbook again."
    )
    next_command = "rollback"


class OwnCommandUnseen(RotationError):
    code = "E_OWN_COMMAND_UNSEEN"
    command: str
    count: int
    problem = (
        "{count:value is|values are} already under the new version, but this host has no census from before {command} "
        "ran"
    )
    remedy = (
        "Run again on the host on which the command ran, which was the first host of that run. Otherwise run the "
        "rollback playbook, and start a new rotation."
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
    remedy = "Set O(sessions) to fallbacks, or leave it out. Without it, all users are logged out."


class SigningKeyUnknown(RotationError):
    code = "E_SIGNING_KEY"
    problem = "the setting SECRET_KEY is not one of the keys that are rotated, so sessions cannot be signed again"
    remedy = "Leave O(sessions) out, or list in O(keys) the key from which the application derives SECRET_KEY."


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
        "the keys being replaced are compromised, and O(sessions) is {chosen}: it would keep sessions that an attacker "
        "forged with the old key"
    )
    remedy = "Leave O(sessions) out, so that all sessions end."
