# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why this collection exists: the runbook's own loop, on the same data, loses everything and says it completed."""

from __future__ import annotations

import secrets

from .conftest import Site

LOOP = """
from customer.models import UserProfile
count = 0
for profile in UserProfile.objects.all():
    full_name, phone_number, address = profile.full_name, profile.phone_number, profile.address
    profile.full_name, profile.phone_number, profile.address = full_name, phone_number, address
    profile.save()
    count += 1
print(f"Completed {count} user profiles successfully!")
"""


def test_the_runbook_loop_loses_every_name_and_says_completed(site: Site) -> None:
    plain, tokens = site.read_all()["profiles"], site.tokens()["customer_userprofile"]
    assert all(name for _, name, _, _ in plain)
    for name in ("SECRET_KEY", "ENCRYPTION_SALT"):
        site.set_env(name, f"{name}={secrets.token_urlsafe(32)}\n")

    loop = site.manage("shell", "--verbosity=0", "--command", LOOP)

    assert loop.code == 0
    assert f"Completed {len(plain)} user profiles successfully!" in loop.text
    lost = site.sql("SELECT count(*) FROM customer_userprofile WHERE _full_name_encrypted IS NULL")
    assert lost == [(len(tokens),)], "the ciphertext itself is gone: no key brings it back"
    assert not any(name for _, name, _, _ in site.read_all()["profiles"])
    assert site.manage("verify_encryption").code == 0, "and its own check finds nothing to fail about"
