# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: it finds, decrypts, re-encrypts and verifies the values of an application.

Everything above may import its public names. It imports Django, cryptography and the database driver, and nothing of
Ansible or of the folders next to it but the errors and the operating system.
"""
