# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import subprocess
import sys
import zipfile

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node.monitor_zipapp import program


def test_the_same_sources_make_the_same_program():
    assert program() == program()


def test_no_key_store_is_in_it():
    names = zipfile.ZipFile(io.BytesIO(program())).namelist()
    assert not [name for name in names if name.endswith(("vault_file.py", "hashi_vault.py", "aws_secrets_manager.py"))]


def test_it_starts_without_ansible_or_any_other_package(tmp_path):
    path = tmp_path / "monitor.pyz"
    path.write_bytes(program())

    argv = [sys.executable, "-S", path, tmp_path / "none.json"]  # without site-packages
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(
        f"E_MONITOR_CONFIGURATION: the timer of monitoring cannot read its configuration {tmp_path}/none.json"
    )
