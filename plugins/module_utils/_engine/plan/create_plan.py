# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create the plan of a rotation, with all that stops it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..._errors.env_file import EnvKeyMissing, listed_by
from .. import application_findings, under_new_keys
from ..application import function_pairs, key_uses, own_command
from ..discovery import accounting, proposal, scheme_proposal, survey_findings, unlisted_keys
from ..discovery.columns.layer_classes import NESTED
from ..discovery.elsewhere import cached_tokens
from ..discovery.findings import listed_rows
from ..discovery.findings.finding_facts import ScanCutOff
from ..discovery.findings.findings import Finding, Findings, Notice
from ..proof import census_findings
from ..proof.value_classes import UNOPENED
from ..request import TRIAL
from . import plan

if TYPE_CHECKING:
    from ..crypto.key_entry import KeyEntry
    from ..discovery.unlisted_keys import UnlistedKeys
    from ..proof.census_tally import Tally
    from ..rotation import Application

NO_ENV: Mapping[str, str] = MappingProxyType({})


def create_plan(
    application: Application, *, counted: bool, env: Mapping[str, str] = NO_ENV, unset: Collection[str] = ()
) -> plan.Plan:
    """Create the plan of a rotation, with everything that stops it. If ``counted``, it has the counts of a census.

    ``env`` has every name that the .env file sets, ``unset`` are the keys that it does not set. Raise E_SETTLEMENT if
    a settlement names no column.
    """
    application_findings.refuse_settlements_without_place(application)
    application.establish_function_keys()
    tallies = application.census("current", searched=True) if counted else []
    others = unlisted_keys.by_column(application.surveys, unlisted_keys.without_listed(env, application.keyring))
    proposed = _proposed_keys(application, others, env)
    line = proposal.line(proposed or [{"name": name} for name in sorted(application.keyring.names)])
    findings = [
        *_unset(application, unset, line),
        *_unproved(application, others, line),
        *application_findings.find_unaccounted(application),
        *application_findings.find_refused_updates(application),
    ]
    # The application need not start with keys of an unfit type.
    unfit = any(finding.kind.name == "key_type_unfit" for finding in findings)
    if not (unset or unfit):
        findings += under_new_keys.findings(application)
    findings += _of_values(application, tallies, counted=counted)
    findings += _commands(application)
    findings += _hashing(application, findings)
    uses = application.code.by_key()
    findings += _cut_off(application)
    if counted and not any(finding.kind.stops for finding in findings):
        under_new_keys.rehearse(application, TRIAL)
    return plan.Plan(
        surveys=application.surveys,
        tallies=tallies,
        keyring=application.keyring,
        notices=_notices(application, findings),
        settlements=application.settlements,
        keys=accounting.planned_keys(application.surveys, application.keyring, application.keys, uses),
        proposed=proposed,
        leave_alone=application.leave_alone,
        listed=listed_rows.as_results(finding.listed for finding in findings),
        command=application.command,
        described=_proposed_schemes(application, findings),
    )


def _unset(application: Application, names: Collection[str], line: str) -> list[Finding]:
    """The keys that the .env file does not set."""
    listed = listed_by(key["name"] for key in application.keys)
    path = application.keys_from
    return [Finding.of(name, EnvKeyMissing(name=name, path=path, line=line, listed=listed)) for name in names]


def _unproved(application: Application, others: Mapping[str, UnlistedKeys], line: str) -> list[Finding]:
    """Find the targets that nothing proves. If keys that are not listed decrypt them, the finding names these."""
    findings = survey_findings.findings_of(
        application.surveys, application.keyring, application.keys_from, application.settlements, line
    )
    return [
        unlisted_keys.finding(finding, others[finding.column], line) if finding.column in others else finding
        for finding in findings
    ]


def _of_values(application: Application, tallies: Sequence[Tally], *, counted: bool) -> list[Finding]:
    """Return the findings of a census."""
    findings = application_findings.explain(application, census_findings.findings(tallies, (*UNOPENED, NESTED)))
    if counted:
        findings += [*application_findings.find_kept(application), *application_findings.find_set_aside(application)]
        findings += application_findings.find_outside_data_keys(application)
    return [*findings, *application_findings.find_staying(application, tallies), *census_findings.notable(tallies)]


def _commands(application: Application) -> list[Finding]:
    """The command that will re-encrypt, or those of the application that could."""
    findings = Findings()
    for name in [application.command.name] if application.command else own_command.candidates():
        findings.put_kind("by_command" if application.command else "own_command", name)
    return findings.with_text(stops=False)


def _hashing(application: Application, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Report code that hashes with a key, if no finding has a column of such hashes."""
    columns = [finding.column for finding in findings if finding.kind.name == "keyed_hash"]
    settled = [column for survey in application.surveys for column in survey.evidence.hashes]
    yield from accounting.find_unplaced_hashing(application.surveys, application.code.hashing(), [*columns, *settled])


def _cut_off(application: Application) -> list[Finding]:
    """Report that a search for uses of the keys ended at one of its limits."""
    if not application.code.is_cut_off:
        return []
    limits = ScanCutOff(key_uses.MOST_FILES, int(key_uses.MOST_SECONDS))
    return [Finding.of("the application's code", limits)]


def _proposed_keys(
    application: Application, others: Mapping[str, UnlistedKeys], env: Mapping[str, str]
) -> list[KeyEntry]:
    """Entries of the option ``keys`` for all under which values are, those of ``others`` included."""
    surveys, names = application.surveys, application.keyring.names
    known = [survey_findings.settings_of(surveys, application.keyring), *(each.keys for each in others.values())]
    known.append(unlisted_keys.of_inner_layers(surveys, env))
    proposed = proposal.propose({name: values for each in known for name, values in each.items()}, env)
    listed = [entry for entry in application.keys if entry["name"] in names]  # of those that have a value
    return proposal.with_listed(proposed, listed, accounting.used_keys(surveys, application.keyring))


def _proposed_schemes(application: Application, findings: Sequence[Finding]) -> dict[str, object]:
    """The options ``schemes`` and ``targets`` with the columns of an unknown format in ``findings``."""
    columns = [*scheme_proposal.columns_of(findings, application.surveys)]
    if not columns:
        return {}
    uses = {name: uses for name, uses in application.code.of_keys().items() if name != key_uses.SALTED_HMAC}
    code = function_pairs.find(application.project_dir, key_uses.installed_folders(), uses)
    described = application.described
    return scheme_proposal.propose(columns, code.candidates, described.schemes, described.targets)


def _notices(application: Application, findings: Sequence[Finding]) -> list[Notice]:
    """The findings, what the databases say of the targets, and what a rotation leaves out."""
    all_findings = [
        *(other.warning for other in application.other_databases),
        *plan.caches(),
        *findings,
        *_of_databases(application),
    ]
    return [finding.as_notice() for finding in all_findings]


def _of_databases(application: Application) -> Iterator[Finding]:
    growing = {entry["name"] for entry in application.keys if entry.get("keep")}
    for database, survey in application.databases:
        tried = application.trial is not None
        yield from plan.catalog_findings(database, survey.targets, application.keyring, growing, tried=tried)
        plan.put_left_out(database, survey, application.keyring)
        for entries in cached_tokens.find(database, survey, application.keyring):
            entries.put(survey.findings)
        yield from survey.findings.with_text(stops=False)
