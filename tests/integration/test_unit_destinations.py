# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a drop-in of a unit: what test_destinations does not ask of every place."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Site
from .destinations import Place, move_keys  # noqa: F401  # a fixture


def test_a_unit_that_shares_its_file_with_another_one_is_refused(move_keys: Callable[[str], Place], site: Site) -> None:
    place = move_keys("unit")
    shown = place.file.with_name("app.service")
    both = shown.read_text(encoding="utf-8")
    place.file.with_name("other.service").write_text(f"\n{both.replace('app.service', 'other.service')}", "utf-8")
    old = place.file.read_bytes()
    refused = site.play("rotate")
    assert refused.code != 0
    assert "is also read by other.service" in " ".join(refused.text.split())
    assert place.file.read_bytes() == old
