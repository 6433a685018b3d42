# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight checklist: one file per subject, with pure functions that check what the hosts reported.

The action plugins rotation_checklist and maintenance_window_info import it. It imports module_utils, the
reports, the notifications, the plans, the control node and the record of a run.
"""
