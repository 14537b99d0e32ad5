"""The pages that a customer starts from: the jobs with their commands, uploading, onboarding."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.problems.page import NoFileChosen
from alumniq_pipelines.core.shell import curl_post, powershell_post
from webhook_gateway.pages.page_handlers import PageGuard, Visit
from webhook_gateway.services.load_queries import Job, Status
from webhook_gateway.services.onboarding import Onboarding
from webhook_gateway.services.uploads import UploadService


@dataclass(frozen=True, slots=True)
class Command:
    """A job, and how it is called."""

    job: Job
    url: str
    curl: str
    powershell: str


@dataclass(frozen=True, slots=True)
class WebhookPages:
    """The pages."""

    guard: PageGuard
    status: Status
    upload_service: UploadService
    onboarding: Onboarding
    base_url: str

    def index(self, visit: Visit) -> Response:
        """List the jobs: where to call, how it went, when the next file is due."""
        jobs = self.status.jobs(visit.scope, visit.now)
        return self.guard.page(
            visit,
            "webhooks.html",
            "webhooks",
            commands=[command(job, self.base_url) for job in jobs],
            folder=folder_of(visit.scope.environment),
        )

    def start(self, visit: Visit) -> Response:
        """Show what there is to do before the first night."""
        steps = self.onboarding.steps(visit.scope, visit.now)
        return self.guard.page(visit, "start.html", "start", steps=steps)

    def upload_form(self, visit: Visit) -> Response:
        """Show the form for a file."""
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
        """Put the file that came into the bucket, and keep a load for it."""
        file = visit.form.file
        if file is None or not file.filename:
            raise NoFileChosen
        with tempfile.TemporaryDirectory(prefix="alumniq-upload-") as folder:
            path = Path(folder) / "file"
            with path.open("wb") as local:
                copyfileobj(file.file, local)
            load = self.upload_service.load(
                visit.scope,
                visit.form["job"],
                visit.form["filename"] or file.filename,
                path,
                visit.now,
                email=visit.form["email"],
            )
        return RedirectResponse(f"/loads/{load.job_id}?done=uploaded", 303)


def command(job: Job, base_url: str) -> Command:
    """Write how a job is called; the key stays a blank to fill in."""
    url = f"{base_url}/api/v1/index.cfm/webhook/{job.name}"
    filename = job.last_load.request.filename if job.last_load else job.field_map.path
    body = {"apiKey": "YOUR-KEY", "filename": filename, "notifyEmail": "you@example.edu"}
    return Command(job, url, curl_post(url, body), powershell_post(url, body))
