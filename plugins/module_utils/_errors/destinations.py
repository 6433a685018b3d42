# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in configuration files, Python modules and systemd units, and in places that commands read and write."""

from __future__ import annotations

from .base import RotationError


class ConfigSyntax(RotationError):
    code = "E_CONFIG_SYNTAX"
    path: str
    line: str
    format: str
    problem = "{path}{line} is not valid {format}"
    remedy = "Fix that line, or set the format of this destination in O(keys)."


class ConfigParser(RotationError):
    code = "E_CONFIG_PARSER"
    path: str
    format: str
    python: str
    packages: str
    problem = "{path}: {python} has no parser for {format}"
    remedy = "Install {packages} for it, or keep the key in its own file."


class ConfigValue(RotationError):
    code = "E_CONFIG_VALUE"
    path: str
    place: str
    fault: str
    advice: str
    problem = "{path}: {place} {fault}"
    remedy = "{advice}"


class CommandProgram(RotationError):
    code = "E_COMMAND_PROGRAM"
    name: str
    word: str
    program: str
    user: str
    problem = "the command that {word} {name} begins with {program}, which {user} cannot run"
    remedy = "Write the command in O(keys) as a list of words that begins with a program."


class KeyCommandFailed(RotationError):
    code = "E_COMMAND_FAILED"
    name: str
    word: str
    reason: str
    problem = "the command that {word} {name} failed: {reason}"
    remedy = "Run it by hand as the same user, and correct it in O(keys)."


class CommandPrints(RotationError):
    code = "E_COMMAND_PRINTS"
    name: str
    problem = "the command that writes {name} prints the value"
    remedy = "Silence it, for example with --quiet or > /dev/null in a script: what it prints may be logged."


class CommandReadback(RotationError):
    code = "E_COMMAND_READBACK"
    name: str
    problem = "the command that reads {name} does not return what was written"
    remedy = (
        "Check that both commands in O(keys) use the same value. If a write takes effect late, let the write command "
        "wait until it can be read."
    )


class CommandStamp(RotationError):
    code = "E_COMMAND_STAMP"
    name: str
    path: str
    reason: str | None
    user: str
    problem = "the time at which {name} is written cannot be stored in {path}: {reason}"
    remedy = "Let {user} write there: the time of this file shows which processes were started before the switch."


class UnitVariable(RotationError):
    code = "E_UNIT_VARIABLE"
    unit: str
    name: str
    fault: str
    problem = "{unit}: {name} {fault}"
    remedy = "Set it in one file that all units listed for it in O(keys) use, and set O(user) to the user of the unit."


class UnitCredential(RotationError):
    code = "E_UNIT_CREDENTIAL"
    unit: str
    credential: str
    fault: str
    problem = "{unit}: the credential {credential} {fault}"
    remedy = (
        "Use one LoadCredential= or SetCredential= for all units listed for it in O(keys), and set O(user) to the user "
        "of the unit."
    )


class CredentialNotRead(RotationError):
    code = "E_CREDENTIAL_NOT_READ"
    name: str
    credential: str
    problem = (
        "the application does not read the credential {credential} when it starts. It gets {name} from another place"
    )
    remedy = "Set the destination of {name} in O(keys) to the place from which the settings read it."


class SystemdCreds(RotationError):
    code = "E_SYSTEMD_CREDS"
    credential: str
    word: str
    reason: str
    advice: str
    problem = "systemd-creds cannot {word} the credential {credential}: {reason}"
    remedy = "{advice}"


class CredentialKey(RotationError):
    code = "E_CREDENTIAL_KEY"
    credential: str
    key: str
    problem = "the credential {credential} is encrypted with {key}, and does not show with which options"
    remedy = (
        "In its destination in O(keys), set encrypt: to the options of systemd-creds encrypt that created it, such as "
        "[--with-key=host+tpm2, --tpm2-pcrs=7]."
    )


class FileShared(RotationError):
    code = "E_FILE_SHARED"
    path: str
    units: str
    problem = "{path} is also read by {units}, which O(services) does not list and which would keep the previous keys"
    remedy = "List {units} in O(services), or keep the keys in a file that only listed units read."


class UnitShared(RotationError):
    code = "E_UNIT_SHARED"
    path: str
    units: str
    others: str
    problem = "{path} is also read by {others}, but the destination names only {units}"
    remedy = (
        "List all of them as unit: in O(keys) and in O(services), so that they all get the new keys at the same time."
    )
