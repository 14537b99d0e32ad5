"""Made-up files of the four wave-1 feeds; equal seeds make equal files.

The files are valid but awkward: every value is quoted, and some contain quotes, commas, line
breaks, accents and leading zeros. Columns follow the field maps; a column without a recipe is
blank.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.samples.code_lists import Row, designations, lookups
from alumniq_pipelines.samples.planting import PlantedFault, list_planted, plant
from alumniq_pipelines.samples.recipes import DEGREE_COUNT, Draws, degrees, warehouse

SEED = 2026


def write_sample_files(
    folder: Path, catalog: Catalog, people: int = 50_000, seed: int = SEED
) -> Mapping[str, Path]:
    """Write one file per wave-1 feed; degrees, designations and lookups refer to each other."""
    names = ("warehouse", "warehouse-degrees", "warehouse-designations", "warehouse-lookups")
    paths = {name: folder / f"{name}.csv" for name in names}
    write_warehouse(paths["warehouse"], catalog.feed("warehouse"), people, seed=seed)
    degree_map = catalog.feed("warehouse-degrees")
    recipes = _recipes(degree_map, degrees(Draws(seed)))
    numbers = f"i, unnest(range(1, {DEGREE_COUNT} + 1)) as d"  # a row per degree of a person
    _write_lines(paths["warehouse-degrees"], degree_map, recipes, people, numbers)
    small = {"warehouse-designations": designations(seed), "warehouse-lookups": lookups()}
    for name, rows in small.items():
        _write_rows(paths[name], catalog.feed(name), rows)
    return paths


def write_warehouse(
    path: Path, field_map: FieldMap, rows: int, *, bad_every: int | None = None, seed: int = SEED
) -> Sequence[PlantedFault]:
    """Write a `warehouse` file of any size, and return the faults planted in it.

    One row in `bad_every` breaks a rule (100: one percent; 2: half of them); by default none does.
    """
    recipes = _recipes(field_map, warehouse(Draws(seed)))
    if bad_every is not None:
        recipes = plant(recipes, bad_every)
    _write_lines(path, field_map, recipes, rows, "i")
    return [] if bad_every is None else list_planted(rows, bad_every)


def _recipes(field_map: FieldMap, known: Mapping[str, str]) -> Mapping[str, str]:
    """Return the recipes in the order of the field map's columns, blank where there is none."""
    return {column.name: known.get(column.name, "''") for column in field_map.columns}


def _write_lines(
    path: Path, field_map: FieldMap, recipes: Mapping[str, str], people: int, numbers: str
) -> None:
    """Write a line of quoted values per row of `numbers`; DuckDB builds the lines in parallel."""
    between = f'"{field_map.dialect.csv.delimiter}"'
    values = ", ".join(
        f"""replace({recipe}, '"', '""')""" if '"' in recipe else recipe
        for recipe in recipes.values()
    )
    line = f"""'"' || concat_ws('{between}', {values}) || '"'"""
    header = '"' + between.join(recipes) + '"'
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        rows = connection.sql(f"from range(1, {people + 1}) people(i)").select(numbers)
        lines = rows.select(duckdb.SQLExpression(line).alias(header))
        # No delimiter and no quotes: each value is a complete line already.
        lines.write_csv(str(path), sep="\1", quotechar="", escapechar="", header=True)


def _write_rows(path: Path, field_map: FieldMap, rows: Iterable[Row]) -> None:
    """Write rows one by one."""
    names = [column.name for column in field_map.columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file,
            names,
            restval="",
            extrasaction="ignore",
            delimiter=field_map.dialect.csv.delimiter,
            quoting=csv.QUOTE_ALL,
            lineterminator="\n",
        )
        writer.writeheader()
        writer.writerows(rows)
