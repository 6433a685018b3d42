# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from django.db import models
from secured_fields import EncryptedTextField


class Note(models.Model):
    text = EncryptedTextField(searchable=True)
    plain = models.TextField()
