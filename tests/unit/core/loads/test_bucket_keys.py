import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.bucket import folder_of, object_key
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.filename import UnusableFilename


@given(st.text(), st.sampled_from(Environment))
def test_a_filename_never_leads_out_of_its_folder(filename: str, environment: Environment) -> None:
    try:
        key = object_key(environment, filename)
    except UnusableFilename:
        return
    assert key == folder_of(environment) + filename
    assert not {"", ".", ".."} & set(key.split("/"))
    assert key.isprintable()


@pytest.mark.parametrize(
    "filename",
    [
        "",
        "/",
        "/warehouse.csv",
        "../production/warehouse.csv",
        "a/../../x",
        "a//b",
        "folder/",
        ".",
        "a\\b",
        "a\nb",
        "a\0b",
        "a\u202eb",
        "\ud800",
        "x" * 1_013,
        "é" * 507,
    ],
    ids=ascii,
)
def test_tricks_with_names_are_refused(filename: str) -> None:
    with pytest.raises(UnusableFilename):
        object_key(Environment.QA, filename)


@pytest.mark.parametrize(
    "filename", ["warehouse.csv", "2026/11/a b+c%.csv", "été.csv", "x" * 1_011]
)
def test_filenames_of_the_customer_are_preserved(filename: str) -> None:
    assert object_key(Environment.QA, filename) == f"qa/warehouse/{filename}"
