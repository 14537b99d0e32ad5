"""docs/messages.md agrees with the code."""

from alumniq_pipelines.checking.rules import Rule
from tests.house.message_catalog import (
    EXAMPLES,
    MODULES,
    NO_TEXT,
    PAGE,
    page,
    problem_modules,
    problems_of,
    shown,
)
from tests.house.rule_catalog import FOREIGN_KEYS, RULE_EXAMPLES


def test_the_page_of_messages_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make messages"


def test_every_module_of_problems_is_on_the_page() -> None:
    assert set(MODULES) | NO_TEXT == set(problem_modules())


def test_every_rule_is_on_the_page() -> None:
    assert FOREIGN_KEYS
    assert {rule for rule, _ in RULE_EXAMPLES} | {Rule.FOREIGN_KEY, Rule.DAMAGED_KEY} == set(Rule)


def test_every_example_leads_to_a_form_of_its_own() -> None:
    """The text would no longer depend on an example that changes nothing."""
    for problem, examples in EXAMPLES.items():
        forms = max(len(values) for values in examples.values())
        assert len(shown(problem)) >= forms, problem


def test_no_message_shows_a_python_value() -> None:
    texts = [
        str(form)
        for name in MODULES
        for problem in problems_of(problem_modules()[name])
        for form in shown(problem)
    ]
    assert [text for text in texts if "None" in text or "Placeholder" in text or "()" in text] == []
