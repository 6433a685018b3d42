# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill edx-enterprise through its own models: thirteen encrypted columns, and what stands around them."""

import hashlib

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from enterprise.models import EnterpriseCustomer, EnterpriseCustomerReportingConfiguration, EnterpriseCustomerUser
from integrated_channels.blackboard.models import BlackboardEnterpriseCustomerConfiguration
from integrated_channels.canvas.models import CanvasEnterpriseCustomerConfiguration
from integrated_channels.degreed2.models import Degreed2EnterpriseCustomerConfiguration
from integrated_channels.moodle.models import MoodleEnterpriseCustomerConfiguration
from integrated_channels.sap_success_factors.models import SAPSuccessFactorsEnterpriseCustomerConfiguration

site = Site.objects.get_or_create(domain="example.org", name="example.org")[0]
for n in range(25):
    user = get_user_model().objects.create_user(f"user{n}", f"user{n}@example.org", f"password {n}")
    customer = EnterpriseCustomer.objects.create(name=f"Company {n}", slug=f"company-{n}", site=site, country="DE")
    EnterpriseCustomerUser.objects.create(enterprise_customer=customer, user_id=user.pk)
    EnterpriseCustomerReportingConfiguration.objects.create(
        enterprise_customer=customer,
        active=True,
        delivery_method="sftp",
        email=[f"user{n}@example.org", "other@example.org"],
        hour_of_day=3,
        frequency="daily",
        decrypted_password=f"zip password {n}",
        decrypted_sftp_password=None if n % 4 == 0 else f"sftp é {n}",
        sftp_hostname="sftp.example.org",
        sftp_username=f"sftp{n}",
        sftp_file_path=f"/reports/{n}",
    )
    common = {"enterprise_customer": customer, "active": True}
    SAPSuccessFactorsEnterpriseCustomerConfiguration.objects.create(
        **common,
        decrypted_key=f"sap key {n}",
        decrypted_secret=f"sap secret {n}",
        sapsf_base_url="https://sap.example.org/",
        sapsf_company_id=f"company{n}",
        sapsf_user_id=f"sap{n}",
    )
    BlackboardEnterpriseCustomerConfiguration.objects.create(
        **common,
        decrypted_client_id=f"blackboard id {n}",
        decrypted_client_secret=f"blackboard secret {n}",
        blackboard_base_url="https://blackboard.example.org/",
        refresh_token=hashlib.sha256(str(n).encode()).hexdigest()[:32],
    )
    CanvasEnterpriseCustomerConfiguration.objects.create(
        **common,
        decrypted_client_id=f"canvas id {n}",
        decrypted_client_secret="" if n % 5 == 0 else f"canvas secret {n}",
        canvas_base_url="https://canvas.example.org/",
        canvas_account_id=n,
    )
    Degreed2EnterpriseCustomerConfiguration.objects.create(
        **common,
        decrypted_client_id=f"degreed id {n}",
        decrypted_client_secret=f"degreed secret {n}",
        degreed_base_url="https://degreed.example.org/",
    )
    MoodleEnterpriseCustomerConfiguration.objects.create(
        **common,
        decrypted_username=f"moodle user {n}",
        decrypted_password=f"moodle password {n}",
        decrypted_token=f"moodle token {n}",
        moodle_base_url="https://moodle.example.org/",
        service_short_name="shortname",
    )
