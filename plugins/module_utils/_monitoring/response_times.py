# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare two times with a baseline: how long the application takes to answer, and the engine to decrypt a value.

An answer is the median of several tries, since one slow answer among ten means nothing. A measure is slow if it exceeds
its baseline by both a factor and a number of seconds. A factor alone would report a tiny time that doubled.
"""

from __future__ import annotations

import functools
import http.client
import ssl
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from .._errors.base import RotationError
from .._errors.monitoring import MonitorAnswer, MonitorSlow
from .._errors.options import InvalidOption
from .._services import health
from .._services.health import HealthCheck

if TYPE_CHECKING:
    from .._engine.crypto.keyring import Keyring
    from .._engine.discovery.columns.target import Target
    from .._engine.proof.table_pages import RowText
    from .._engine.rotation import Application
    from .._result_types.monitoring_types import ComparedMeasure, Measure

PATIENCE = 3  # tries without an answer before giving up
MOST_BYTES = 1 << 20  # that are read of an answer
OPENING = "decryption"  # the name of the engine's own measure
SAMPLE_PAGES, SAMPLE_TRIES = 3, 3
# Seconds that a measure must at least be above its baseline.
FLOOR = {OPENING: 0.000_1}
FLOOR_OF_ANSWERS = 0.05


class SameHostOnly(urllib.request.HTTPRedirectHandler):
    """A handler that refuses redirects: they may lead to another host, or to a login page."""

    def redirect_request(self, *_asked: Any) -> None:
        """Follow no redirect. It then counts as an answer that is not good."""


Baseline = Mapping[str, Sequence[Any]]  # by measurement: its seconds, time and source


def of_url(check: HealthCheck, tries: int) -> Measure:
    """Return the median seconds of one address, and how many tries had no good answer in time. Raise E_OPTION."""
    secure = urllib.request.HTTPSHandler(context=_trusting(check.ca_file))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), SameHostOnly(), secure)
    sent = {"User-Agent": "tetech.key_rotation", **health.fit(check.headers, check.host)}
    asked = urllib.request.Request(health.fit_url(check.url), headers=sent)  # noqa: S310  # seen to be http
    seconds: list[float] = []
    errors: list[str] = []
    for _ in range(tries):
        began = time.perf_counter()
        error = _error_of(functools.partial(opener.open, asked, timeout=check.answer_patience), check.answer_patience)
        if error:
            errors.append(error)
        else:
            seconds.append(time.perf_counter() - began)
        if len(errors) >= PATIENCE and not seconds:
            break
    return {
        "what": health.without_query(check.url),
        "seconds": statistics.median(seconds) if seconds else None,
        "tries": len(seconds) + len(errors),
        "errors": len(errors),
        "error": errors[-1] if errors else "",
    }


def _error_of(opened: Callable[[], Any], patience: float) -> str:
    """Return why there is no good answer; empty if there is one."""
    try:
        health.read_whole(opened, MOST_BYTES, patience)
    except urllib.error.HTTPError as exc:
        return f"HTTP {exc.code}"
    except urllib.error.URLError as exc:
        return type(exc.reason).__name__
    except (OSError, http.client.HTTPException) as exc:
        return type(exc).__name__
    return ""


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates in that file, or those of the system. Raise E_OPTION."""
    health.refuse_ca_file(ca_file)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (ssl.SSLError, OSError):
        fault = f"is {ca_file}, but this user cannot read a certificate in it"
        raise InvalidOption(option="health_ca_file", fault=fault, advice="Set it to a file in PEM format.") from None


def of_opening(application: Application) -> Measure:
    """Return the seconds per value that the engine takes to decrypt values of the first pages of each table.

    They are processor time, and the minimum of several tries, so that other work of the machine does not count.
    """
    from .._engine.proof.table_pages import PageRequest, by_table, pages

    samples = [
        (target, [name for name, _ in page], [values[place] for _, values in page])
        for database, survey in application.databases
        for group in by_table(survey.targets)
        for page in islice(pages(database, PageRequest(group)), SAMPLE_PAGES)
        for place, target in enumerate(group.members)
    ]
    measured = list(islice(_opened(samples, application.keyring), 1, SAMPLE_TRIES + 1))  # the first derives keys
    values = measured[0][1]
    return {
        "what": OPENING,
        "seconds": min(seconds for seconds, _ in measured) / values if values else None,
        "tries": values,
        "errors": 0,
        "error": "",
    }


def _opened(
    samples: Sequence[tuple[Target, Sequence[RowText], Sequence[Any]]], keyring: Keyring
) -> Iterator[tuple[float, int]]:
    """Again and again, seconds and values."""
    from .._engine.postgres.catalog import row_name
    from .._engine.proof import page_tokens
    from .._engine.proof.page_tokens import ColumnPage

    while True:
        began, count = time.process_time(), 0
        for target, rows, values in samples:
            page = ColumnPage(target, [row_name(row) for row in rows], values)
            count += len(page_tokens.look(page, keyring, {}))
        yield time.process_time() - began, count


def compare(
    measures: Sequence[Measure], baseline: Baseline, slower: float
) -> tuple[list[ComparedMeasure], list[RotationError]]:
    """Each measure with its baseline, and E_MONITOR_SLOW or E_MONITOR_ANSWER for those that are bad."""
    compared: list[ComparedMeasure] = []
    problems: list[RotationError] = []
    for measure in measures:
        what, now = measure["what"], measure["seconds"]
        before, taken, origin = (*baseline.get(what, ()), None, None, None)[:3]
        ratio = round(now / before, 2) if now is not None and before else None
        limit = max(before * slower, before + FLOOR.get(what, FLOOR_OF_ANSWERS)) if before else None
        compared.append(
            {
                **measure,
                "baseline": before,
                "baseline_taken": taken,
                "baseline_from": origin,
                "ratio": ratio,
                "limit": limit,
            }
        )
        if measure["errors"]:
            problems.append(
                MonitorAnswer(
                    url=what,
                    errors=measure["errors"],
                    tries=measure["tries"],
                    error=measure["error"],
                )
            )
        if limit and now is not None and now > limit:
            problems.append(MonitorSlow(subject=what, now=milliseconds(now), before=milliseconds(before), ratio=ratio))
    return compared, problems


def milliseconds(seconds: float) -> str:
    """Return a duration in seconds as milliseconds, for a person."""
    return f"{seconds * 1000:.3g} ms"
