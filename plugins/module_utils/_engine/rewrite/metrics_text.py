# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers in Prometheus' text exposition format 0.0.4, as the textfile collector of node_exporter reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PREFIX = "key_rotation_"  # of each metric's name
Sample = tuple[str, Mapping[str, str], float]  # name, labels, value


def named(metrics: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Type and help by the whole name of each metric."""
    return {f"{PREFIX}{name}": described for name, described in metrics.items()}


def text(metrics: Mapping[str, tuple[str, str]], samples: Iterable[Sample]) -> str:
    """The samples, named without the prefix, in one group for each of ``metrics`` (see ``named``) that has one."""
    groups: dict[str, list[str]] = {name: [] for name in metrics}
    for name, labels, value in samples:
        groups[f"{PREFIX}{name}"].append(f"{PREFIX}{name}{_labels(labels)} {value:.10g}")
    lines = []
    for name, group in groups.items():
        if group:
            kind, about = metrics[name]
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}", *group]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
