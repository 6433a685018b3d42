# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a Django project, for the unit and the integration tests of its start."""

from __future__ import annotations

from pathlib import Path

import pytest

MANAGE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "food_ordering.settings")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "food_ordering").mkdir(parents=True)
    (made / "manage.py").write_text(MANAGE)
    (made / "food_ordering" / "__init__.py").write_text("")
    return made
