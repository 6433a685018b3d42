# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The .env file and the key files: reading, editing, and whether the application reads them."""

from __future__ import annotations

from collections.abc import Iterable

from .base import RotationError


class EnvMissing(RotationError):
    code = "E_ENV_MISSING"
    path: str
    problem = "{path} does not exist"
    remedy = (
        "Set O(env_file) to the file the application reads. If its keys are in another place, such as a settings "
        "module, give each its destination in O(keys). If the directory is wrong, correct O(project_dir)."
    )


class EnvPath(RotationError):
    code = "E_ENV_PATH"
    path: str
    problem = "env file {path} is not an absolute path, or has a character that no path has"
    remedy = "Give the whole path, without '..'."


class EnvUnsafe(RotationError):
    code = "E_ENV_UNSAFE"
    path: str
    found: str
    problem = "{path} is {found}"
    remedy = "Point O(env_file) at the regular file itself."


class EnvMode(RotationError):
    code = "E_ENV_MODE"
    path: str
    mode: str
    problem = "{path} is open to other users (mode {mode}); expected is 0600 or 0640"
    remedy = "chmod 0600 {path}, or 0640 if the application reads it through its group, then run again."


class EnvFolder(RotationError):
    code = "E_ENV_FOLDER"
    folder: str
    path: str
    mode: str
    problem = "everybody may write to {folder}, and so replace {path} (mode {mode})"
    remedy = "chmod o-w the folder, then run again."


class EnvBindmount(RotationError):
    code = "E_ENV_BINDMOUNT"
    path: str
    problem = "{path} is itself a mount point, such as a single file that is mounted into a container"
    remedy = (
        "Run against the host that the file is mounted from, or mount its folder instead. A container that has the "
        "file mounted keeps the old one until it is recreated. A restart is not enough."
    )


class EnvInImage(RotationError):
    code = "E_ENV_IN_IMAGE"
    path: str
    problem = "{path} is in a container that ends with this task, and is not mounted: new keys in it would be lost"
    remedy = (
        "Mount its folder into the container that O(python) starts, at the same path. If the file is part of the "
        "image, keys are in every copy of it: build the image without the file, and mount one."
    )


class EnvEncoding(RotationError):
    code = "E_ENV_ENCODING"
    path: str
    line: int
    found: str
    problem = "{path}:{line}: {found}"
    remedy = "Fix that line: programs that read the file fail on it."


class EnvSyntax(RotationError):
    code = "E_ENV_SYNTAX"
    path: str
    line: int
    name: str
    found: str
    problem = "{path}:{line}: {name} {found}"
    remedy = "Write the line as NAME=value or NAME='value'."


class EnvDuplicate(RotationError):
    code = "E_ENV_DUPLICATE"
    path: str
    line: int
    name: str
    first: int
    problem = "{path}:{line}: {name} is set twice (first on line {first})"
    remedy = "Programs use the last one: delete the wrong line."


DEFAULT_KEYS = ("SECRET_KEY", "ENCRYPTION_SALT")  # of O(keys)


def listed_by(names: Iterable[str]) -> str:
    """Who lists the keys of these names: a person who has set no O(keys) does not know that it has a default."""
    return "the default of O(keys) lists it" if tuple(names) == DEFAULT_KEYS else "O(keys) lists it"


class EnvKeyMissing(RotationError):
    code = "E_ENV_KEY_MISSING"
    path: str
    name: str
    line: str
    listed: str
    problem = "{path}: {name} is not set, and {listed}"
    remedy = (
        "List the keys with which the application encrypts: {line}. The plan playbook proposes that line. If {name} "
        "is one of them, add it to the file with the value that the data is encrypted with, or name the right file in "
        "O(env_file)."
    )


class EnvKeyEmpty(RotationError):
    code = "E_ENV_KEY_EMPTY"
    path: str
    line: int
    name: str
    problem = "{path}:{line}: {name} is empty"
    remedy = "Set it to the value that the data is encrypted with."


class EnvReader(RotationError):
    code = "E_ENV_READER"
    path: str
    reader: str
    name: str
    problem = "{path}: {reader} does not read back {name} as it was written"
    remedy = "Quote the value in single quotes, and keep '${{' and quotes out of it."


class EnvReadback(RotationError):
    code = "E_ENV_READBACK"
    path: str
    problem = "{path} does not read back as it was written"
    remedy = "Check the disk, then run the same command again."


class InvalidKeyLine(RotationError):
    code = "E_KEY_LINE"
    path: str
    line: int
    found: str
    problem = "{path}:{line}: {found}"
    remedy = "Write one key per line, or one OpenPGP key, and nothing else, into it."


class EnvChanged(RotationError):
    code = "E_ENV_CHANGED"
    path: str
    problem = "{path} was changed by someone else while it was being rewritten"
    remedy = "Run the same command again."


class EnvWrite(RotationError):
    code = "E_ENV_WRITE"
    path: str
    reason: str | None
    advice: str
    problem = "{path} cannot be written: {reason}"
    remedy = "{advice}"


class EnvRead(RotationError):
    code = "E_ENV_READ"
    path: str
    reason: str | None
    user: str
    problem = "{path} cannot be read: {reason}"
    remedy = "Give {user} the right to read it, or set O(user)."


class EnvExported(RotationError):
    code = "E_ENV_EXPORTED"
    name: str
    path: str
    problem = "{name} is in the environment of the process, and overrides {path}"
    remedy = "Remove it from the environment (Environment= of a unit, export in a profile), then run again."


class EnvNotRead(RotationError):
    code = "E_ENV_NOT_READ"
    path: str
    problem = "the application does not read {path} when it starts"
    remedy = "Set O(env_file), or the destination of the key in O(keys), to the file that its settings load."


class EnvNotLive(RotationError):
    code = "E_ENV_NOT_LIVE"
    name: str
    path: str
    problem = "the application's setting {name} is not what {path} says"
    remedy = (
        "Another file or variable overrides it: find it, and set O(env_file) to the file that the application uses."
    )


class EnvNotSwitched(RotationError):
    code = "E_ENV_NOT_SWITCHED"
    path: str
    found: str
    expected: str
    problem = "{path} holds the keys {found}, and the data is to be under {expected}"
    remedy = (
        "After an interrupted rotation or rollback, run its command again. Otherwise find out which of the two the "
        "data is under before you change either: if the application reads its data, the file is right, and another "
        "inventory or control node has rotated with a store of its own, which O(store) is to name. If it cannot, "
        "someone changed the file: put the keys of the store back (the lookup tetech.key_rotation.keys gives them)."
    )
