# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line for each step of a playbook; with -v, Ansible's own output."""

from __future__ import annotations

DOCUMENTATION = r"""
name: steps
type: stdout
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Show a line for each step of a rotation, and every error whole and once
description:
  - Shows one line for each step of the playbooks of this collection, with what was seen or done and how long it took.
    What hosts report differently is shown with their names.
  - On a terminal, the last line moves while a step works. Otherwise, long tasks report their progress now and then.
  - An error is shown once, with the step, the task and the host, what was changed so far, and what to do.
    Below it is what the step did before, and what it did on other hosts.
  - Warnings and deprecations are shown as usual.
  - With C(-v) or more, the output is that of the callback P(ansible.builtin.default#callback), and so are the options.
  - >-
    A step is what a task, an import or a block with a name such as C(Step 3/8: Back up the database) contains.
    Otherwise, it is what an imported role does, under the name of the import in the playbook.
requirements:
  - Set as the stdout callback in the configuration, as in the example.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  stdout_callback = tetech.key_rotation.steps
"""

from ansible.plugins.callback import CallbackBase
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.display import Display

from ..plugin_utils._screen.step_callback import StepCallback

# Ansible knows the verbosity before it loads the callback.
CallbackModule: type[CallbackBase] = Default if Display().verbosity else StepCallback
