from alumniq_pipelines.core.feeds.did_you_mean import did_you_mean, near_miss


def test_case_and_separators_do_not_matter() -> None:
    assert near_miss("Last Name", ["firstName", "lastName"]) == "lastName"
    assert near_miss("last_name", ["firstName", "lastName"]) == "lastName"


def test_what_is_far_off_is_no_near_miss() -> None:
    assert near_miss("colour", ["firstName", "lastName"]) is None
    assert did_you_mean("colour", ["firstName"], "use firstName") == "use firstName"
