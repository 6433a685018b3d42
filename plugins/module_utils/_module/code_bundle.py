# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the files of module_utils to a host, and compile there each file in use only once.

AnsiballZ would parse all of them in every playbook, and Python compiles each file of its zip twice.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from .compiled_code import CompiledCode, path_of

PACKAGE = __name__.rsplit(".", 2)[0]


def pack() -> str:
    """Return all files of module_utils as one text."""
    folder = Path(__file__).parents[1]
    files = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    return base64.b64encode(zlib.compress(json.dumps(files).encode())).decode()


def install(packed: str) -> CompiledCode:
    """Import what ``pack`` returned from memory. Compiled files of an earlier process are used, and new ones can be
    saved."""
    compiled = CompiledCode(path_of(packed))
    sys.meta_path.insert(0, MemoryImporter(json.loads(zlib.decompress(base64.b64decode(packed))), compiled))
    return compiled


class MemoryImporter(MetaPathFinder, Loader):
    """An importer of the modules of PACKAGE, from the text of each file by its path."""

    def __init__(self, files: Mapping[str, str], compiled: CompiledCode) -> None:
        self._compiled = compiled
        self._files = {_module_name(path): (path, text) for path, text in files.items()}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module if it is one of them."""
        if name not in self._files:
            return None
        return ModuleSpec(name, self, is_package=self._files[name][0].endswith("__init__.py"))

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create it."""

    def get_source(self, name: str) -> str:
        """Return the text of a module, as Python's own loaders do."""
        return self._files[name][1]

    def exec_module(self, module: ModuleType) -> None:
        """Compile its file, if that was not done before, and run that."""
        exec(self._compiled.code_of(*self._files[module.__name__]), vars(module))  # noqa: S102


def _module_name(path: str) -> str:
    return ".".join([PACKAGE, *path.removesuffix(".py").removesuffix("/__init__").split("/")])
