# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that monitors is copied by Ansible itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node.monitor_zipapp import program

from ....conftest import CHECKOUT

MODULE = "tetech.key_rotation.monitoring_program"


def test_it_is_copied_once_for_all_to_read(tmp_path):
    path = tmp_path / "monitor.pyz"

    def install(*options: str) -> bool:
        """Whether it says that it changed something."""
        argv = [
            Path(sys.executable).with_name("ansible"),
            "localhost",
            "-c",
            "local",
            "-m",
            MODULE,
            "-a",
            f"path={path}",
        ]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".ansible/tree"), "HOME": str(tmp_path)}
        done = subprocess.run([*argv, *options], capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return "CHANGED" in done.stdout

    assert install("--check")
    assert not path.exists()
    assert install()
    assert path.read_bytes() == program()
    assert path.stat().st_mode & 0o777 == 0o644
    assert not install()
