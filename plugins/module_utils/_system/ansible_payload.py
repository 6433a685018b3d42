# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the Ansible of a module's process apart from the Ansible of the application.

AnsiballZ packs the few files of ``ansible`` that a module needs. An application that imports Ansible would find these
instead of its own, or both mixed, and could put the module's process into the mode of a control node.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

_hidden: _Payload | None = None


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Let the application import its own ``ansible``, or none, while the block runs. Forks begin like their parent.

    Our own code that imports ``ansible`` in the block does so within ``in_place``.
    """
    global _hidden  # sys.modules, which it describes, is one for the process, too
    archive = _find_archive()
    if archive is None or _hidden:
        yield
        return
    _hidden = payload = _Payload(archive)
    payload.hide()
    try:
        yield
    finally:
        payload.show()
        _hidden = None


@contextlib.contextmanager
def in_place() -> Iterator[None]:
    """Let our own code import Ansible's while the block runs, also within ``hidden``."""
    payload = _hidden
    if payload is None:
        yield
        return
    payload.show()
    try:
        yield
    finally:
        payload.hide()


def _find_archive() -> str | None:
    """The archive from which ``ansible`` was imported. None if it is an installed one, or if there is none."""
    return getattr(getattr(sys.modules.get("ansible"), "__loader__", None), "archive", None)


class _Payload:
    """The ``ansible`` from an archive. While it is in use, that of the application is set aside, and vice versa."""

    def __init__(self, archive: str) -> None:
        self._archive = archive
        self._set_aside: dict[str, ModuleType] = {}

    def hide(self) -> None:
        sys.path[:] = [entry for entry in sys.path if entry != self._archive]
        self._exchange_modules()

    def show(self) -> None:
        self._exchange_modules()
        sys.path.insert(0, self._archive)

    def _exchange_modules(self) -> None:
        names = [name for name in sys.modules if name.partition(".")[0] == "ansible"]
        in_use = {name: sys.modules.pop(name) for name in names}
        sys.modules.update(self._set_aside)
        self._set_aside = in_use
