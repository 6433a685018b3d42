# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The .env file and the key files: reading, editing, and whether the application reads them."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
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
    "E_ENV_NOT_SWITCHED": (
        "{path} holds the keys {found}, and the data is to be under {expected}",
        "After an interrupted rotation or rollback, run its command again. Otherwise someone changed the file: put the "
        "keys of the store back (the lookup tetech.key_rotation.keys gives them).",
    ),
}
