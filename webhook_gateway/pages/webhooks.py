"""The pages that a customer starts with: jobs and their commands, upload, first steps."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.problems.page import NoFileChosen
from alumniq_pipelines.core.shell import curl_post, powershell_post
from webhook_gateway.pages.page_handlers import PageGuard, Visit
from webhook_gateway.services.load_queries import Job, Status
from webhook_gateway.services.onboarding import Onboarding
from webhook_gateway.services.uploads import UploadService


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A job and the commands that call it."""

    job: Job
    url: str
    curl: str
    powershell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPages:
    """The handlers of these pages."""

    guard: PageGuard
    status: Status
    upload_service: UploadService
    onboarding: Onboarding
    public_urls: PublicUrls

    def index(self, visit: Visit) -> Response:
        """List the jobs with their commands, last load and next due time."""
        jobs = self.status.jobs(visit.scope, visit.now)
        url = self.public_urls.of(visit.scope.environment)
        return self.guard.page(
            visit,
            "webhooks.html",
            "webhooks",
            commands=[command(job, url) for job in jobs],
            folder=folder_of(visit.scope.environment),
        )

    def start(self, visit: Visit) -> Response:
        """Show the first steps."""
        steps = self.onboarding.steps(visit.scope, visit.now)
        return self.guard.page(visit, "start.html", "start", steps=steps)

    def upload_form(self, visit: Visit) -> Response:
        """Show the upload form."""
        return self.guard.page(
            visit,
            "upload.html",
            "upload",
            jobs=self.status.jobs(visit.scope),
            job=visit.request.query_params.get("job", ""),
            folder=folder_of(visit.scope.environment),
            max_bytes=self.guard.max_upload_bytes,
        )

    def upload(self, visit: Visit) -> Response:
        """Upload the file of the form to the bucket and record a load for it."""
        file = visit.form.file
        if file is None or not file.filename:
            raise NoFileChosen
        with tempfile.TemporaryDirectory(prefix="alumniq-upload-") as folder:
            path = Path(folder) / "file"
            with path.open("wb") as local:
                copyfileobj(file.file, local)
            load = self.upload_service.upload(
                visit.scope,
                visit.form["job"],
                visit.form["filename"] or file.filename,
                path,
                visit.now,
                email=visit.form["email"],
            )
        return RedirectResponse(f"/loads/{load.job_id}?done=uploaded", 303)


def command(job: Job, base_url: str) -> Command:
    """Return the commands that call a job, with a placeholder for the key."""
    url = f"{base_url}/api/v1/index.cfm/webhook/{job.name}"
    filename = job.last_load.request.filename if job.last_load else job.field_map.path
    body = {"apiKey": "YOUR-KEY", "filename": filename, "notifyEmail": "you@example.edu"}
    return Command(
        job=job, url=url, curl=curl_post(url, body), powershell=powershell_post(url, body)
    )
