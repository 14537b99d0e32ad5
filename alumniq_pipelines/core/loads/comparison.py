"""Comparing the profile of accepted rows with the live version, and with the best of 30 days."""

from collections.abc import Collection, Iterator, Mapping

from alumniq_pipelines.core.feeds.column_spellings import is_extension_name
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.baseline import Baseline
from alumniq_pipelines.core.loads.diff import EmptiedColumn
from alumniq_pipelines.core.loads.losses import Fill, FillLoss, Losses, RowLoss
from alumniq_pipelines.core.loads.version_profile import Profile


def find_emptied(
    profile: Profile, live: Mapping[str, int], field_map: FieldMap, in_file: Collection[str]
) -> tuple[EmptiedColumn, ...]:
    """Return the columns that would lose all their values, in the order of the live version.

    `live` has the filled rows of the live version's columns, `in_file` the columns of the file.
    """
    received, now = {name.casefold() for name in in_file}, profile.filled
    return tuple(
        EmptiedColumn(name, live[name], is_absent=name.casefold() not in received)
        for name in _compared(live, field_map, received)
        if live[name] and not now.get(name.casefold())
    )


def find_losses(
    profile: Profile,
    live: Mapping[str, int],
    live_rows: int,
    baseline: Baseline,
    field_map: FieldMap,
    in_file: Collection[str],
) -> Losses:
    """Return what there is less of: columns with fewer values, but some, and rows."""
    received, now = {name.casefold() for name in in_file}, profile.filled
    best = baseline.fullest(field_map)
    columns = []
    for name in _compared(live, field_map, received):
        filled = now.get(name.casefold(), 0)
        loss = FillLoss(
            name=name,
            now=Fill(filled, profile.rows),
            live=Fill(live[name], live_rows),
            best=best.get(name.casefold()),
        )
        highest = max(loss.live.percent, loss.best.fill.percent if loss.best else 0.0)
        # One that loses all that is live is among the emptied columns.
        is_emptied = live[name] and not filled
        if not is_emptied and highest > loss.now.percent:
            columns.append(loss)
    rows: RowLoss | None = None
    fullest = baseline.most_rows()
    # Rows that the live version has, and the file lacks, are counted one by one: those removed.
    if fullest is not None and fullest.rows > max(live_rows, profile.rows):
        rows = RowLoss(rows=profile.rows, best_rows=fullest.rows, published_at=fullest.published_at)
    return Losses(columns=tuple(columns), rows=rows, period=baseline.period)


def _compared(
    live: Mapping[str, int], field_map: FieldMap, received: Collection[str]
) -> Iterator[str]:
    """Yield the columns of the live version that the file should have.

    One that was removed from the field map is gone on purpose. One with a default is only compared
    if it is not in the file: a file may give the default in every row, and once staged it cannot be
    distinguished from a blank.
    """
    known = {column.name: column for column in field_map.columns}
    takes_others = field_map.alumniq.extension_columns
    for name in live:
        column = known.get(name)
        if column is None:
            if takes_others and is_extension_name(name):
                yield name
        elif column.alumniq.default is None or name.casefold() not in received:
            yield name
