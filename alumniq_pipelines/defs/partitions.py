"""Partitions: one per customer and environment that sends a feed."""

from collections.abc import Iterable

import dagster as dg

from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.target import Target


def feed_partitions(field_map: FieldMap) -> dg.DynamicPartitionsDefinition:
    """Define the partitions of a feed: `customer.environment`, added as customers subscribe."""
    return partitions_of(field_map.asset_name)


def partitions_of(asset_name: str) -> dg.DynamicPartitionsDefinition:
    """Define the partitions of a feed by the name of its asset."""
    return dg.DynamicPartitionsDefinition(name=f"feeds/{asset_name}")


def missing_partitions(
    targets: Iterable[Target], catalog: Catalog, instance: dg.DagsterInstance
) -> list[dg.AddDynamicPartitionsRequest]:
    """Return requests for the partitions of these targets that Dagster does not have yet."""
    wanted: dict[str, set[str]] = {}
    for target in targets:
        if target.feed in catalog.feeds:
            wanted.setdefault(target.feed, set()).add(target.partition_key)
    requests = []
    for feed, keys in wanted.items():
        partitions = feed_partitions(catalog.feed(feed))
        known = set(instance.get_dynamic_partitions(partitions.name or ""))
        if new := sorted(keys - known):
            requests.append(partitions.build_add_request(new))
    return requests
