# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import uuid

from django.db import models
from encrypted_model_fields.fields import EncryptedCharField


class Invoice(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    iban = EncryptedCharField(max_length=60)
