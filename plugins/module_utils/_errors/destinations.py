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
    remedy = "Install {packages} for it, or keep the key in a file of its own."


class ConfigValue(RotationError):
    code = "E_CONFIG_VALUE"
    path: str
    place: str
    found: str
    advice: str
    problem = "{path}: {place} {found}"
    remedy = "{advice}"


class CommandProgram(RotationError):
    code = "E_COMMAND_PROGRAM"
    name: str
    word: str
    program: str
    user: str
    problem = "the command that {word} {name} begins with {program}, which is no program that {user} can run"
    remedy = "Write the command in O(keys) as a list of words, the first of which is a program."


class KeyCommandFailed(RotationError):
    code = "E_COMMAND_FAILED"
    name: str
    word: str
    found: str
    problem = "the command that {word} {name} failed: {found}"
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
    remedy = "Make both commands in O(keys) address the same value, and wait in the second one until it is there."


class CommandStamp(RotationError):
    code = "E_COMMAND_STAMP"
    name: str
    path: str
    reason: str | None
    user: str
    problem = "when {name} is written cannot be kept in {path}: {reason}"
    remedy = "Let {user} write there: which processes were started before the switch is known by the time of this file."


class UnitVariable(RotationError):
    code = "E_UNIT_VARIABLE"
    unit: str
    name: str
    found: str
    problem = "{unit}: {name} {found}"
    remedy = "Have one file set it, for all units that O(keys) lists for it, and give the user of the unit in O(user)."


class UnitCredential(RotationError):
    code = "E_UNIT_CREDENTIAL"
    unit: str
    credential: str
    found: str
    problem = "{unit}: the credential {credential} {found}"
    remedy = (
        "Have one LoadCredential= or SetCredential= give it, to all units that O(keys) lists for it, and give the user "
        "of the unit in O(user)."
    )


class CredentialNotRead(RotationError):
    code = "E_CREDENTIAL_NOT_READ"
    name: str
    credential: str
    problem = "the application does not read the credential {credential} when it starts, and has {name} from elsewhere"
    remedy = "Set the destination of {name} in O(keys) to where its settings read it."


class SystemdCreds(RotationError):
    code = "E_SYSTEMD_CREDS"
    credential: str
    word: str
    found: str
    advice: str
    problem = "systemd-creds cannot {word} the credential {credential}: {found}"
    remedy = "{advice}"


class CredentialKey(RotationError):
    code = "E_CREDENTIAL_KEY"
    credential: str
    found: str
    problem = "the credential {credential} is encrypted with {found}, and how it was made cannot be read from it"
    remedy = (
        "Give the options with which systemd-creds encrypt makes it as encrypt: in its destination in O(keys), such as "
        "[--with-key=host+tpm2, --tpm2-pcrs=7]."
    )


class UnitShared(RotationError):
    code = "E_UNIT_SHARED"
    path: str
    units: str
    others: str
    problem = "{path} is also read by {others}, and the destination names only {units}"
    remedy = "List all of them as unit: in O(keys) and in O(services), so that they change their keys together."
