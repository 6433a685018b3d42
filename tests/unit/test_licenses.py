# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = ("examples", "inventories", "meta", "molecule", "playbooks", "plugins", "roles")
YAML = sorted([*ROOT.glob("*.yml"), *(path for name in FOLDERS for path in (ROOT / name).rglob("*.yml"))])


@pytest.mark.parametrize(
    "path", [path for path in YAML if not path.is_symlink()], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_names_its_license(path: Path) -> None:
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text(encoding="utf-8")[:400]


def test_the_archive_is_what_an_operator_needs() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert {"tests", "benchmarks", "molecule"} <= set(galaxy["build_ignore"])
    assert {"issues", "documentation", "homepage"} <= set(galaxy)
