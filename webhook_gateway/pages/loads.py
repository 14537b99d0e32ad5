"""The pages for loads: the list, a single load, and the actions on it."""

import re
from contextlib import ExitStack
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.diff import format_changes
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.rejection_report import ReportFormat
from alumniq_pipelines.core.loads.waiting import format_waiting
from alumniq_pipelines.core.problems.api import NoReport
from alumniq_pipelines.core.problems.holding import WouldBeHeld
from alumniq_pipelines.core.problems.live_data import live_sentence, without_live_sentence
from webhook_gateway.http.downloads import download
from webhook_gateway.pages.chart import HEIGHT, WIDTH, bars
from webhook_gateway.pages.page_handlers import PageGuard, Visit
from webhook_gateway.pages.timeline import timeline
from webhook_gateway.services.load_actions import Actions
from webhook_gateway.services.load_queries import Scope, Status
from webhook_gateway.services.reports import RejectionReports

VERSIONS_SHOWN = 20
LOADS_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPages:
    """The handlers of these pages."""

    guard: PageGuard
    ledger: Ledger
    status: Status
    actions: Actions
    reports: RejectionReports

    def index(self, visit: Visit) -> Response:
        """List loads, newest first, optionally only those of a job or in a state."""
        query = visit.request.query_params
        job, state, before = (query.get(name, "") for name in ("job", "state", "before"))
        page = self.status.loads(
            visit.scope,
            job=job or None,
            states=[load_state for load_state in LoadState if load_state == state],
            before=int(before) if re.fullmatch(r"[0-9]{1,18}", before) else None,
            limit=LOADS_SHOWN,
        )
        return self.guard.page(
            visit,
            "loads.html",
            "loads",
            loads=[(load, self.status.job_of(load)) for load in page.loads],
            next_before=page.next_before,
            jobs=self.status.jobs(visit.scope),
            states=list(LoadState),
            job=job,
            state=state,
        )

    def show(self, visit: Visit) -> Response:
        """Show a load with its errors, counts, timeline and versions."""
        detail = self.status.load(self._scope(visit), visit.path("job_id"), visit.now)
        load, attempts = detail.load, detail.attempts
        versions = self.ledger.versions.of(load.target, VERSIONS_SHOWN)
        # Twice as many loads as versions, because a load can succeed without publishing.
        succeeded = self.ledger.loads.find(
            target=load.target, states=[LoadState.SUCCEEDED], limit=2 * VERSIONS_SHOWN
        )
        changes = {success.job_id: success.changes for success in succeeded}
        published = [version for version in versions if version.job_id == load.job_id]
        return self.guard.page(
            visit,
            "load.html",
            "loads",
            detail=detail,
            load=load,
            is_elsewhere=not visit.is_selected(load.target),
            report=self.reports.summary(detail),
            hold=detail.hold,
            would_be_held=WouldBeHeld() if detail.would_be_held_for else None,
            changes=format_changes(load.changes) if load.changes else (),
            events=timeline(detail),
            waiting=detail.waiting
            and format_waiting(detail.waiting, for_staff=visit.session.staff is not None),
            errors=[without_live_sentence(error) for error in load.errors],
            live=live_sentence(detail.live),
            is_refused=bool(attempts) and attempts[-1].result is AttemptResult.REFUSED,
            bars=bars(versions, changes, load.job_id),
            chart_size=(WIDTH, HEIGHT),
            published=published[0] if published else None,
            can_cancel=load.is_cancelable
            and not any(attempt.publishing_at for attempt in attempts),
            can_repeat=load.is_final and self.ledger.attempts.receipt(load.job_id) is not None,
        )

    def report(self, visit: Visit) -> Response:
        """Download a load's rejection report; for staff, record it in the audit trail first."""
        form = visit.path("form")
        if form not in set(ReportFormat):
            raise NoReport
        load, report_file = self.reports.open_report(
            self._scope(visit), visit.path("job_id"), ReportFormat(form)
        )
        if visit.session.staff is not None:
            with ExitStack() as on_failure:
                on_failure.callback(report_file.close)
                detail = {"target": str(load.target), "format": form}
                self.ledger.audit.add(
                    visit.actor, "rejection report read", load.job_id, visit.now, detail=detail
                )
                on_failure.pop_all()
        return download(load, ReportFormat(form), report_file)

    def cancel(self, visit: Visit) -> Response:
        """Cancel a load that is not finished."""
        load = self.actions.cancel(
            self._scope(visit), visit.path("job_id"), visit.now, actor=visit.actor
        )
        done = "canceled-underway" if load.attempts else "canceled"
        return RedirectResponse(f"/loads/{load.job_id}?done={done}", 303)

    def resend(self, visit: Visit) -> Response:
        """Send a notification again."""
        job_id = visit.path("job_id")
        self.actions.resend(
            self._scope(visit), job_id, visit.form["notification"], visit.now, actor=visit.actor
        )
        return RedirectResponse(f"/loads/{job_id.strip().upper()}?done=resent", 303)

    def approve(self, visit: Visit) -> Response:
        """Approve a held load for publishing."""
        load = self.actions.approve(
            self._scope(visit),
            visit.path("job_id"),
            visit.form["reason"],
            visit.now,
            actor=visit.actor,
        )
        return RedirectResponse(f"/loads/{load.job_id}?done=approved", 303)

    def discard(self, visit: Visit) -> Response:
        """Discard a held load, which then fails."""
        load = self.actions.discard(
            self._scope(visit),
            visit.path("job_id"),
            visit.form["reason"],
            visit.now,
            actor=visit.actor,
        )
        return RedirectResponse(f"/loads/{load.job_id}?done=discarded", 303)

    def repeat(self, visit: Visit) -> Response:
        """Load the archived file of a load again."""
        new_load = self.actions.repeat(
            self._scope(visit), visit.path("job_id"), visit.now, actor=visit.actor
        )
        return RedirectResponse(f"/loads/{new_load.job_id}?done=repeated", 303)

    def _scope(self, visit: Visit) -> Scope:
        """Return the scope in which to find the load that the URL names.

        Staff may open every load, in the scope of its own customer. The customer that their session
        has selected stays the same, because opening a page must not change anything.
        """
        if visit.session.staff is None:
            return visit.scope
        return self.status.scope_of(visit.path("job_id"))
