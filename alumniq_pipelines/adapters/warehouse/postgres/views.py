"""Changing the columns of a feed's view without losing grants and the views built on it.

PostgreSQL can only append columns to a view. For any other change the view must be dropped and
created again, together with the views that depend on it: in one transaction, so that readers never
find it missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, errors

from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import Columns, columns_of, exists
from alumniq_pipelines.core.problems.setup import ViewsInTheWay
from alumniq_pipelines.core.sql_text import identifier, literal

# A view depends on another by its rewrite rule: pg_depend links the rule to the view it reads, and
# pg_rewrite the rule to the view it belongs to. Ordered by depth, so that a view comes after all
# views that it reads: they are created in this order and dropped in the reverse one.
DEPENDENTS = """
    with recursive readers(view, depth) as (
        select to_regclass(%(view)s)::oid, 0
        union
        select rule.ev_class, readers.depth + 1
        from readers
        join pg_depend on refclassid = 'pg_class'::regclass and refobjid = readers.view
            and classid = 'pg_rewrite'::regclass
        join pg_rewrite rule on rule.oid = objid and rule.ev_class <> readers.view
    )
    select relation.oid, relation.oid::regclass::text, relkind = 'v', pg_get_viewdef(relation.oid),
        pg_get_userbyid(relowner), obj_description(relation.oid, 'pg_class'),
        coalesce(array_to_string(reloptions, ', '), '')
    from (select view, max(depth) as depth from readers group by view) deepest
    join pg_class relation on relation.oid = view
    where depth > 0
    order by depth
"""
# Grants on the view (relacl) and on single columns (attacl).
GRANTS = """
    with granted(acl, name) as (
        select relacl, null from pg_class where oid = %(view)s
        union all
        select attacl, attname from pg_attribute where attrelid = %(view)s and not attisdropped
    )
    select name::text, privilege_type, is_grantable,
        case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
    from granted, aclexplode(acl)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SavedView:
    """All that is needed to create a view again."""

    name: str
    definition: str
    owner: str
    comment: str | None
    options: str
    grants: Sequence[tuple[str | None, str, bool, str]]


def replace_view(connection: Connection[Any], view: str, columns: Columns, source: str) -> None:
    """Make a view show columns of a source; raises ViewsInTheWay if dependent views prevent it."""
    if not exists(connection, view):
        connection.execute(f"create view {view} as {_select(columns, source)}")
        return
    before = columns_of(connection, view)
    # A type counts as part of a column here: PostgreSQL cannot change it in a view either.
    if set(before) <= set(columns):
        added = [column for column in columns if column not in before]
        statement = _select([*before, *added], source)
        connection.execute(f"create or replace view {view} as {statement}")
        return
    _recreate(connection, view, _select(columns, source))


def _recreate(connection: Connection[Any], view: str, definition: str) -> None:
    """Drop a view and its dependent views, and create them again."""
    readers = connection.execute(DEPENDENTS, {"view": view}).fetchall()
    blocking = [name for _, name, is_plain, *_ in readers if not is_plain]
    if blocking:
        raise ViewsInTheWay(view, blocking, "is materialized")
    [(view_oid, owner, comment)] = connection.execute(
        "select oid, pg_get_userbyid(relowner), obj_description(oid, 'pg_class') "
        "from pg_class where oid = to_regclass(%s)",
        [view],
    ).fetchall()
    saved = [
        _SavedView(
            name=view,
            definition=definition,
            owner=owner,
            comment=comment,
            options="",
            grants=_grants(connection, view_oid),
        )
    ]
    for oid, name, _, text, its_owner, its_comment, options in readers:
        saved.append(
            _SavedView(
                name=name,
                definition=text,
                owner=its_owner,
                comment=its_comment,
                options=options,
                grants=_grants(connection, oid),
            )
        )
    try:
        for dependent in reversed(saved):
            connection.execute(f"drop view {dependent.name}")
    except errors.DependentObjectsStillExist as error:
        raise ViewsInTheWay(view, [dependent.name], error.diag.message_detail or "") from None
    for dependent in saved:
        _restore(connection, view, dependent)


def _restore(connection: Connection[Any], public: str, saved: _SavedView) -> None:
    """Create a saved view again, with its options, grants, comment and owner."""
    options = f" with ({saved.options})" if saved.options else ""
    try:
        connection.execute(f"create view {saved.name}{options} as {saved.definition}")
    except (errors.UndefinedColumn, errors.UndefinedFunction, errors.DatatypeMismatch) as error:
        raise ViewsInTheWay(public, [saved.name], error.diag.message_primary or "") from None
    names = {name for name, _ in columns_of(connection, saved.name)}
    # Grants on a column that the view no longer has are lost with it.
    for column, privilege, is_grantable, grantee in saved.grants:
        if column is None or column in names:
            what = f"{privilege} ({identifier(column)})" if column else privilege
            further = " with grant option" if is_grantable else ""
            connection.execute(f"grant {what} on {saved.name} to {grantee}{further}")
    if saved.comment is not None:
        connection.execute(f"comment on view {saved.name} is {literal(saved.comment)}")
    # Last: unless we are a superuser, we may not grant or comment on a view of another owner.
    connection.execute(f"alter view {saved.name} owner to {identifier(saved.owner)}")


def _grants(connection: Connection[Any], view: int) -> Sequence[tuple[str | None, str, bool, str]]:
    rows = connection.execute(GRANTS, {"view": view}).fetchall()
    return [(column, privilege, grantable, to) for column, privilege, grantable, to in rows]


def _select(columns: Columns, source: str) -> str:
    return f"select {', '.join(identifier(name) for name, _ in columns)} from {source}"
