# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files that are tokens: a rotation writes other names, and renames no file."""

from __future__ import annotations

from ...._errors.discovery import ColumnTied
from ...application import local_files
from .. import model_evidence
from ..findings.findings import Finding, Findings
from ..target_survey import Survey

OBSTACLE = (
    "contains file names that are the stored tokens: a rotation and a rollback write other names, and no file has those"
)
ADVICE = (
    "Let the application's own command encrypt the names and rename the files (O(method)=command), and settle it: "
    'O(settlements): {{{column}: {{by_command: "reason"}}}}. If the storage uses the decrypted name, or the files get '
    "their new names after the rotation, write unreadable instead of by_command."
)


def find(survey: Survey) -> list[Finding]:
    """Return findings about targets whose model has a file of that name.

    A field that reads another name than the stored one, as an encrypting field does, does not count.
    """
    files = local_files.fields(survey.model_tables)
    places = [
        (target.table, target.column)
        for target in survey.targets
        if any((name, target.column) in files for name in target.table.names)
    ]
    decoded = model_evidence.of_fields(survey.model_tables, places) if places else {}
    findings = Findings()
    for table, column in places:
        if (table, column) not in decoded:
            name = table.label_of(column)
            findings.put(
                name, ColumnTied(column=name, obstacle=OBSTACLE, advice=ADVICE.format(column=name)), kind="file_name"
            )
    return findings.with_text(stops=True)
