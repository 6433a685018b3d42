# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sys
from collections.abc import Collection
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import (
    database_aliases,
    django_project,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.project_fixtures import folder  # noqa: F401


@pytest.fixture
def application(monkeypatch):
    """The settings module of an application that was started."""

    def started(**settings: Any) -> ModuleType:
        module = ModuleType("food_ordering.settings")
        module.__dict__.update(settings)
        monkeypatch.setitem(sys.modules, "food_ordering.settings", module)
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "food_ordering.settings")
        return module

    return started


@pytest.fixture
def databases(monkeypatch):
    def there(**connections: Any) -> None:
        settings = SimpleNamespace(DATABASES=dict.fromkeys(connections), DATABASE_ROUTERS=[])
        monkeypatch.setitem(sys.modules, "django", ModuleType("django"))
        monkeypatch.setitem(sys.modules, "django.conf", SimpleNamespace(settings=settings))
        monkeypatch.setitem(sys.modules, "django.db", SimpleNamespace(connections=connections))

    return there


@pytest.fixture
def chosen(databases, monkeypatch):
    """The alias that is used of a database that has three: ``reads`` is the first of them. ``router`` says to which
    one the writes of a model go."""

    def choose(router: Any, writable: Collection[str]) -> list[str]:
        databases(reads=database(), app=database(), admin=database())
        sys.modules["django.conf"].settings.DATABASE_ROUTERS = ["shop.Router"] if router else []
        sys.modules["django.db"].router = SimpleNamespace(db_for_write=router)
        apps = SimpleNamespace(get_models=lambda **asked: ["order", "customer", "log"])
        monkeypatch.setitem(sys.modules, "django.apps", SimpleNamespace(apps=apps))
        answer = {alias: ("1", "2", str(alias in writable).lower()) for alias in ("reads", "app", "admin")}
        monkeypatch.setattr(database_aliases, "_ask", lambda alias, spelled: answer[alias])
        return django_project.aliases()

    return choose


@pytest.fixture
def started(tmp_path):
    """An application that read its .env when it started."""
    made = django_project.ApplicationStart(frozenset({"PATH"}))
    made.see("open", (str(tmp_path / ".env"), "r", 0))
    return made


def test_a_folder_that_is_not_there_is_no_project(tmp_path):
    with pytest.raises(RotationError, match="E_PROJECT"):
        django_project.check_folder(str(tmp_path / "none"))


def test_a_project_of_ones_own_is_taken(folder):
    assert django_project.check_folder(str(folder)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_folder_of_somebody_else_is_refused(folder):
    (folder / "manage.py").unlink()
    os.chown(folder, 65534, 65534)
    with pytest.raises(RotationError, match="E_PROJECT_OWNER"):
        django_project.check_folder(str(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("owner", "name"), [(65534, "nobody"), (54321, "54321")])
def test_a_project_of_somebody_else_is_refused_with_both_names(folder, owner, name):
    os.chown(folder / "manage.py", owner, owner)
    with pytest.raises(RotationError) as refused:
        django_project.check_folder(str(folder))
    assert refused.value.code == "E_PROJECT_OWNER"
    assert (refused.value.where["owner"], refused.value.where["user"]) == (name, "root")


@pytest.mark.parametrize(
    "line",
    [
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")',
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE' , 'a.b')",
        'os.environ["DJANGO_SETTINGS_MODULE"] = "a.b"',
        'os.environ.setdefault(\n    "DJANGO_SETTINGS_MODULE",\n    "a.b",\n)',
    ],
)
def test_the_settings_module_is_the_one_that_manage_py_names(folder, line):
    (folder / "manage.py").write_text(f"import os\n{line}\n")
    assert django_project.settings_of(str(folder)) == "a.b"


def test_a_manage_py_that_names_none_is_refused(folder):
    (folder / "manage.py").write_text("import os\n")
    with pytest.raises(RotationError) as refused:
        django_project.settings_of(str(folder))
    assert refused.value.code == "E_SETTINGS_MODULE"


@pytest.fixture
def neutral(monkeypatch):
    """Nothing that a test does to this process lasts."""
    monkeypatch.chdir(os.getcwd())
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "")
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")


def test_without_a_project_the_environment_names_the_settings_module(neutral, monkeypatch):
    with pytest.raises(RotationError) as refused:
        django_project.settings_of("")
    assert (refused.value.code, refused.value.todo) == ("E_SETTINGS_MODULE", "Set key_rotation_settings_module.")
    assert refused.value.what == "the environment of the application does not set DJANGO_SETTINGS_MODULE"
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")
    assert django_project.settings_of("") == "shop.settings"


@pytest.mark.parametrize("variables", [{"DJANGO_SETTINGS_MODULE": "shop.settings"}, {}])
def test_without_a_project_nothing_is_imported_from_the_working_folder(neutral, variables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    django_project._become_the_service("", None if variables else "shop.settings", variables)
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    assert os.getcwd() == "/"
    assert str(tmp_path) not in sys.path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("given_away", ["shop_of_another", "shop_of_another/__init__.py"])
def test_without_a_project_a_package_of_somebody_else_is_refused(neutral, tmp_path, given_away):
    (tmp_path / "shop_of_another").mkdir()
    (tmp_path / "shop_of_another/__init__.py").write_text("raise SystemExit\n")
    os.chown(tmp_path / given_away, 65534, 65534)
    with pytest.raises(RotationError) as refused:
        django_project._become_the_service("", "shop_of_another.settings", {"PYTHONPATH": str(tmp_path)})
    assert refused.value.code == "E_PROJECT_OWNER"
    assert refused.value.where["path"] == str(tmp_path / given_away)


@pytest.mark.parametrize(
    ("path", "project", "is_own"),
    [
        ("/srv/shop/app/models.py", "/srv/shop", True),
        ("/opt/lib/python3.11/site-packages/shop/models.py", "/srv/shop", False),
        ("/opt/lib/python3.11/site-packages/shop/models.py", "", True),
        ("/opt/lib/python3.11/site-packages/django/apps/registry.py", "", False),
        ("/usr/lib/python3.11/importlib/__init__.py", "", False),
        ("<frozen importlib._bootstrap>", "", False),
    ],
)
def test_the_code_that_an_error_came_through_is_the_applications(path, project, is_own):
    assert django_project._is_own(path, project) is is_own


def test_versions_are_those_of_this_python():
    found = django_project.versions()
    assert found["python"].count(".") == 2
    assert "cryptography" in found


def test_a_setting_is_the_one_that_the_application_itself_sets(application):
    application(SALT="s", KEYS=["a", "b"], LATE=lambda: "l", EMPTY="")
    found = [django_project.setting(name) for name in ("SALT", "KEYS", "LATE", "EMPTY", "DATABASES")]
    assert found == ["s", ["a", "b"], "l", "", None]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a", ["KEY_A"]),
        (["a", "b"], ["KEY_A", "KEY_B"]),
        (("b", "a"), ["KEY_B", "KEY_A"]),
        (b"a", ["KEY_A"]),
        (["c", "d"], ["LIST"]),
        (["a", "unknown"], None),
        ("unknown", None),
        ("", None),
        ([], None),
        (None, None),
        (7, None),
    ],
)
def test_a_setting_is_fed_by_the_keys_that_have_its_values(application, value, names):
    application(TOKEN_KEYS=value, KEY_A="a", lower="a")
    found = django_project.feeds([{"KEY_A": "a", "KEY_B": "b", "LIST": "c,d"}])
    assert found == ({"TOKEN_KEYS": names} if names else {})


def test_a_setting_that_cannot_be_read_is_not_one_of_the_keys(application):
    """Such as Django's SimpleLazyObject of what is made in a request."""

    class Lazy:
        def __bool__(self) -> bool:
            raise RuntimeError("there is no request")

    application(TOKEN_KEY="a", TENANT=Lazy(), LISTED=[Lazy()])
    assert django_project.feeds([{"KEY_A": "a"}]) == {"TOKEN_KEY": ["KEY_A"]}
    assert django_project.texts() == {"TOKEN_KEY": b"a"}


def test_a_setting_is_fed_if_any_of_the_key_sets_has_its_values(application):
    """After a switch the application runs on the pending keys."""
    application(TOKEN_KEY="new")
    assert django_project.feeds([{"KEY_A": "old"}, {"KEY_A": "new"}]) == {"TOKEN_KEY": ["KEY_A"]}


def test_a_setting_is_fed_by_its_key_if_the_env_file_holds_another_value_than_every_version(application):
    """Without that the setting counts as one that no key feeds, and nothing that it encrypts opens."""
    application(FIELD_KEYS=["changed by hand"], OTHER_TOKEN="new")
    held = {"FIELD_KEY": "changed by hand", "UNKNOWN": "new"}
    request = Request("/srv/app", None, {"current": {"FIELD_KEY": "a"}}, file_keys=held)
    assert django_project.feeds(request.running) == {"FIELD_KEYS": ["FIELD_KEY"]}, "UNKNOWN is in no version"


def test_what_a_version_feeds_counts_more_than_what_the_env_file_feeds(application):
    application(FIELD_KEYS=["a"])
    request = Request("/srv/app", None, {"current": {"A": "b", "B": "a"}}, file_keys={"A": "a", "B": "c"})
    assert django_project.feeds(request.running) == {"FIELD_KEYS": ["B"]}


def database(vendor: str = "postgresql", **options: Any) -> Any:
    """One whose server does not answer."""
    parameters = {"dbname": "orders", "host": "db", **options}
    return SimpleNamespace(vendor=vendor, get_connection_params=lambda: parameters)


def by_service(name: str, **options: Any) -> Any:
    """As Django's documentation has it: neither HOST nor NAME."""
    return SimpleNamespace(vendor="postgresql", get_connection_params=lambda: {"service": name, **options})


@pytest.mark.parametrize(
    ("connections", "aliases"),
    [
        ({"default": database()}, ["default"]),
        ({"default": database(), "reports": database(dbname="reports")}, ["default", "reports"]),
        ({"default": database(), "other": database()}, ["default"]),
        ({"default": database(), "other": database(port=5433)}, ["default", "other"]),
        ({"default": database(), "other": database(hostaddr="192.0.2.1")}, ["default", "other"]),
        ({"default": by_service("main"), "vault": by_service("vault")}, ["default", "vault"]),
        ({"default": by_service("main"), "vault": by_service("main", dbname="vault")}, ["default", "vault"]),
        ({"default": by_service("main", user="a"), "vault": by_service("main", user="b")}, ["default", "vault"]),
        ({"default": by_service("main"), "other": by_service("main")}, ["default"]),
        ({"default": database("sqlite"), "orders": database()}, ["orders"]),
    ],
    ids=[
        "one",
        "two",
        "one by two names",
        "two servers",
        "two addresses",
        "two services",
        "two databases by one service",
        "named as their roles",
        "one service by two names",
        "not all of PostgreSQL",
    ],
)
def test_each_postgresql_database_is_named_once(databases, connections, aliases):
    databases(**connections)
    assert django_project.aliases() == aliases


@pytest.mark.parametrize(
    ("routes", "writable", "alias"),
    [
        ({"order": "app", "customer": "app", "log": "admin"}, ["app", "admin"], "app"),
        ({"order": "app", "customer": "admin", "log": "admin"}, ["app", "admin"], "admin"),
        ({"order": "app", "customer": "reads"}, ["app", "admin"], "app"),
        ({"order": "elsewhere", "customer": [], "log": None}, ["admin"], "admin"),
        ({"order": "admin"}, [], "admin"),
        ({}, ["app", "admin"], "app"),
        (None, ["app", "admin"], "app"),
        (None, [], "reads"),
    ],
    ids=[
        "by the router",
        "by most models",
        "as many models each",
        "no alias of it",
        "the router raises for others",
        "the router raises",
        "no router",
        "nothing can be written",
    ],
)
def test_of_several_aliases_the_one_that_is_written_to_is_used(chosen, routes, writable, alias):
    """A router may raise, and may say anything."""
    assert chosen(routes if routes is None else routes.__getitem__, writable) == [alias]


def test_the_only_alias_is_used_without_a_connection_or_a_router(databases, monkeypatch):
    """Routers are asked of models, which an application has only once it has started."""
    databases(default=database())
    sys.modules["django.conf"].settings.DATABASE_ROUTERS = ["shop.Router"]
    monkeypatch.setattr(database_aliases, "_ask", lambda alias, spelled: pytest.fail("its server was asked"))
    assert django_project.needs_models() is False
    assert django_project.aliases() == ["default"]


def test_aliases_of_different_databases_need_no_router(databases):
    databases(default=database(), reports=database(dbname="reports"))
    sys.modules["django.conf"].settings.DATABASE_ROUTERS = ["shop.Router"]
    assert django_project.needs_models() is False
    assert django_project.aliases() == ["default", "reports"]


def test_without_a_postgresql_database_there_is_nothing_to_rotate(databases):
    databases(default=database("sqlite"))
    with pytest.raises(RotationError) as refused:
        django_project.aliases()
    assert (refused.value.code, refused.value.where["vendor"]) == ("E_DB_VENDOR", "sqlite")


def refused(call, *args) -> str | None:
    """The code of what is refused, which never shows a value; None where nothing is."""
    text, code = "", None
    try:
        call(*args)
    except RotationError as exc:
        text, code = str(exc), exc.code
    assert "CANARY" not in text
    return code


@pytest.mark.parametrize(
    ("settings", "keys", "code"),
    [
        ({"SECRET_KEY": "CANARY"}, {"SECRET_KEY": "CANARY"}, None),
        ({}, {"SECRET_KEY": "CANARY"}, None),
        ({"KEYS": ["CANARY", "b"]}, {"KEYS": "CANARY,b"}, None),
        ({"KEYS": ["CANARY", "b"]}, {"KEYS": "CANARY, b"}, None),
        ({"KEYS": ["CANARY", " b"]}, {"KEYS": "CANARY, b"}, None),
        ({"SECRET_KEY": "other"}, {"SECRET_KEY": "CANARY"}, "E_ENV_NOT_LIVE"),
        ({"KEYS": ["CANARY"]}, {"KEYS": "CANARY,b"}, "E_ENV_NOT_LIVE"),
        ({}, {"PATH": "CANARY"}, "E_ENV_EXPORTED"),
    ],
)
def test_the_application_must_have_its_keys_from_the_env_file(application, started, tmp_path, settings, keys, code):
    application(**settings)
    assert refused(started.refuse_other_source, str(tmp_path / ".env"), keys) == code


@pytest.mark.parametrize(
    ("setting", "value", "new", "is_outdated"),
    [
        ("CANARY", "CANARY", "other", True),
        (b"CANARY", "CANARY", "other", True),
        (["CANARY", "b"], "CANARY,b", "other,CANARY", True),
        ("CANARY", "CANARY", "CANARY", False),
        (["CANARY", "b"], "CANARY, b", "CANARY,b", False),
        ("a hash of it", "CANARY", "other", False),
        ({"key": "CANARY"}, "CANARY", "other", False),
        ("/run/key", "CANARY", "other", False),
        (lambda: 1 / 0, "CANARY", "other", False),
        (None, "CANARY", "other", False),
    ],
)
def test_a_setting_with_the_present_value_of_its_key_is_outdated_by_another_one(
    application, setting, value, new, is_outdated
):
    application(KEY=setting)
    assert django_project.outdated_by({"KEY": value}, {"KEY": new}) == (["KEY"] if is_outdated else [])
    assert django_project.outdated_by({"KEY": value}, {}) == []


def test_an_env_file_that_the_application_does_not_read_is_refused(application, started, tmp_path):
    application(SECRET_KEY="CANARY")
    assert (
        refused(started.refuse_other_source, str(tmp_path / "other.env"), {"SECRET_KEY": "CANARY"}) == "E_ENV_NOT_READ"
    )


def test_an_env_file_is_the_same_by_a_link(application, started, tmp_path):
    application()
    (tmp_path / ".env").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / ".env")
    assert refused(started.refuse_other_source, str(tmp_path / "link"), {}) is None


def test_only_what_is_opened_while_the_application_starts_counts(tmp_path):
    made = django_project.ApplicationStart(frozenset())
    made.see("open", (3, "r", 0))
    made.see("os.listdir", (str(tmp_path),))
    made.see("open", (os.fsencode(tmp_path / "bytes"), "r", 0))
    made.watching = False
    made.see("open", (str(tmp_path / "late"), "r", 0))
    assert made.files == {os.path.realpath(tmp_path / "bytes")}


def test_settings_with_a_known_value_are_found_alone_and_in_a_list(application):
    application(TOKEN_KEY="a", OTHER_KEYS=["x", "b"], NAMED={"key": "a"}, SIZE=7, lower="a")
    assert django_project.settings_with([b"a", b"b"]) == {"TOKEN_KEY": b"a", "OTHER_KEYS": b"b"}
