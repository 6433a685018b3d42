# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_rotation_sessions as users see it in Chromium, with the views of Django 4.2, 5.2 and 6 themselves.

test_logins.py has the refusals, the rollbacks and the other engines of sessions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Site, application, thorough
from .served import Served
from .signed_in_browser import opened_browser
from .test_logins import LISTED, PASSWORD

PAGES = """
from django.contrib.auth import views
from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.urls import path

from food_ordering.urls import urlpatterns

FORM = {"template_name": "form.html"}
MAIL = {"email_template_name": "mail.txt", "subject_template_name": "subject.txt", "success_url": "/login/"}
urlpatterns = [
    *urlpatterns,
    path("login/", views.LoginView.as_view(**FORM, next_page="/orders/")),
    path("orders/", login_required(lambda request: render(request, "orders.html"), login_url="/login/")),
    path("forgotten/", views.PasswordResetView.as_view(**FORM, **MAIL)),
    path(
        "reset/<uidb64>/<token>/",
        views.PasswordResetConfirmView.as_view(**FORM, success_url="/login/"),
        name="password_reset_confirm",
    ),
]
"""
SETTINGS = """
ROOT_URLCONF = "food_ordering.pages"
MIDDLEWARE.append("django.middleware.csrf.CsrfViewMiddleware")
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = BASE_DIR / "mails"
_FORM = '<form method="post">{% csrf_token %}{{ form }}<button>Send</button></form>'
_TEMPLATES = {
    "form.html": "{% if form %}" + _FORM + "{% else %}This link is invalid.{% endif %}",
    "orders.html": "Orders of {{ user }}",
    "mail.txt": "{{ protocol }}://{{ domain }}{% url 'password_reset_confirm' uidb64=uid token=token %}",
    "subject.txt": "A new password",
}
_PROCESSORS = ["django.contrib.auth.context_processors.auth"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [("django.template.loaders.locmem.Loader", _TEMPLATES)],
            "context_processors": _PROCESSORS,
        },
    }
]
"""
ADA = f"""
from django.contrib.auth.models import User
User.objects.create_user("ada", "ada@example.org", "{PASSWORD}")
"""
LOGIN, ORDERS, NEW_PASSWORD, INVALID = "Username", "Orders of ada", "New password", "This link is invalid."
# What Ada sees afterwards, and what the link that she got before shows.
SHOWN = {"fallbacks": (ORDERS, NEW_PASSWORD), "resign": (ORDERS, INVALID), "drop": (LOGIN, INVALID)}
OWN_SERIES = "5.2"  # of the example's own environment
CASES = [
    ("fallbacks", "4.2"),
    ("resign", "6"),
    ("drop", OWN_SERIES),
    thorough("fallbacks", OWN_SERIES),
    thorough("fallbacks", "6"),
    thorough("resign", "4.2"),
    thorough("resign", OWN_SERIES),
    thorough("drop", "4.2"),
    thorough("drop", "6"),
]


@dataclass
class Ada:
    """A user. Each visit is a new start of her browser, whose profile has the cookies of the visits before."""

    served: Served
    profile: Path

    def address(self, page: str) -> str:
        return f"http://127.0.0.1:{self.served.port}/{page}/"

    def log_in(self) -> str:
        """Where the login form leads."""
        with opened_browser(self.profile) as tab:
            assert LOGIN in tab.open(self.address("orders"))
            return tab.submit(username="ada", password=PASSWORD)

    def ask_for_link(self) -> tuple[str, str]:
        """The page that is for users who are logged in, and the link to reset a password that comes by mail."""
        with opened_browser(self.profile) as tab:
            orders = tab.open(self.address("orders"))
            tab.open(self.address("forgotten"))
            tab.submit(email="ada@example.org")
        (mail,) = (self.served.site.project / "mails").iterdir()
        return orders, re.search(r"^http://.*$", mail.read_text(encoding="utf-8"), re.M)[0]

    def visit(self, link: str) -> tuple[str, str]:
        """The same page, and that of the link."""
        with opened_browser(self.profile) as tab:
            return tab.open(self.address("orders")), tab.open(link)


def use_django(site: Site, series: str) -> None:
    """Give the application an environment that has this Django."""
    environment = application().with_name(f"application-{series}")
    if not environment.exists():
        pytest.skip(f"{environment} is missing: `make integration` creates it; Django 6 needs Python 3.12 or newer")
    link = site.project / ".venv"
    link.unlink()
    link.symlink_to(environment)


@pytest.fixture
def ada(site: Site, series: str, tmp_path: Path) -> Iterator[Ada]:
    if series != OWN_SERIES:
        use_django(site, series)
    assert site.manage("version").text.startswith(f"{series}.")
    (site.project / "food_ordering/pages.py").write_text(PAGES, encoding="utf-8")
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text(encoding="utf-8") + SETTINGS + LISTED, encoding="utf-8")
    with site.env_file.open("a", encoding="utf-8") as handle:
        handle.write("SECRET_KEY_FALLBACKS=\n")
    created = site.manage("shell", "--command", ADA)
    assert created.code == 0, created.text
    served = Served(site)
    served.order("start")
    served.wait()
    site.write_inventory(key_rotation_services=served.entries(), key_rotation_services_settle=1)
    yield Ada(served, tmp_path / "profile")
    served.order("stop")


@pytest.mark.parametrize(("sessions", "series"), CASES)
def test_a_browser_stays_logged_in_and_a_link_stays_valid_as_promised(site: Site, ada: Ada, sessions: str) -> None:
    assert ada.log_in() == ORDERS
    orders, link = ada.ask_for_link()
    assert orders == ORDERS, "the browser has kept its cookie"

    done = site.play("rotate", "-e", f"key_rotation_sessions={sessions}")

    assert done.code == 0, done.text
    ada.served.wait()
    (orders, reset), (wanted_orders, wanted_reset) = ada.visit(link), SHOWN[sessions]
    assert wanted_orders in orders
    assert wanted_reset in reset
