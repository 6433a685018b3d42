# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places where the keys of an application are kept: lines of its .env file, or the ``destination`` of a key.

``keys`` is the list of the operator, each {name, destination}.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from .._engine.crypto.key_entry import DestinationOptions, KeyEntries, KeyEntry, destination_of
from .._errors.options import InvalidOption
from . import env_file_editor, unit_credentials, unit_files
from .command_destination import CommandDestination, KeyCommands
from .config_file import ConfigFile, format_of
from .credential_destination import CredentialDestination
from .destination_interface import Delivery, Destination, DestinationChange
from .destination_options import is_in_source, path_of, units_of
from .env_file_destination import EnvLines
from .env_file_dialects import DIALECTS
from .key_files import KeyFile
from .secret_destination import SecretDestination, SecretPlace
from .unit_credentials import CredentialSource


def of(env_file: str | None, keys: KeyEntries, dialect: str = "dotenv") -> list[Destination]:
    """Return every place that has keys, the .env file first.

    Raise E_ENV_PATH, and E_OPTION if one file is named twice: each key would overwrite the other.
    """
    places = _build(env_file, keys, dialect)
    _refuse_shared_files(places)
    return places


def _build(env_file: str | None, keys: KeyEntries, dialect: str) -> list[Destination]:
    lines = names_of_env_file(keys)
    places: list[Destination] = [EnvLines(env_file, lines, dialect)] if env_file and lines else []
    own = {key["name"]: _resolved(key) for key in keys if key.get("destination")}
    places += [KeyFile(_expanded(path), name) for name, path in own.items() if isinstance(path, str)]
    members = {name: destination for name, destination in own.items() if isinstance(destination, Mapping)}
    places += [
        CommandDestination(KeyCommands(name, destination["read"], destination["write"]))
        for name, destination in members.items()
        if destination.get("write")
    ]
    of_files = {name: destination for name, destination in members.items() if destination.get("file")}
    other_lines = {name: destination for name, destination in of_files.items() if destination.get("dialect")}
    places += _other_lines(other_lines)
    places += _secrets({name: destination for name, destination in members.items() if destination.get("secret")})
    places += _credentials(
        {name: destination for name, destination in own.items() if isinstance(destination, CredentialSource)}
    )
    return places + _config_files(
        {name: destination for name, destination in of_files.items() if name not in other_lines}
    )


def _resolved(key: KeyEntry) -> str | DestinationOptions | CredentialSource | None:
    """A destination on this host: of a unit, the file from which it takes the variable or the credential."""
    destination = destination_of(key)
    if not destination.get("unit"):
        return key.get("destination")
    units = units_of(destination)
    if destination.get("credential"):
        return unit_credentials.find(units, destination["credential"], tuple(destination.get("encrypt") or ()))
    return unit_files.find(units, key["name"])


def _credentials(sources: Mapping[str, CredentialSource]) -> list[Destination]:
    """Each file once, with all its keys."""
    files: dict[str, dict[str, CredentialSource]] = {}
    for name, source in sources.items():
        files.setdefault(source.file, {})[name] = source
    return [CredentialDestination(file, of_file) for file, of_file in files.items()]


def _secrets(destinations: Mapping[str, DestinationOptions]) -> list[Destination]:
    """Each Secret of Kubernetes once, with all its keys."""
    secrets: dict[SecretPlace, dict[str, str]] = {}
    for name, destination in destinations.items():
        secrets.setdefault(SecretPlace.of(destination), {})[name] = destination.get("entry") or name
    return [SecretDestination(secret, entries) for secret, entries in secrets.items()]


def _other_lines(destinations: Mapping[str, DestinationOptions]) -> list[Destination]:
    """Return each further .env file once, with all its keys."""
    files: dict[tuple[str, str], list[str]] = {}
    for name, destination in destinations.items():
        files.setdefault((destination["file"], destination["dialect"]), []).append(name)
    return [EnvLines(_expanded(file), names, dialect) for (file, dialect), names in files.items()]


def _config_files(destinations: Mapping[str, DestinationOptions]) -> list[Destination]:
    """Each file once, with all its keys."""
    files: dict[tuple[str, str, Delivery], dict[str, str | Sequence[str]]] = {}
    for name, destination in destinations.items():
        delivery = Delivery.ENVIRONMENT if destination.get("exported") else Delivery.FILE
        place = destination["file"], format_of(destination["file"], destination.get("format")) or "", delivery
        files.setdefault(place, {})[name] = path_of(name, destination)
    return [ConfigFile(_expanded(file), paths, form, delivery) for (file, form, delivery), paths in files.items()]


def _expanded(path: str) -> str:
    """Expand a path as Ansible does: ~ is the home of the user who runs the module."""
    return os.path.expanduser(os.path.expandvars(path))


def read(env_file: str | None, keys: KeyEntries, *, every: bool = True, dialect: str = "dotenv") -> dict[str, str]:
    """Return the values of all keys. Raise E_ENV_*, E_KEY_LINE or E_OPTION.

    Without ``every``, keys that a .env file does not set are left out, if it sets at least one.
    """
    places = of(env_file, keys, dialect)
    if names_of_env_file(keys) and not env_file:
        raise InvalidOption(option="env_file", fault="is not set", advice="Set it to the file with the keys.")
    return {name: value for place in places for name, value in place.read(every=every).items()}


def names_of_env_file(keys: KeyEntries) -> list[str]:
    """Return the keys that the .env file sets."""
    return [key["name"] for key in keys if not key.get("destination")]


def files(keys: KeyEntries) -> dict[str, str]:
    """Return the keys that the application reads from other files than the .env file, and these files."""
    return {name: place.path for place in _delivered(keys, Delivery.FILE) if place.path for name in place.names}


def config_files(keys: KeyEntries) -> dict[str, str]:
    """Return those members of ``files`` that are configuration files, not key files."""
    return files([key for key in keys if isinstance(key.get("destination"), Mapping)])


def read_by_application(env_file: str | None, keys: KeyEntries, dialect: str) -> dict[str, str]:
    """Return the keys that the application itself reads when it starts, each with what a person calls its place."""
    lines = names_of_env_file(keys) if env_file and DIALECTS[dialect].read_by_application else ()
    own = {name: f"the credential {credential}" for name, credential in credentials(keys).items()}
    return {**dict.fromkeys(lines, env_file or ""), **files(keys), **own}


def overriding(keys: KeyEntries) -> dict[str, str]:
    """Return the environment variables that override keys in a Python module, each with that file."""
    places = [place for place in _delivered(keys, Delivery.FILE) if isinstance(place, ConfigFile)]
    return {variable: place.path for place in places for variable in place.variables()}


def moves(keys: KeyEntries) -> dict[str, str]:
    """Return by key, for keys in source code, the change that moves it to the environment. Raise the errors of
    ``read``."""
    places = _build(None, [key for key in keys if is_in_source(key.get("destination"))], "dotenv")
    return {name: move for place in places if isinstance(place, ConfigFile) for name, move in place.moves().items()}


def exported(keys: KeyEntries) -> list[Destination]:
    """Return the places, other than the .env file, that become the application's environment when it starts."""
    return _delivered(keys, Delivery.ENVIRONMENT)


def credentials(keys: KeyEntries) -> dict[str, str]:
    """The keys that the application reads in credentials of systemd, and the names of these."""
    own = {key["name"]: destination_of(key) for key in keys}
    return {name: destination["credential"] for name, destination in own.items() if "credential" in destination}


def credential_contents(keys: KeyEntries, values: Mapping[str, str]) -> dict[str, bytes]:
    """Return the content of each credential with these values of the keys. Raise the errors of ``read``."""
    places = [place for place in _delivered(keys, Delivery.CREDENTIAL) if isinstance(place, CredentialDestination)]
    return {name: content for place in places for name, content in place.contents(values).items()}


def secrets(keys: KeyEntries) -> list[SecretDestination]:
    """The Secrets of Kubernetes that have keys."""
    return [place for place in exported(keys) if isinstance(place, SecretDestination)]


def _delivered(keys: KeyEntries, delivery: Delivery) -> list[Destination]:
    """Return the places, other than the .env file, that deliver their keys to the application in this way."""
    own = _build(None, [key for key in keys if key.get("destination")], "dotenv")
    return [place for place in own if place.delivery == delivery]


def together(keys: KeyEntries) -> list[list[str]]:
    """The names of the keys that each place has. These are always switched at once."""
    of_units, others = _of_units(keys)
    return [
        *(list(place.names) for place in _build("the .env file", others, "dotenv")),
        *([key["name"]] for key in of_units),
    ]


def _of_units(keys: KeyEntries) -> tuple[list[KeyEntry], list[KeyEntry]]:
    """Return the keys of units, whose places only the host knows, and the other keys."""
    of_units = [key for key in keys if destination_of(key).get("unit")]
    return of_units, [key for key in keys if key not in of_units]


def described(env_file: str | None, keys: KeyEntries) -> str:
    """Return the places as a person calls them. This needs no knowledge of the host."""
    _, others = _of_units(keys)
    places = [place.place for place in _build(env_file, others, "dotenv")]
    units = [f"unit {unit}" for key in keys if key not in others for unit in units_of(destination_of(key))]
    return ", ".join(dict.fromkeys([*places, *units]))


def changes(env_file: str, keys: KeyEntries, values: Mapping[str, str], dialect: str) -> list[DestinationChange]:
    """Return the change of each place that would change. Raise the errors of ``read``."""
    place_changes = (place.change(values) for place in of(env_file, keys, dialect))
    return [change for change in place_changes if change]


def refuse_unwritable(env_file: str, keys: KeyEntries) -> None:
    """Raise E_ENV_WRITE if one of the places could not be rewritten later."""
    for place in of(env_file, keys):
        place.refuse_unwritable()


def rewritten(env_file: str | None, keys: KeyEntries) -> dict[str, str]:
    """Return the places whose previous values something may write again when a person runs it, each with that."""
    commands = {place.place: place.rewritten_by() for place in of(env_file, keys)}
    return {place: command for place, command in commands.items() if command}


def changed_at(env_file: str, keys: KeyEntries) -> float:
    """Return when the last of the places was changed. Raise OSError."""
    return max(place.changed_at for place in of(env_file, keys))


def paths(env_file: str | None, keys: KeyEntries) -> list[str]:
    """Return every file that has keys. Raise the errors of ``of``."""
    return [place.path for place in of(env_file, keys) if place.path]


def files_for_systemd(env_file: str | None, keys: KeyEntries, dialect: str) -> list[str]:
    """Return the files of variables with keys that systemd reads. Raise the errors of ``of``."""
    lines = (place for place in of(env_file, keys, dialect) if isinstance(place, EnvLines))
    return [place.path for place in lines if place.dialect == "systemd"]


def _refuse_shared_files(places: Sequence[Destination]) -> None:
    real_paths: set[str] = set()
    for path in (place.path for place in places if place.path):
        env_file_editor.refuse_path(path)
        if os.path.realpath(path) in real_paths:
            twice = f"has the destination {path} twice, or that path is the .env file"
            advice = (
                "Use a separate file for each key with a destination, or write all keys of one file in the same way."
            )
            raise InvalidOption(option="keys", fault=twice, advice=advice)
        real_paths.add(os.path.realpath(path))
