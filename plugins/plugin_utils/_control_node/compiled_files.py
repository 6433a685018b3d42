# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled files of this collection, kept for the next playbook. Ansible's own loader compiles them in each one.

They are kept as Python keeps those of other packages, but in the user's cache folder: ``ansible-galaxy collection
verify`` reports every folder that a collection was not installed with.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

COLLECTION = __name__.partition(".plugin_utils.")[0]
PACKAGES = (f"{COLLECTION}.plugin_utils.", f"{COLLECTION}.module_utils.")
FOLDER = ".cache/key_rotation/python"


class _Loader(SourceFileLoader):
    """Python's own loader, with its compiled files in FOLDER."""

    def get_code(self, fullname: str) -> CodeType | None:
        before = sys.pycache_prefix
        sys.pycache_prefix = before or _folder()
        try:
            return super().get_code(fullname)
        finally:
            sys.pycache_prefix = before


class _Finder(MetaPathFinder):
    """Finds the modules of the collection that are not plugins."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(PACKAGES):
            return None
        found = (FileFinder(folder, (_Loader, [".py"])).find_spec(name) for folder in path or ())
        return next((spec for spec in found if spec and spec.loader), None)


def keep() -> None:
    """Keep the compiled files of what is imported from now on, unless PYTHONDONTWRITEBYTECODE is set."""
    sys.meta_path.insert(0, _Finder())


def _folder() -> str | None:
    """The cache folder of this user. HOME may be another user's, after su or sudo."""
    with contextlib.suppress(KeyError):
        return os.path.join(pwd.getpwuid(os.geteuid()).pw_dir, FOLDER)
    return None
