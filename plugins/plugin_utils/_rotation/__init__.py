# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does as a whole: it opens, closes and verifies records, and chooses how a rotation is rolled back.

The action plugins rotation_record, rollback_course and their like import it. It imports module_utils, the reports, the
notifications and the services.
"""
