"""The page of a field map says everything that the author of an export has to know."""

from alumniq_pipelines.core.feeds.field_map import FieldMap
from webhook_gateway.api.reference import field_map_page


def test_the_further_names_of_a_column_are_beside_its_name() -> None:
    email = {"name": "email", "alumniq": {"aliases": ["Home Mail", "<b>"]}}
    schema = {"fields": [{"name": "xid"}, email]}
    field_map = FieldMap.model_validate({"name": "people", "path": "p.csv", "schema": schema})
    page = bytes(field_map_page(field_map).body).decode()
    names = "<code>email</code>, also <code>Home Mail</code>, <code>&lt;b&gt;</code></th>"
    assert names in page
    assert '<th scope="row"><code>xid</code></th>' in page
