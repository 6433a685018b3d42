# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Django project: starting it, reading through it, its logs, commands and migrations."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_APPLICATION_READS": (
        "the application reads in another way than before: {names}",
        "See its log: it may hold a key that is not in the env file. {advice}Where values were written since the "
        "rotation was begun, as before it was interrupted, roll it back and begin a new one.",
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
    "E_FUNCTION": (
        "{function} of the application, under the keys {key_id}, {found}",
        "Mend the function, or describe its format in key_rotation_schemes.",
    ),
    "E_MIGRATION_APP": ("{app} is no application of this project", "Set key_rotation_migration_app."),
    "E_MIGRATION": (
        "manage.py {command} failed: {error}",
        "Run it by hand to see the cause, then run the same command again.",
    ),
}
