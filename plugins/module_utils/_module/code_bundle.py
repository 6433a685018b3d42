# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of module_utils, which a host is sent once and keeps, instead of with every task.

AnsiballZ would parse all of them in every playbook, Python compiles each file of its zip twice, and it reads a program
with a line of a megabyte from a pipe in a quarter of a second.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zlib
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from .kept_code import KeptCode, path_of

PACKAGE = __name__.rsplit(".", 2)[0]


def digest() -> str:
    """Return the SHA-256 of the names and the contents of all files of module_utils, in hex."""
    total = hashlib.sha256()
    for path, text in sorted(_files().items()):
        total.update(f"{path}\n{len(text)}\n{text}".encode())
    return total.hexdigest()


def pack() -> str:
    """Return all files of module_utils as one text."""
    return base64.b64encode(zlib.compress(json.dumps(_files()).encode())).decode()


def install(digest_of_files: str, packed: str) -> KeptCode | None:
    """Import from memory what ``pack`` returned. Without it, what this host kept; None if it kept nothing."""
    files = KeptCode(path_of(digest_of_files), base64.b64decode(packed))
    if not files:
        return None
    sys.meta_path.insert(0, MemoryImporter(files))
    return files


class MemoryImporter(MetaPathFinder, Loader):
    """An importer of the modules of PACKAGE."""

    def __init__(self, files: KeptCode) -> None:
        self._files = files

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module if it is one of them."""
        file = self._file_of(name)
        return ModuleSpec(name, self, is_package=file.endswith("/__init__.py"), origin=file) if file else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create it."""

    def get_source(self, name: str) -> str:
        """Return the text of a module, as Python's own loaders do."""
        return self._files.text_of(self._file_of(name))

    def exec_module(self, module: ModuleType) -> None:
        """Compile its file, if that was not done before, and run that."""
        exec(self._files.code_of(self._file_of(module.__name__)), vars(module))  # noqa: S102

    def _file_of(self, name: str) -> str:
        """The path of a module below module_utils. Empty if there is no such file."""
        package, _, below = name.partition(f"{PACKAGE}.")
        path = below.replace(".", "/")
        return "" if package or not below else self._files.first_of(f"{path}.py", f"{path}/__init__.py")


def _files() -> dict[str, str]:
    folder = Path(__file__).parents[1]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
