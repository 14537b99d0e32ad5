"""Error responses: the HTTP status of each problem, and the one body format of all errors."""

import logging
from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.core.problems import api, filename, notification, page
from alumniq_pipelines.core.problems import request as problems
from alumniq_pipelines.core.problems.problem import OutageProblem, Problem, cause_for_staff
from alumniq_pipelines.core.problems.request import RequestProblem
from webhook_gateway.services.refusal import RequestRefused

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 30

ERROR_CODES = "x-error-codes"
"""The header with the codes of the problems, whose texts may change; the body is the contract's."""

STATUS: Mapping[type[RequestProblem], int] = {
    problems.UnknownJob: 400,
    problems.MissingOption: 400,
    problems.MissingKey: 401,
    problems.RefusedKey: 401,
    problems.WrongHost: 403,
    filename.UnusableFilename: 400,
    filename.FileNotInBucket: 400,
    filename.FileArchivedByStore: 400,
    filename.FileEncryptedByCustomer: 400,
    problems.UnusableNotifyEmail: 400,
    problems.UnusableNotifyWebhook: 400,
    problems.UnreadableBody: 400,
    problems.RepeatedOption: 400,
    problems.OptionNotText: 400,
    problems.MalformedRequest: 400,
    problems.UnknownAddress: 404,
    problems.WrongMethod: 405,
    problems.SlowRequest: 408,
    problems.BodyTooLarge: 413,
    problems.AddressTooLong: 414,
    page.SignInRefused: 401,
    page.PlainHttpSignIn: 403,
    page.FileNotReplaced: 409,
    page.StaleForm: 403,
    page.NoCustomerChosen: 400,
    page.NoFileChosen: 400,
    page.UploadTooLarge: 413,
    api.NoSuchLoad: 404,
    api.NoReport: 404,
    api.NoSuchNotification: 404,
    notification.NotificationUnderWay: 409,
    api.NotQueued: 409,
    api.BeingPublished: 409,
    api.NotRepeatable: 409,
    api.UnusableParameter: 400,
    api.JobNotOfKey: 403,
    api.TooManyRequests: 429,
    api.IdempotencyKeyReused: 422,
    api.UnusableIdempotencyKey: 400,
    api.UnusableDryRun: 400,
    api.UnusableEmailAddress: 400,
    api.NoSuchAccessKey: 404,
    api.KeyReplacedAlready: 409,
    api.SpeculativeRequest: 400,
    api.S3KeysNotOfKey: 403,
}
"""Every request problem; the contract uses 400 unless HTTP has a more precise status."""


def status_of(problem: type[RequestProblem]) -> int:
    """Return the status of a problem class, or that of its nearest base class."""
    return next(STATUS[base] for base in problem.__mro__ if base in STATUS)


def error_response(
    *all_problems: Problem, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Build an error response in the format of the contract, with the codes for programs."""
    codes = ", ".join(dict.fromkeys(problem.code for problem in all_problems))
    return JSONResponse(
        {"errors": [str(problem) for problem in all_problems]},
        status,
        {ERROR_CODES: codes, **(headers or {})},
    )


def request_error_response(all_problems: Sequence[RequestProblem]) -> JSONResponse:
    """Build the refusal that lists every problem of a request, under their highest status."""
    status = max(status_of(type(problem)) for problem in all_problems)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004
    for problem in all_problems:
        headers |= retry_after(problem)
    return error_response(*all_problems, status=status, headers=headers)


def retry_after(problem: Problem) -> dict[str, str]:
    """Return the Retry-After header if a problem is temporary."""
    match problem:
        case api.TooManyRequests(seconds=seconds):
            return {"Retry-After": f"{seconds}"}
        case OutageProblem():
            return {"Retry-After": f"{RETRY_AFTER_SECONDS}"}
        case _:
            return {}


async def handle_error(request: Request, error: Exception) -> Response:
    """Build the response to an exception that ended a call early; re-raise unexpected ones."""
    match error:
        case RequestRefused(problems=all_problems):
            return request_error_response(all_problems)
        case RequestProblem():
            return request_error_response([error])
        case OutageProblem():
            cause = cause_for_staff(error)
            logger.warning("%s: %s", cause.code, cause)
            return error_response(error, status=503, headers=retry_after(error))
        case HTTPException(status_code=405, headers=headers) if headers:
            return _method_not_allowed(request, allowed=headers["Allow"])
        case HTTPException(status_code=404):
            return request_error_response([problems.UnknownAddress()])
        case _:
            raise error


def _method_not_allowed(request: Request, allowed: str) -> Response:
    """Return the allowed methods: for OPTIONS as a success, for other methods as a refusal."""
    methods = sorted(allowed.split(", "))
    headers = {"Allow": ", ".join([*methods, "OPTIONS"])}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return error_response(problems.WrongMethod(" or ".join(methods)), status=405, headers=headers)
