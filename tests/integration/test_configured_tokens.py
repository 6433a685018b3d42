# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in the configuration of the application: no rotation changes them."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Site

PLACES = ("variable SMTP_PASSWORD_ENC", "setting PAYMENT.live.token", "file gateway.json")


def test_the_plan_and_the_dry_run_stop_at_tokens_in_the_configuration(site: Site) -> None:
    ((first, second, third),) = site.sql(
        "SELECT _full_name_encrypted, _address_encrypted, _phone_number_encrypted FROM customer_userprofile"
        " WHERE '' NOT IN (_full_name_encrypted, _address_encrypted, _phone_number_encrypted) LIMIT 1"
    )
    append(site.env_file, f"SMTP_PASSWORD_ENC={first}\n")
    (settings,) = site.project.glob("*/settings.py")
    append(settings, f"\nPAYMENT = {{'live': {{'token': '{second}'}}}}\n")
    (site.project / "gateway.json").write_text(json.dumps({"secret": third}), encoding="utf-8")
    before = site.tokens(), site.env_file.read_bytes()
    for stopped in (site.play("plan"), site.play("rotate", "--check"), site.play("rotate")):
        text = " ".join(stopped.text.split())
        assert stopped.code != 0
        assert "E_OUT_OF_REACH" in text
        assert [place for place in PLACES if place not in text] == []
        assert not any(str(token) in text for token in (first, second, third))
    assert (site.tokens(), site.env_file.read_bytes()) == before
    site.write_inventory(
        key_rotation_settlements={place: {"unreadable": "it is replaced right after the rotation"} for place in PLACES}
    )
    for passed in (site.play("plan"), site.play("rotate", "--check")):
        assert passed.code == 0, passed.text


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as handle:
        handle.write(text)
