# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the version of pip that the installed ansible-test begins with, as it names a script for it."""

from __future__ import annotations

import re
from pathlib import Path

import ansible_test

requirements = Path(ansible_test.__path__[0]) / "_internal/python_requirements.py"
found = re.search(r"pip='([0-9.]+)'", requirements.read_text(encoding="utf-8"))
if not found:
    raise SystemExit(f"no version of pip in {requirements}: see get_venv_packages there")
print(found[1].replace(".", "_"))
