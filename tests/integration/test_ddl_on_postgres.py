from sqlalchemy import create_engine, inspect

from alumniq_pipelines.core.feeds.ddl import create_table, quoted
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog


def test_postgres_makes_the_tables_of_all_feeds(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    catalog = read_catalog(REPOSITORY / "schemas")
    with engine.begin() as connection:
        for field_map in catalog:
            columns = [*(column.name for column in field_map.columns), "own__c"]
            statement = create_table(field_map, quoted(field_map.asset_name), columns, "postgres")
            connection.exec_driver_sql(statement)
            made = inspect(connection).get_columns(field_map.asset_name)
            assert [column["name"] for column in made] == columns
    engine.dispose()
