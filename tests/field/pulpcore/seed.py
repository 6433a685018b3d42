# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill pulpcore through its own models: what it encrypts, and what stands around that in a real installation."""

import datetime
import hashlib
import uuid

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pulp_file.app.models import FileContent, FileDistribution, FileRemote, FileRepository
from pulpcore.app.models import Artifact, ContentArtifact, Domain, Task, TaskSchedule, UpstreamPulp

ROWS = 40


def pem(kind, number):
    body = hashlib.sha512(str(number).encode()).hexdigest()
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def certificate(number):
    """A true one: bytes that are no certificate would be ciphertext."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(str(number).encode()).digest())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"client {number}")])
    begin = datetime.datetime(2026, 1, 1)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(number + 1).not_valid_before(begin).not_valid_after(begin.replace(year=2036))
    return built.sign(key, None).public_bytes(Encoding.PEM).decode()


User = get_user_model()
domain = Domain.objects.get(name="default")
for n in range(ROWS):
    User.objects.create_user(f"user{n}", f"user{n}@example.org", f"password {n}")
    FileRemote.objects.create(
        name=f"remote {n}",
        url=f"https://fixtures.example.org/file/{hashlib.md5(str(n).encode()).hexdigest()}/PULP_MANIFEST",
        username=f"user {n}" if n % 3 else None,
        password=f"pässword {n}",
        proxy_url="http://proxy.example.org:3128",
        proxy_username="" if n % 5 == 0 else f"proxy {n}",
        proxy_password=f"proxy password {n}",
        client_key=pem("PRIVATE KEY", n),
        client_cert=certificate(n),
        headers=[{"X-Number": str(n)}],
        pulp_labels={"stage": "test"},
    )
    repository = FileRepository.objects.create(name=f"repository {n}", manifest="PULP_MANIFEST")
    FileDistribution.objects.create(name=f"distribution {n}", base_path=f"files/{n}", repository=repository)
    data = f"content {n}".encode()
    digests = {name: getattr(hashlib, name)(data).hexdigest() for name in ("sha224", "sha256", "sha384", "sha512")}
    artifact = Artifact(file=SimpleUploadedFile(f"f{n}", data), size=len(data), **digests)
    artifact.save()
    content = FileContent.objects.create(relative_path=f"a/{n}.iso", digest=digests["sha256"])
    ContentArtifact.objects.create(artifact=artifact, content=content, relative_path=f"a/{n}.iso")
    UpstreamPulp.objects.create(
        name=f"upstream {n}",
        base_url="https://pulp.example.org/",
        api_root="/pulp/",
        username=f"replica {n}",
        password=f"replica password {n}",
    )
    Task.objects.create(
        name="pulp_file.app.tasks.synchronizing.synchronize",
        state="completed",
        logging_cid=uuid.uuid4().hex,  # as pulpcore makes them
        enc_args=[] if n % 4 == 0 else [n, "text", None],
        enc_kwargs={} if n % 4 == 0 else {"remote": f"/api/{n}", "deep": {"x": [1, 2]}},
    )
    TaskSchedule.objects.create(
        name=f"schedule {n}",
        next_dispatch=timezone.now(),
        task_name="pulpcore.app.tasks.purge.purge",
        task_args=[],
        task_kwargs={"days": n} if n % 2 else {},
    )
    Domain.objects.create(
        name=f"domain{n}",
        storage_class="storages.backends.s3.S3Storage",
        storage_settings={
            "access_key": f"AKIA{n}",
            "secret_key": f"s3 secret {n}",
            "options": {"timeout": n, "verify": True, "none": None},
        },
    )
