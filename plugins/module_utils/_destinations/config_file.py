# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are values of a configuration file: INI, JSON, TOML or YAML by a path, or constants of a Python module."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .._errors.destinations import ConfigParser, ConfigSyntax, ConfigValue
from . import config_values, env_file_editor, python_constants
from .config_formats import CONFIG_FORMATS, InvalidText, NoParser
from .config_values import RefusedValue, UnsetValue
from .destination_interface import Delivery, Destination, DestinationChange

PYTHON = "python"
FORMATS = (*CONFIG_FORMATS, PYTHON)
SUFFIXES = {
    ".py": PYTHON,
    **{suffix: config_format.name for config_format in CONFIG_FORMATS.values() for suffix in config_format.suffixes},
}
LITERAL = "Write it there as plain text or as a list of plain texts, or correct its path in O(keys)."
TRIAL = "trial-of-a-new-value"


class ConfigFile(Destination):
    """Values of one file. ``paths`` has the path of each key. Raise E_ENV_* or E_CONFIG_*."""

    path: str

    def __init__(self, path: str, paths: Mapping[str, str | Sequence[str]], form: str, delivery: Delivery) -> None:
        super().__init__(path, list(paths), path, delivery)
        self._form = form
        self._paths = {name: _split(form, key_path) for name, key_path in paths.items()}

    def read(self, *, every: bool = True) -> dict[str, str]:
        text = env_file_editor.read_text(self.path)
        return self._values(text, every=every)

    def variables(self) -> list[str]:
        """Return the environment variables whose defaults the values are. Raise the errors of ``read``."""
        if self._form != PYTHON:
            return []
        text, variables = env_file_editor.read_text(self.path), []
        for path in self._paths.values():
            with self._refusing(path):
                variables.append(python_constants.variable(text, path))
        return [variable for variable in variables if variable]

    def moves(self) -> dict[str, str]:
        """Return by key of a Python module the change that moves it to the environment, without its value. Raise the
        errors of ``read``."""
        text, moves = env_file_editor.read_text(self.path), {}
        for name, path in self._paths.items():
            with self._refusing(path):
                line, place, expression = python_constants.moved(text, path, name)
                moves[name] = f"{self.path}:{line}: - {place} = ... + {place} = {expression}"
        return moves

    def refuse_unwritable(self) -> None:
        env_file_editor.refuse_unwritable(self.path)
        self.change(dict.fromkeys(self._paths, TRIAL))  # a value that a YAML alias shares, for example, is refused

    def change(self, values: Mapping[str, str]) -> DestinationChange | None:
        text = new_text = env_file_editor.read_text(self.path)
        for name, path in self._paths.items():
            with self._refusing(path):
                if self._form == PYTHON:
                    new_text = python_constants.rewritten(new_text, path, values[name])
                else:
                    new_text = config_values.rewritten(CONFIG_FORMATS[self._form], new_text, path, values[name])
        if new_text == text:
            return None
        return (PythonModuleChange if self._form == PYTHON else env_file_editor.FileChange)(self.path, text, new_text)

    def _values(self, text: str, *, every: bool) -> dict[str, str]:
        values = {}
        for name, path in self._paths.items():
            with self._refusing(path):
                try:
                    values[name] = self._value(text, path)
                except UnsetValue:
                    if every:
                        raise
        return values

    def _value(self, text: str, path: Sequence[str]) -> str:
        if self._form == PYTHON:
            return python_constants.read(text, path)
        return config_values.read(CONFIG_FORMATS[self._form], text, path)

    @contextlib.contextmanager
    def _refusing(self, path: Sequence[str]) -> Iterator[None]:
        """Turn the reason why a value is refused into an error of the catalog."""
        try:
            yield
        except InvalidText as exc:
            line = f":{exc.line}" if exc.line else ""
            raise ConfigSyntax(path=self.path, line=line, format=self._form) from None
        except NoParser:
            packages = CONFIG_FORMATS[self._form].packages
            raise ConfigParser(path=self.path, format=self._form, python=sys.executable, packages=packages) from None
        except RefusedValue as exc:
            raise ConfigValue(path=self.path, place=".".join(path), fault=exc.fault, advice=LITERAL) from None


@dataclass(frozen=True, repr=False)
class PythonModuleChange(env_file_editor.FileChange):
    """A new text for a Python module.

    Its compiled files are removed, because they contain the old value. Python uses one if the time and the size of the
    source agree (PEP 552).
    """

    _leftovers: list[str] = field(default_factory=list, init=False)

    @property
    def leftovers(self) -> Sequence[str]:
        return self._leftovers

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Callable[[], None]]:
        with super().prepared() as switch:

            def switch_module() -> None:
                before = os.stat(self.path).st_mtime
                switch()
                after = os.stat(self.path)
                if int(after.st_mtime) == int(before):
                    os.utime(self.path, (after.st_atime, before + 1))
                self._discard_compiled()

            yield switch_module

    def _discard_compiled(self) -> None:
        for path in _compiled(self.path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue
            except OSError:
                self._leftovers.append(path)


def _compiled(module: str) -> list[str]:
    """The compiled files of a module: next to it (``compileall -b``), in its ``__pycache__``, and below
    PYTHONPYCACHEPREFIX if this process has it."""
    folder, name = os.path.split(os.path.abspath(module))
    stem, suffix = os.path.splitext(name)
    if suffix != ".py":
        return []
    folders = [os.path.join(folder, "__pycache__")]
    if prefix := sys.pycache_prefix or os.environ.get("PYTHONPYCACHEPREFIX"):
        folders.append(os.path.join(os.path.abspath(prefix), folder.lstrip(os.sep)))
    patterns = [os.path.join(glob.escape(parent), f"{glob.escape(stem)}.*.pyc") for parent in folders]
    next_to_it = os.path.join(folder, f"{stem}.pyc")
    return [*filter(os.path.lexists, [next_to_it]), *(path for pattern in patterns for path in glob.glob(pattern))]


def format_of(file: str, form: str | None) -> str | None:
    """Return the format of a file, from the option or its name. None if it is unknown."""
    return form if form else SUFFIXES.get(os.path.splitext(file)[1])


def _split(form: str, path: str | Sequence[str]) -> list[str]:
    if not isinstance(path, str):
        return [str(step) for step in path]
    return path.split(".") if form == PYTHON else CONFIG_FORMATS[form].split(path)
