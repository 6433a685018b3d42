# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that the service of the application gives its processes: variables, and credentials of systemd.

A credential is the file ``$CREDENTIALS_DIRECTORY/NAME`` (systemd.exec(5)). Here it is a link to memory of this process.
So no key is in a file system, and if the process is killed, the memory is freed.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field

CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
# Folders whose contents are lost at a reboot. A folder of the user's own is preferred to them.
RUN_TIME_FOLDERS = ("/run", "/dev/shm")  # noqa: S108
PREFIX = "key_rotation-credentials-"


@dataclass(frozen=True, repr=False)
class ProcessEnvironment:
    """``service_folder`` is the folder in which the service finds its credentials: ``%d`` in the variables of its
    unit."""

    variables: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, bytes] = field(default_factory=dict)
    service_folder: str = ""

    def with_more(self, variables: Mapping[str, str], credentials: Mapping[str, bytes]) -> ProcessEnvironment:
        """Return this environment with other values added, which override its own."""
        both = {**self.variables, **variables}, {**self.credentials, **credentials}
        return ProcessEnvironment(*both, self.service_folder)

    def variables_here(self) -> dict[str, str]:
        """The variables for this process. Its credentials are in a folder of its own from now on."""
        if not self.credentials:
            return dict(self.variables)
        folder = _create_folder()
        for name, content in self.credentials.items():
            os.symlink(_path_in_memory(name, content), os.path.join(folder, name))
        variables = dict(self.variables)
        if self.service_folder:
            variables = {name: value.replace(self.service_folder, folder) for name, value in variables.items()}
        return {**variables, CREDENTIALS_DIRECTORY: folder}


def credential_path(name: str) -> str:
    """Return the path at which the application in this process finds a credential."""
    return os.path.join(os.environ.get(CREDENTIALS_DIRECTORY, ""), name)


def remove_leftovers() -> None:
    """Remove the folders whose processes are gone. They have links to nothing in them."""
    for folder in glob.glob(os.path.join(glob.escape(_run_time_folder()), f"{PREFIX}*")):
        with contextlib.suppress(OSError):  # another user's, or in use
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def _path_in_memory(name: str, content: bytes) -> str:
    """A file that only memory has, and that what this process starts can open as well."""
    descriptor = os.memfd_create(name)
    with os.fdopen(os.dup(descriptor), "wb") as handle:
        handle.write(content)
    os.fchmod(descriptor, 0o400)
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _create_folder() -> str:
    """A folder of mode 0700, which is locked as long as this process or one that was forked from it lives."""
    remove_leftovers()
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=_run_time_folder())
        with contextlib.suppress(FileNotFoundError):  # removed as a leftover before it was locked
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if os.path.isdir(folder):
                atexit.register(_remove, folder, os.getpid())
                return folder


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked process has this, too
        shutil.rmtree(folder, ignore_errors=True)


def _run_time_folder() -> str:
    folders = (os.environ.get("XDG_RUNTIME_DIR") or "", *RUN_TIME_FOLDERS)
    return next(
        (folder for folder in folders if folder and os.access(folder, os.W_OK | os.X_OK)), tempfile.gettempdir()
    )
