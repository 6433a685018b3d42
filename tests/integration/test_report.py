# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that a person reads after a rotation, in a real browser and on paper, against its record."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import refused_runs, report_files

from .browser import measured, printed, screenshot
from .conftest import Site


def page_of(site: Site) -> Path:
    (page,) = (site.folder / "records").glob("*/report.html")
    return page


def numbers(text: str, target: dict[str, Any]) -> list[str]:
    """What the page says of a column: rows, values before, re-encrypted, values after."""
    row = re.search(rf'data-column="{target["table"]}\.{target["column"]}">(.*?)</tr>', text, re.DOTALL)[1]
    return re.findall(r'class="number" data-name="[^"]*">([^<]*)<', row)


def held(target: dict[str, Any]) -> str:
    """The values of one column of a census that are not empty."""
    return str(sum(count for name, count in target["classes"].items() if name != "empty"))


def test_the_page_says_what_the_record_says_and_fits_desktop_phone_and_paper(site: Site, tmp_path: Path) -> None:
    who = json.dumps({"key_rotation_authorization": {"who": "Ada", "ticket": "SEC-123"}})
    assert site.play("rotate", "-e", who).code == 0
    page = page_of(site)
    text = page.read_text(encoding="utf-8")
    events = [json.loads(line) for line in (page.parent / "record.jsonl").read_text().splitlines()]
    counted = [event["targets"] for event in events if event["event"] == "django_census_info" and "targets" in event]

    for target in counted[-1]:
        values = held(target)
        assert numbers(text, target) == [str(target["rows"]), values, values, values]
    total = sum(n for target in counted[-1] for name, n in target["classes"].items() if name != "empty")
    assert f'<b id="values">{total:,}</b>' in text
    assert text.count(">the same<") == len(counted[-1])

    paper = printed(page, tmp_path)
    flat = " ".join(paper.split())
    for words in ("COMPLETED", "Ada", "SEC-123", f"{total:,}", "the same", events[-1]["hash"][:16]):
        assert words in flat, words
    for width, height in ((1280, 2600), (390, 5200)):
        found = measured(page, tmp_path, width)
        assert (found["width"], found["wide"]) == (width, []), "nothing is cut or reaches over the edge"
        assert found["broken"] == []
        assert screenshot(page, tmp_path, width, height).stat().st_size > 20_000
    assert "http" not in re.sub(r"http-equiv", "", text), "it asks nothing of any network"


LONG = {
    "model": f"{'a' * 31}.{'B' * 63}",
    "name": "c" * 63,
    "mail": f"{'d' * 64}@{'e' * 60}.example.org",
    "ticket": f"https://tickets.example.org/{'f' * 120}",
    "words": "because of the policy and for no other reason " * 8,
    "hosts": [f"{number:02}-{'g' * 90}.example" for number in range(40)],
}


def large(folder: Path) -> Record:
    """The record of a rotation with the longest names that there may be, and many of them, that was rolled back."""
    record = Record(str(folder), "r" * 64)
    old, new, path = "0" * 16, "1" * 16, f"/srv/{'h' * 200}/r.dump"
    step = functools.partial(record.append, host=LONG["hosts"][0])
    who = {"reason": LONG["words"], "authorization": {"who": LONG["mail"], "ticket": LONG["ticket"]}}
    commands = {
        name: f"ansible-playbook {name}.yml -i {'i' * 150} --vault-id {'j' * 90}" for name in ("rotate", "verify")
    }
    error = {"code": "E_COMMAND", "what": f"the command {'k' * 200} ended with 1", "todo": LONG["words"]}
    tool = {"collection": "0.1.0", "sha256": "ab" * 32, "ansible_core": "2.19"}
    targets = [
        {"table": LONG["name"], "column": f"{number:03}{'l' * 60}", "model": f"{LONG['model'][:-3]}{number:03}"}
        | {"rows": 10**9, "classes": {"current": 10**9 - number}, "left_alone": 0, "digest": "d"}
        for number in range(300)
    ]
    record.append("rotate", "intent", operator=LONG["mail"], tool=tool, commands=commands, environment="staging", **who)
    items = [
        {"name": f"{number}{'m' * 60}", "status": "warn", "seen": LONG["ticket"], "todo": LONG["words"]}
        for number in range(9)
    ]
    step("rotation_checklist", "done", items=items)
    step("django_census_info", "done", targets=targets, key_ids={"current": old})
    step("postgresql_backup", "done", dumps=[{"path": path, "size": 10**12, "sha256": "ab" * 32, "engine": "pg_dump"}])
    step("key_version", "done", asked={"state": "pending"}, stages={"current": old, "pending": new})
    for host in LONG["hosts"]:
        record.append("env_file", "done", host=host, settings=["SECRET_KEY", "N" * 80])
    step("django_reencrypt", "done", targets=[{**target, "reencrypted": 10**9} for target in targets])
    step("application_commands", "failed", error=error)
    record.append("rollback", "intent", strategy="backwards", found=LONG["words"], commands=commands, **who)
    record.append(
        "notification", "failed", channel=f"email by {'o' * 90}", about="failed", found=f"refused for {LONG['mail']}"
    )
    version = {
        "key_id": old,
        "rotation_id": "p" * 64,
        "state": "active",
        "stage": "current",
        "created": "2026-01-02T03:04:05Z",
    }
    record.append("rollback", "done", failed_task=f"Proof | {LONG['words']}", versions=[version])
    return record


@pytest.mark.thorough
def test_the_longest_names_fit_phone_desktop_and_paper(tmp_path: Path) -> None:
    page = Path(report_files.write(large(tmp_path)))
    refused_runs.note(
        str(tmp_path), None, playbook="rotate.yml", operator=LONG["mail"], error={"code": "E_X", "what": LONG["words"]}
    )
    report_files.write_index(str(tmp_path))
    index = tmp_path / report_files.INDEX
    for shown, width in ((page, 1280), (page, 700), (page, 390), (index, 700), (index, 390)):
        assert measured(shown, tmp_path, width) == {"width": width, "wide": [], "cut": [], "over": [], "broken": []}
    flat = "".join(printed(page, tmp_path).split())
    for words in (LONG["mail"], LONG["ticket"], LONG["hosts"][39], f"299{'l' * 60}", "h" * 200, "999,999,701"):
        assert words in flat, words


@pytest.mark.thorough
@pytest.mark.parametrize("failing", [True, False])
def test_a_failure_and_a_rollback_are_seen_at_first_sight(site: Site, failing: bool, tmp_path: Path) -> None:
    if failing:
        site.sql("UPDATE customer_userprofile SET _phone_number_encrypted = 'gAAAAABnotatoken' WHERE id = 1")

    outcome = site.play("rotate", "-e", json.dumps({"key_rotation_verification_commands": [["false"]]}))

    assert outcome.code != 0
    page = page_of(site).read_text(encoding="utf-8")
    assert f'data-status="{"failed" if failing else "rolled back"}"' in page
    assert ("E_UNREADABLE" if failing else "E_COMMAND") in page
    assert "ansible-playbook rotate.yml" in page
    found = measured(page_of(site), tmp_path, 390)
    assert (found["width"], found["wide"]) == (390, []), "long names of columns do not reach over the edge of a phone"
    events = [json.loads(line) for line in (page_of(site).parent / "record.jsonl").read_text().splitlines()]
    ended, counted = events[-1], [event for event in events if "targets" in event]
    rewritten = [target for event in counted if event["event"] == "django_reencrypt" for target in event["targets"]]
    assert (not counted) is failing
    assert ('<b id="values">untouched</b>' in page) is failing
    for target in counted[-1]["targets"] if counted else []:
        mine = [one for one in rewritten if (one["table"], one["column"]) == (target["table"], target["column"])]
        done = str(sum(one["reencrypted"] for one in mine))
        assert numbers(page, target) == [str(target["rows"]), held(target), done, held(target)]
        assert done == str(2 * int(held(target))), "forth and back"
    assert (ended["event"], ended["phase"]) == (("rotate", "failed") if failing else ("rollback", "done"))
    (page_of(site)).unlink()
    assert site.play("report").code == 0
    assert page_of(site).read_text(encoding="utf-8") == page
    assert "report.html" in (site.folder / "records/index.html").read_text(encoding="utf-8")
