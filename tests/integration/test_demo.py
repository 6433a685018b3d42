# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make demo-down` leaves behind: nothing of the demo, and all of others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .conftest import CHECKOUT, application


def test_what_is_remembered_of_the_demo_goes_with_it_and_nothing_else(tmp_path: Path) -> None:
    state, demo = tmp_path / ".local/state/key_rotation", tmp_path / "a-b/.demo"
    name = str(demo / "food_ordering").replace("-", "--").replace("/", "-")
    others = [
        "maintenance-srv-food_ordering.json",
        f"maintenance{name}-other.json",
        "monitoring/srv-food_ordering/seen.json",
    ]
    own = [f"maintenance{name}.json{suffix}" for suffix in ("", ".start", ".stop")]
    for file in (*others, *own, f"rows{name}.sqlite3", f"monitoring/{name.lstrip('-')}/seen.json"):
        (state / file).parent.mkdir(parents=True, exist_ok=True)
        (state / file).touch()
    demo.mkdir(parents=True)

    setup = [str(application() / "bin/python"), str(CHECKOUT / "examples/demo/setup.py"), str(demo), "--stop"]
    subprocess.run(setup, check=True, env={**os.environ, "HOME": str(tmp_path)})

    assert sorted(str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()) == sorted(others)
