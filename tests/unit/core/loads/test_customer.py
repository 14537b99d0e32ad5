import pytest

from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.problems.command import UnusableBucket, UnusableCustomer


@pytest.mark.parametrize("name", ["i", "iqu", "a-1", "a" * 31])
def test_a_short_name_is_an_id(name: str) -> None:
    assert Customer(name, "IQ University", "alumniq-iqu").id == name


@pytest.mark.parametrize(
    "name", ["", "IQU", "1st", "-a", "a.b", "a_b", "a b", "../a", "a\n", "é", "a" * 32]
)
def test_what_cannot_be_a_partition_key_is_no_id(name: str) -> None:
    with pytest.raises(UnusableCustomer):
        Customer(name, "IQ University", "alumniq-iqu")


@pytest.mark.parametrize("bucket", ["abc", "a.b.c", "1-2-3", "a" * 63])
def test_a_bucket_is_named_as_in_s3(bucket: str) -> None:
    assert Customer("iqu", "IQ University", bucket).bucket == bucket


@pytest.mark.parametrize(
    "bucket", ["", "ab", "..", "a..b", "../x", "a/b", "A-bucket", "abc-", ".abc", "abc\n", "a" * 64]
)
def test_no_bucket_leads_out_of_its_folder(bucket: str) -> None:
    with pytest.raises(UnusableBucket):
        Customer("iqu", "IQ University", bucket)
