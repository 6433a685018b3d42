# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of a task on the control node: what must not be set there, and when it ends."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal

from ansible import constants as C

from ...module_utils._errors.run import DebugSettingOn

PR_SET_PDEATHSIG = 1  # linux/prctl.h; Ansible passes SIGTERM on to all that the process of a task has started


def end_with_parent() -> None:
    """End this process and its children if ansible-playbook is killed (prctl(2), on Linux).

    Each task has its own process. Without this, the process and its module would continue unattended.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        parent = multiprocessing.parent_process()
        if parent is not None and parent.pid != os.getppid():  # it was killed before we asked
            os.kill(os.getpid(), signal.SIGTERM)


def is_task_process() -> bool:
    """Return whether Ansible forked this process for a task."""
    return multiprocessing.parent_process() is not None


def refuse_debug_settings() -> None:
    """Raise E_DEBUG_SETTINGS for a setting of Ansible that would print options or leave them on a disk."""
    for setting, on in (("ANSIBLE_DEBUG", C.DEFAULT_DEBUG), ("ANSIBLE_KEEP_REMOTE_FILES", C.DEFAULT_KEEP_REMOTE_FILES)):
        if on:
            raise DebugSettingOn(setting=setting)
