# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of PyPI that encrypt, each alone and next to an ordinary encrypted column, with nothing named but the keys.

The plan is the gate: where it is ready, the rotation is right, and the library itself reads every value in a fresh
process. Otherwise plan and rotation name the column, or a key that nothing was found under, with a true reason, and
nothing is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .application import ALONE, BESIDE, ORDINARY, ROWS, Application, described, placed

LIBRARIES = described("libraries", "LIBRARIES")
ROTATED = {
    "fernetix",
    "fernetix_index_key_stays",
    "djfernet_redux",
    "djfernet_redux_json",
    "hashed_encrypted",
    "hashed_encrypted_searchable",
    "encrypted_text_field",
    "symmetric_fields",
    "cryptographic_fields",
    "encrypt_decrypt_fields",
    "dynconfig",
    "entirius_crypt",
    "sqlalchemy_utils_fernet",
}
SHORT = [
    (name, BESIDE)
    for name in (
        "fernetix",
        "hashed_encrypted_searchable",
        "symmetric_fields",
        "encrypted_json_field",
        "compliance_shield",
    )
]
# Each key is right, and the library opens each value.
FALSE_REASONS = {"E_WRONG_KEY", "E_UNREADABLE", "E_INTERNAL"}
PLAIN = {"dynconfig_some"}  # the only one with values that are not encrypted
TWO_KEYS = {"compliance_shield"}  # values under each of them; its property encrypts under the second
INDEX_KEY = "DJANGO_FERNETIX_INDEX_KEY"  # the only key with no value under it that the engine opens or computes


@pytest.mark.parametrize(("name", "place"), placed(LIBRARIES, SHORT, (ALONE, BESIDE)))
def test_what_the_plan_says_of_it_is_true(
    name: str,
    place: str,
    database: tuple[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    tmp_path.chmod(0o755)
    libraries = os.environ.get("KEY_ROTATION_LIBRARIES", "")
    application = Application(tmp_path, database, name, LIBRARIES[name], place, libraries=libraries)
    application.work("fill")
    whole = application.work("read")
    assert set(whole.values()) == {ROWS}
    (column,) = whole.keys() - {ORDINARY}

    planned = application.play("plan")
    found = stops(application.folder / "plan.yml")
    outcome = application.work("rotate")

    rotated = not outcome["code"]
    application.use("new" if rotated else "old")
    read = application.work("read")
    record_property("outcome", row(name, place, planned.returncode, found, outcome["code"], read))
    assert read == whole
    assert rotated == (planned.returncode == 0) == (not found) == (name in ROTATED)
    if rotated:
        assert set(outcome["targets"]) == set(whole)
    else:
        assert FALSE_REASONS.isdisjoint({outcome["code"], *found.values()})
        assert ("E_PLAINTEXT" in found.values()) == (name in PLAIN)
        assert column in found or (INDEX_KEY in found and f"Hashes in {column}_blind_index may" in planned.stdout)
        attribute = f"notes.Note.{column.rpartition('.')[2]}"
        assert found.keys() <= (
            {column, "notes.Note.content"} if name in TWO_KEYS else {column, attribute, *application.kinds, "-"}
        )
        assert found.get(attribute, "E_DEPENDS_ON_KEY") == "E_DEPENDS_ON_KEY"
        assert all(code in planned.stdout for code in found.values())


def stops(plan: Path) -> dict[str, str]:
    """By the column or key that it names, the code of each finding that stops a rotation."""
    notices = yaml.safe_load(plan.read_text(encoding="utf-8"))["notices"]
    return {each["column"] or "-": each["code"] for each in notices if each.get("stops", "code" in each)}


def row(name: str, place: str, code: int, found: dict[str, str], refused: str, read: dict[str, int]) -> str:
    """A line of the table of outcomes."""
    plan = f"plan exits {code}" + "".join(f", {each}: {why}" for each, why in found.items())
    return f"{name:28} {place:9} {refused or 'rotated':20} reads {sum(read.values())}/{ROWS * len(read)}  {plan}"
