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
        "Set O(env_file) to the file that the application reads. If the keys are in another place, such as a settings "
        "module, set their destinations in O(keys). If the folder is wrong, correct O(project_dir)."
    )


class EnvPath(RotationError):
    code = "E_ENV_PATH"
    path: str
    problem = "the path {path} of the .env file is not absolute, or has an invalid character"
    remedy = "Write the full path, without '..'."


class EnvUnsafe(RotationError):
    code = "E_ENV_UNSAFE"
    path: str
    kind: str
    problem = "{path} is {kind}"
    remedy = "Set O(env_file) to the regular file itself."


class EnvMode(RotationError):
    code = "E_ENV_MODE"
    path: str
    mode: str
    problem = "other users can access {path} (mode {mode}). The mode must be 0600 or 0640"
    remedy = "Run chmod 0600 {path}, or 0640 if the application reads it through its group, then run again."


class EnvFolder(RotationError):
    code = "E_ENV_FOLDER"
    folder: str
    path: str
    mode: str
    problem = "{folder} is world-writable (mode {mode}), so anybody could replace {path}"
    remedy = "Run chmod o-w {folder}, then run again."


class EnvBindmount(RotationError):
    code = "E_ENV_BINDMOUNT"
    path: str
    problem = "{path} is itself a mount point, such as a single file that is mounted into a container"
    remedy = (
        "Run against the host from which the file is mounted, or mount its folder instead. A container in which the "
        "file itself is mounted keeps the old file until the container is recreated; a restart is not enough."
    )


class EnvInImage(RotationError):
    code = "E_ENV_IN_IMAGE"
    path: str
    problem = "{path} is inside a container and is not on a mount: new keys in it would be lost with the container"
    remedy = (
        "Mount its folder into the container that O(python) starts or enters, at the same path. If the file is part of "
        "the image, every copy of the image contains keys: build the image without the file, and mount it instead."
    )


class EnvEncoding(RotationError):
    code = "E_ENV_ENCODING"
    path: str
    line: int
    fault: str
    problem = "{path}:{line}: {fault}"
    remedy = "Fix that line: programs that read the file fail on it."


class EnvSyntax(RotationError):
    code = "E_ENV_SYNTAX"
    path: str
    line: int
    name: str
    fault: str
    problem = "{path}:{line}: {name} {fault}"
    remedy = "Write the line as NAME=value or NAME='value'."


class EnvDuplicate(RotationError):
    code = "E_ENV_DUPLICATE"
    path: str
    line: int
    name: str
    first: int
    problem = "{path}:{line}: {name} is set twice (first on line {first})"
    remedy = "Programs use the last one. Delete the wrong line."


DEFAULT_KEYS = ("SECRET_KEY", "ENCRYPTION_SALT")  # of O(keys)


def listed_by(names: Iterable[str]) -> str:
    """Return who lists the keys of these names. A person who has not set O(keys) does not know that it has a
    default."""
    return "the default of O(keys) lists it" if tuple(names) == DEFAULT_KEYS else "O(keys) lists it"


class EnvKeyMissing(RotationError):
    code = "E_ENV_KEY_MISSING"
    path: str
    name: str
    line: str
    listed: str
    prefix = "{path}: {name} "
    problem = "is not set, and {listed}"
    remedy = (
        "List the keys with which the application encrypts: {line}. If {name} is one of them, add it to the file with "
        "the value with which the data is encrypted, or correct O(env_file)."
    )


class EnvKeyEmpty(RotationError):
    code = "E_ENV_KEY_EMPTY"
    path: str
    line: int
    name: str
    problem = "{path}:{line}: {name} is empty"
    remedy = "Set it to the value with which the data is encrypted."


class EnvReader(RotationError):
    code = "E_ENV_READER"
    path: str
    reader: str
    name: str
    problem = "{path}: {reader} reads another value for {name} than the one that was written"
    remedy = "Put the value in single quotes, and avoid '${{' and quotes in it."


class EnvReadback(RotationError):
    code = "E_ENV_READBACK"
    path: str
    problem = "{path} reads back differently than it was written"
    remedy = "Check the disk, then run the same command again."


class InvalidKeyLine(RotationError):
    code = "E_KEY_LINE"
    path: str
    line: int
    fault: str
    problem = "{path}:{line}: {fault}"
    remedy = "The file must contain only keys, one per line, or one OpenPGP key."


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
    remedy = "Give {user} read permission, or set O(user)."


class EnvExported(RotationError):
    code = "E_ENV_EXPORTED"
    name: str
    path: str
    problem = "{name} is in the environment of the process, and overrides {path}"
    remedy = (
        "Remove it from the environment (for example Environment= in a unit, or an export in a shell profile), then "
        "run again."
    )


class EnvNotRead(RotationError):
    code = "E_ENV_NOT_READ"
    path: str
    problem = "the application does not read {path} when it starts"
    remedy = "Set O(env_file), or the destination of the key in O(keys), to the file that the settings load."


class EnvNotLive(RotationError):
    code = "E_ENV_NOT_LIVE"
    name: str
    path: str
    problem = "the application's setting {name} does not have the value in {path}"
    remedy = (
        "Another file or variable overrides it. Find it, and set O(env_file) to the file that the application uses."
    )


class EnvBetweenVersions(RotationError):
    code = "E_ENV_BETWEEN_VERSIONS"
    path: str
    first: str
    second: str
    problem = "{path} contains the keys of two versions: first those of {first}, then those of {second}"
    remedy = (
        "A rotation or rollback with O(mode) online has not finished. The application reads every value with both "
        "keys. Run the same command again, or the rollback playbook, with O(mode) online too."
    )


class EnvNotSwitched(RotationError):
    code = "E_ENV_NOT_SWITCHED"
    path: str
    key_id: str
    expected: str
    problem = "{path} contains the keys {key_id}, but the data should be under {expected}"
    remedy = (
        "If a rotation or rollback was interrupted, run its command again. Otherwise change nothing before you know "
        "which of the two the data is under. If the application can read its data, the file is right: another "
        "inventory or control node rotated with its own store, so set O(store) to that store. If the application "
        "cannot read its data, someone changed the file: restore the keys of the store (the lookup "
        "tetech.key_rotation.keys returns them)."
    )
