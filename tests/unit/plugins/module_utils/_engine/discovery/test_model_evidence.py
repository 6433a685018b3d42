# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import model_evidence


@pytest.mark.parametrize(
    ("module", "is_own"), [("cloudinary.models", False), ("django.db.models", False), ("shop.cloudinary", True)]
)
def test_a_field_of_a_package_that_stores_a_plain_form_is_no_evidence(module: str, is_own: bool) -> None:
    """The value object of Cloudinary signs URLs, which looks like encryption."""
    field = type("CloudinaryField", (), {"__module__": module})()
    assert model_evidence._is_own(field) is is_own
