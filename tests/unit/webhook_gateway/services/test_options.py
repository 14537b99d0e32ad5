import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.problems.request import MissingOption, OptionNotText, RepeatedOption
from webhook_gateway.services.options import Option, options_from


@pytest.mark.parametrize("name", ["filename", "fileName", "FILENAME", "FileName"])
def test_names_are_matched_without_regard_to_case(name: str) -> None:
    assert options_from([(name, " warehouse.csv\n")]).text(Option.FILENAME) == "warehouse.csv"


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\n"])
def test_null_and_blank_mean_absent(blank: str | None) -> None:
    options = options_from([("filename", blank), ("notifyEmail", blank)])

    assert options.text(Option.NOTIFY_EMAIL) == ""
    with pytest.raises(MissingOption, match=r"^Missing required option: Filename$"):
        options.required(Option.FILENAME)


@pytest.mark.parametrize("value", [5, 0, True, False, 1.5, (), (("a", "b"),), [], ["a"], object()])
def test_an_option_that_is_not_text_is_refused_with_that_reason(value: object) -> None:
    options = options_from([("filename", value)], [("filename", "warehouse.csv")])

    with pytest.raises(OptionNotText, match="The option Filename is not text"):
        options.text(Option.FILENAME)


def test_two_values_under_two_spellings_are_refused_without_showing_them() -> None:
    options = options_from([("apiKey", "secret-1"), ("APIKEY", "secret-2")])

    with pytest.raises(RepeatedOption) as caught:
        options.text(Option.API_KEY)
    assert "secret" not in str(caught.value)


def test_the_same_value_twice_is_one_value() -> None:
    assert options_from([("apiKey", "k"), ("apikey", "k ")]).text(Option.API_KEY) == "k"


def test_the_first_source_that_has_an_option_counts() -> None:
    body, url, header = [("apiKey", "")], [("apikey", "url")], [("ApiKey", "header")]

    assert options_from(body, url, header).text(Option.API_KEY) == "url"


def test_other_names_are_ignored() -> None:
    options = options_from([("format", "csv"), ("format", 5), ("api_key", "k")])

    assert options.texts == {}
    assert options.faults == {}


Values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())


@given(st.lists(st.tuples(st.sampled_from(["apiKey", "FILENAME", "notifyemail", "x"]), Values)))
def test_an_option_is_a_trimmed_text_or_a_problem_never_both(
    pairs: list[tuple[str, object]],
) -> None:
    options = options_from(pairs)

    assert not set(options.texts) & set(options.faults)
    assert all(text and text == text.strip() for text in options.texts.values())
