# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run on the control node: open, sign, close, fail and verify it, with its pages and notices.

The action plugins of the record import it, and the checklist and the rollback. It imports module_utils, the keys, the
plans, the control node, the reports, the notifications and the screen. How a line is written: module_utils/_record.
"""
