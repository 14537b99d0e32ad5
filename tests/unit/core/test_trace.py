import pytest

from alumniq_pipelines.core.trace import trace_of

VALUE = "a value of a customer"


def break_down() -> None:
    raise KeyError(VALUE)


def break_down_later(*, hide: bool) -> None:
    try:
        break_down()
    except KeyError as fault:
        raise RuntimeError(VALUE) from None if hide else fault


def traced(*, hide: bool) -> str:
    with pytest.raises(RuntimeError) as caught:
        break_down_later(hide=hide)
    return trace_of(caught.value)


def test_a_trace_shows_frames_and_classes_of_a_fault_and_of_what_led_to_it() -> None:
    trace = traced(hide=False)
    assert "in break_down" in trace
    assert trace.index("builtins.KeyError") < trace.index("builtins.RuntimeError")


def test_a_trace_holds_no_text_of_a_fault() -> None:
    assert VALUE not in traced(hide=False)


def test_what_was_hidden_stays_hidden() -> None:
    assert "builtins.KeyError" not in traced(hide=True)
