from alumniq_pipelines.core.outcome import AttemptResult
from webhook_gateway.pages.timeline import ATTEMPT_ENDED


def test_every_way_an_attempt_can_end_has_words() -> None:
    assert set(ATTEMPT_ENDED) == set(AttemptResult)
