# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application

from .survey_double import Part


def test_the_targets_of_all_databases_are_one_list(target):
    first, second = Part(targets=[target]), Part(targets=[target])
    opened = Application([(first, first), (second, second)], None, [], "the key store", None, {})
    assert opened.targets == [target, target]
