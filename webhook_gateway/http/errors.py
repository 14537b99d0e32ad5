"""Answers over HTTP: what each problem's status is, and the one shape of every error."""

import logging
from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.core.problems import api, notification, page
from alumniq_pipelines.core.problems import request as problems
from alumniq_pipelines.core.problems.problem import OutageProblem, Problem
from alumniq_pipelines.core.problems.request import RequestProblem
from webhook_gateway.services.refusal import RequestRefused

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 30

STATUS: Mapping[type[RequestProblem], int] = {
    problems.UnknownJob: 400,
    problems.MissingOption: 400,
    problems.MissingKey: 401,
    problems.RefusedKey: 401,
    problems.UnusableFilename: 400,
    problems.FileNotInBucket: 400,
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
"""Every problem of a request; the contract gives 400 unless HTTP has a closer word."""


def status_of(problem: type[RequestProblem]) -> int:
    """Look up a problem's status: its own, or that of the nearest class above."""
    return next(STATUS[base] for base in problem.__mro__ if base in STATUS)


def error_response(
    *all_problems: Problem, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Answer in the contract's shape."""
    return JSONResponse({"errors": [str(problem) for problem in all_problems]}, status, headers)


def request_error_response(all_problems: Sequence[RequestProblem]) -> JSONResponse:
    """Answer with everything that is wrong with a request, under the most telling status."""
    status = max(status_of(type(problem)) for problem in all_problems)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004
    for problem in all_problems:
        headers |= retry_after(problem)
    return error_response(*all_problems, status=status, headers=headers)


def retry_after(problem: Problem) -> dict[str, str]:
    """Return the header that says when to come again, where a problem passes."""
    match problem:
        case api.TooManyRequests(seconds=seconds):
            return {"Retry-After": f"{seconds}"}
        case OutageProblem():
            return {"Retry-After": f"{RETRY_AFTER_SECONDS}"}
        case _:
            return {}


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer what ended a call early; what is not expected here goes on as it is."""
    match error:
        case RequestRefused(problems=all_problems):
            return request_error_response(all_problems)
        case RequestProblem():
            return request_error_response([error])
        case OutageProblem():
            logger.warning("%s: %s", error.code, error)
            return error_response(error, status=503, headers=retry_after(error))
        case HTTPException(status_code=405, headers=headers) if headers:
            return _method_not_allowed(request, allowed=headers["Allow"])
        case HTTPException(status_code=404):
            return request_error_response([problems.UnknownAddress()])
        case _:
            raise error


def _method_not_allowed(request: Request, allowed: str) -> Response:
    """Tell which methods there are, which for OPTIONS is the answer and otherwise a refusal."""
    methods = sorted(allowed.split(", "))
    headers = {"Allow": ", ".join([*methods, "OPTIONS"])}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return error_response(problems.WrongMethod(" or ".join(methods)), status=405, headers=headers)
