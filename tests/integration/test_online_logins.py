# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_rotation_mode: online, with SECRET_KEY among the keys: who is logged in over HTTP stays so, all the while."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.client import HTTPException

import pytest

from .conftest import ENCRYPTED, Site
from .test_list_order import make
from .test_logins import ADA, Browser, browser, reset_token
from .test_online import ONLINE, present

__all__ = ["browser"]
LIST = 'SECRET_KEY, *SECRET_KEY_FALLBACKS = os.environ["SECRET_KEY"].split(",")\n'
WITH_LIST = [pytest.param(LIST, id="list")]
RESIGN = ("-e", "key_rotation_sessions=resign")
STOPPED = "Stop | Stop the services that use the keys"


@pytest.fixture
def engine(site: Site, request: pytest.FixtureRequest) -> str:
    """The example with notes under a list of keys, and nothing under SECRET_KEY. Its settings."""
    make(site, "first", count=1)
    for table, columns in ENCRYPTED.items():
        site.sql(f"UPDATE {table} SET {', '.join(f'{column} = NULL' for column in columns)}")
    return str(request.param)


def listed(site: Site, browser: Browser, keep: int = 0) -> None:
    """Write the inventory of an application with two lists."""
    site.write_inventory(
        key_rotation_keys=[
            {"name": "FERNET_KEYS", "type": "fernet"},
            {"name": "SECRET_KEY", "use": "signing", "keep": keep},
        ],
        key_rotation_services=browser.served.entries(),
        key_rotation_health_url=f"http://127.0.0.1:{browser.served.port}/who/",
        key_rotation_services_settle=1,
        key_rotation_drain=1,
    )


@contextlib.contextmanager
def visits(browser: Browser) -> Iterator[list[object]]:
    """Who the browser is logged in as, asked again and again, one request after the other."""
    seen: list[object] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError, HTTPException):  # the only host is restarted
                seen.append(browser.who())

    visitor = threading.Thread(target=ask)
    visitor.start()
    try:
        yield seen
    finally:
        ended.set()
        visitor.join()


@pytest.mark.parametrize("engine", WITH_LIST, indirect=True)
def test_nobody_is_logged_out_by_a_rotation_or_by_its_rollback(site: Site, browser: Browser) -> None:
    listed(site, browser)
    idle = Browser(browser.served)
    assert idle.enter() == ADA
    before = site.env_values()["SECRET_KEY"]

    with visits(browser) as seen:
        done = site.play("rotate", *ONLINE, *RESIGN)

    assert done.code == 0, done.text
    assert STOPPED not in done.text
    assert len(seen) > 20
    assert [each for each in seen if each != ADA] == []
    assert before not in site.env_file.read_text(encoding="utf-8")
    assert (browser.who(), idle.who()) == (ADA, ADA)
    away = Browser(browser.served)
    assert away.enter() == ADA

    with visits(browser) as seen:
        back = site.play("rollback")

    assert back.code == 0, back.text
    assert STOPPED not in back.text
    assert len(seen) > 20
    assert [each for each in seen if each != ADA] == []
    assert site.env_values()["SECRET_KEY"] == before
    assert (idle.who(), away.who()) == (ADA, ADA)


@pytest.mark.thorough
@pytest.mark.parametrize("engine", WITH_LIST, indirect=True)
def test_a_key_that_stays_in_the_list_keeps_all_that_it_signed(site: Site, browser: Browser) -> None:
    listed(site, browser, keep=1)
    idle, token = Browser(browser.served), reset_token(site)
    assert idle.enter() == ADA
    before = site.env_values()["SECRET_KEY"]

    done = site.play("rotate", *ONLINE)

    assert done.code == 0, done.text
    assert "are logged out" not in done.text
    assert site.env_values()["SECRET_KEY"].split(",")[1:] == [before]
    assert (idle.who(), browser.get("reset", token=token)) == (ADA, {"works": True})


ALONE = 'SECRET_KEY = os.environ["SECRET_KEY"].split(",")[0]\n'
WHOLE = 'SECRET_KEY = os.environ["SECRET_KEY"]\n'


@pytest.mark.parametrize(
    ("engine", "fault"),
    [
        pytest.param(ALONE, "it is not in SECRET_KEY_FALLBACKS", id="alone"),
        pytest.param(WHOLE, "the application does not sign with the first", id="whole"),
    ],
    indirect=["engine"],
)
def test_an_application_whose_signatures_would_end_is_refused_by_plan_and_checklist(
    site: Site, browser: Browser, fault: str
) -> None:
    listed(site, browser)
    (old,) = present(site)
    for done in (site.play("plan", *ONLINE), site.play("rotate", *ONLINE, "--check")):
        assert done.code != 0
        text = " ".join(done.text.split())
        assert "E_SIGNING_NOT_ONLINE" in text, done.text
        assert fault in text, done.text
        assert 'SECRET_KEY, *SECRET_KEY_FALLBACKS = os.environ["SECRET_KEY"].split(",")' in text
    assert present(site) == [old]
