# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import encrypting_attributes

# Packages that tell the time, each as far as an application names it.
PACKAGES = {
    "humanize/__init__.py": "from humanize.time import naturaldate, naturaltime\ndef intcomma(number): return number\n",
    "humanize/time.py": "def naturaltime(moment): return 'now'\ndef naturaldate(moment): return 'today'\n",
    "arrow/__init__.py": "from arrow.api import get\nfrom arrow.arrow import Arrow\n",
    "arrow/api.py": "def get(moment): return moment\n",
    "arrow/arrow.py": "class Arrow:\n @classmethod\n def utcnow(cls): return cls()\n def humanize(self): return ''\n",
    "pendulum/__init__.py": "def instance(moment): return moment\ndef now(): return None\n",
    "timeago/__init__.py": "def format(moment): return 'now'\n",
    "reporting/__init__.py": "import time\ndef report(error): return time.time()\n",
}
MODEL = """
import datetime
import humanize, arrow, pendulum, timeago, reporting
from datetime import date
from humanize import naturaltime as ago
from django.contrib.auth.tokens import PasswordResetTokenGenerator, default_token_generator
from django.contrib.humanize.templatetags import humanize as filters
from django.contrib.humanize.templatetags.humanize import naturalday
from django.core import signing
from django.core.signing import TimestampSigner, dumps as dump
from django.utils import timesince as since, timezone
from django.utils.timesince import timeuntil


def told(moment):
    return arrow.get(moment).humanize()


class Link(TimestampSigner):
    pass


def sign_link(text):
    return signing.dumps(text, salt="link")


class Customer:
    signer = TimestampSigner(key="key", fallback_keys=[])
    plain = signing.Signer(key="key", fallback_keys=[])

    @property
    def read(self):
        {code}
"""
TOLD = [
    "return (date.today() - self.born).days",
    "return (datetime.date.today() - self.born).days",
    "return (self.ends - timezone.localdate()).days",
    "return self.ends < timezone.now()",
    "return datetime.datetime.now(datetime.timezone.utc) - self.created",
    "return f'{self.name} {humanize.naturaltime(self.created)}'",
    "return ago(self.created)",
    "return humanize.naturaldate(self.created)",
    "return arrow.get(self.created).humanize(locale='de')",
    "return arrow.Arrow.utcnow() - self.created",
    "return self.created.diff_for_humans()",
    "return [pendulum.instance(each).diff_for_humans() for each in self.orders]",
    "return timeago.format(self.created)",
    "return since.timesince(self.created)",
    "return timeuntil(self.ends)",
    "return filters.naturaltime(self.created)",
    "return naturalday(self.created)",
    "return told(self.created)",
    "from humanize.time import naturaltime; return naturaltime(self.created)",
    "from django.template.defaultfilters import timesince_filter; return timesince_filter(self.created)",
    "return signing.dumps({'email': self.email}, salt='unsubscribe')",
    "return dump(self.email)",
    "return TimestampSigner().sign(self.email)",
    "return signing.TimestampSigner(salt='a').sign_object(self.email)",
    "return Link().sign(self.email)",
    "return self.signer.sign(self.email)",
    "return sign_link(self.email)",
    "return default_token_generator.make_token(self)",
    "return PasswordResetTokenGenerator().make_token(self)",
    "from django.core.signing import dumps; return dumps(self.email)",
    "import django.core.signing; return django.core.signing.dumps(self.email)",
]
STEADY = [
    "return self.shifted - datetime.timedelta(days=30)",
    "return timezone.localtime(self.created).isoformat()",
    "return f'{self.name} {humanize.intcomma(self.number)}'",
    "return arrow.get(self.created)",
    "return pendulum.instance(self.created)",
    "return self.name if self.name != 'diff_for_humans' else reporting.report(self.name)",
    "return self.naturaltime",
    "return signing.Signer().sign(self.email)",
    "return self.plain.sign_object(self.email)",
    "return signing.loads(self.token, max_age=60)",
    "return self.signer.unsign(self.token)",
    "return default_token_generator.check_token(self, self.token)",
    "import json; return json.dumps(self.email)",
]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site-packages"
    for name, source in PACKAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in {each.split("/")[0] for each in PACKAGES}]:
        del sys.modules[name]


@pytest.mark.parametrize(("code", "dated"), [*((code, True) for code in TOLD), *((code, False) for code in STEADY)])
def test_how_long_ago_something_was_is_of_the_time_whichever_package_says_it(
    packages: Path, code: str, dated: bool
) -> None:
    """What reports an error looks at the clock too, and what it is called for must not pass for a date."""
    (packages / "shop.py").write_text(MODEL.format(code=code), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shop_of_the_test", packages / "shop.py")
    shop = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shop)
    assert encrypting_attributes.is_dated(shop.Customer, "read") is dated


def test_code_that_shifts_dates_and_times_by_a_key_is_read(packages: Path) -> None:
    """Flags and files are not read."""
    from django.db import models

    kinds = {
        "day": models.DateField,
        "moment": models.DateTimeField,
        "time": models.TimeField,
        "term": models.DurationField,
        "flag": models.BooleanField,
        "file": models.FileField,
    }
    columns = [kind(name=name) for name, kind in kinds.items()]
    for column, name in zip(columns, kinds):
        column.set_attributes_from_name(name)
    code = "return [decrypt(each) for each in (self.day, self.moment, self.time, self.term, self.flag, self.file)]"
    (packages / "shop.py").write_text(MODEL.format(code=code), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shop_of_the_test", packages / "shop.py")
    shop = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shop)
    shop.Customer._meta = SimpleNamespace(concrete_fields=columns, parents={})
    assert encrypting_attributes.of_model(shop.Customer) == {"read": ["day", "moment", "term", "time"]}
