from alumniq_pipelines.core.feeds.did_you_mean import closest_match, did_you_mean


def test_case_and_separators_do_not_matter() -> None:
    assert closest_match("Last Name", ["firstName", "lastName"]) == "lastName"
    assert closest_match("last_name", ["firstName", "lastName"]) == "lastName"


def test_what_is_far_off_is_no_near_miss() -> None:
    assert closest_match("colour", ["firstName", "lastName"]) is None
    assert did_you_mean("colour", ["firstName"], "use firstName") == "use firstName"
