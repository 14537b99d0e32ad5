"""The database role that runs the queries of an environment, and its two functions.

alumniq_iqu_qa_16384                    may read iqu_qa and iqu_qa_versions, and nothing else
iqu_qa_versions._open_query(text)       opens a query's cursor as that role
iqu_qa_versions._fetch_rows(bigint)     fetches its next rows as that role

After a mere SET ROLE, a query could leave the role by `set_config('role', 'none', …)`. PostgreSQL
refuses that inside a SECURITY DEFINER function, so queries are opened and fetched by functions that
the role owns: docs/adr/queries-run-as-a-separate-role.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, errors
from psycopg.rows import class_row

from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import lock
from alumniq_pipelines.core.problems.database import DatabaseExtensionMissing
from alumniq_pipelines.core.problems.query import NoReaderRole, ReaderRoleTooPowerful
from alumniq_pipelines.core.sql_text import literal

ATTRIBUTES = "nosuperuser nocreatedb nocreaterole noinherit nologin noreplication nobypassrls"
OPEN_QUERY = """
    begin
        if current_user <> {role} then
            raise insufficient_privilege using message = 'not owned by the reading role';
        end if;
        execute 'declare asked no scroll cursor for ' || query;
    end
"""
FETCH_ROWS = """
    begin
        if current_user <> {role} then
            raise insufficient_privilege using message = 'not owned by the reading role';
        end if;
        return query execute 'fetch forward ' || wanted || ' from asked';
    end
"""
"""Each refuses to run as any other role: a restored dump may have given it another owner. STATE
compares these texts with those in the database: a change makes every release create them again.
"""

# One round trip, since it runs before every query. to_regrole and to_regnamespace return null for
# what does not exist, hence the coalesce around each privilege.
STATE = """
    select
        role.oid is not null as is_made,
        coalesce(rolsuper or rolcreatedb or rolcreaterole or rolcanlogin or rolreplication
            or rolbypassrls or exists (select from pg_auth_members where member = role.oid), false)
            as is_powerful,
        coalesce(pg_has_role(current_user, role.oid, %(membership)s), false) as may_be_set,
        coalesce(has_schema_privilege(role.oid, %(schema)s, 'usage')
            and has_schema_privilege(role.oid, %(versions)s, 'usage'), false) as may_enter,
        (select count(*) from pg_proc
            where pronamespace = to_regnamespace(%(versions)s) and proowner = role.oid
            and prosecdef and prosrc in (%(open_query)s, %(fetch_rows)s)
            and not has_function_privilege('public', pg_proc.oid, 'execute')) as functions,
        array(select relation.oid::regclass::text
            from pg_class relation join pg_namespace space on space.oid = relnamespace
            where nspname in (%(schema)s, %(versions)s) and relkind in ('r', 'p', 'v', 'm')
            -- A view of another owner may show what only that owner may see: it is not granted.
            and relowner in (nspowner, to_regrole(quote_ident(current_user)))
            and not coalesce(has_table_privilege(role.oid, relation.oid, 'select'), false))
            as unreadable
    from (select) one left join pg_roles role on rolname = %(role)s
"""
FUNCTIONS = 2
HAS_LANGUAGE = "select from pg_language where lanname = 'plpgsql'"
SET_OPTION_SINCE = 160_000
"""Since this version of PostgreSQL, a member of a role needs the SET option to become it."""
TRIES = 3
"""Attempts at granting: a version may be dropped while its table is being granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What exists of a reader role."""

    is_made: bool
    is_powerful: bool
    may_be_set: bool
    may_enter: bool
    functions: int
    unreadable: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """Whether a query can run as the role and read all of the environment."""
        is_usable = self.is_made and self.may_be_set and self.may_enter
        return is_usable and self.functions == FUNCTIONS and not self.unreadable


def prepare_reader(connection: Connection[Any], schema: str) -> str:
    """Return the role that may read an environment; create and grant what is missing.

    Versions published since the last query are granted here, so that publishing takes no longer and
    needs no privilege to create roles. Raises NoReaderRole and ReaderRoleTooPowerful.
    """
    # Roles belong to the whole server, so the name contains the database's oid. It has at most 61
    # characters (PostgreSQL allows 63) and needs no quotes.
    [(database,)] = connection.execute(
        "select oid from pg_database where datname = current_database()"
    ).fetchall()
    role = f"alumniq_{schema}_{database}"
    for attempt in range(TRIES):
        state = _state(connection, schema, role)
        if state.is_powerful:
            raise ReaderRoleTooPowerful(role)
        if state.is_complete:
            break
        try:
            with connection.transaction():
                lock(connection, role)
                _complete(connection, schema, role)
        except errors.InsufficientPrivilege as error:
            reason = error.diag.message_primary or ""
            # A superuser can create the role for us.
            [(login,)] = connection.execute("select quote_ident(session_user)").fetchall()
            statements = [f"create role {role} {ATTRIBUTES};", f"grant {role} to {login};"]
            raise NoReaderRole(role, reason, statements) from None
        except (errors.UndefinedTable, errors.InternalError_):  # dropped or changed concurrently
            if attempt == TRIES - 1:
                raise
    return role


def _state(connection: Connection[Any], schema: str, role: str) -> _State:
    has_set_option = connection.info.server_version >= SET_OPTION_SINCE
    with connection.cursor(row_factory=class_row(_State)) as cursor:
        [state] = cursor.execute(
            STATE,
            {
                "role": role,
                "schema": schema,
                "versions": f"{schema}_versions",
                "membership": "set" if has_set_option else "member",
                "open_query": OPEN_QUERY.format(role=literal(role)),
                "fetch_rows": FETCH_ROWS.format(role=literal(role)),
            },
        ).fetchall()
    return state


def _complete(connection: Connection[Any], schema: str, role: str) -> None:
    """Create and grant what is missing, in the transaction of the caller, who holds the lock."""
    state = _state(connection, schema, role)
    if not state.is_made:
        connection.execute(f"create role {role} {ATTRIBUTES}")
    # Read again: a superuser, for one, may become the new role without a grant.
    if not _state(connection, schema, role).may_be_set:
        connection.execute(f"grant {role} to current_user")
    connection.execute(f"grant usage on schema {schema}, {schema}_versions to {role}")
    for relation in state.unreadable:
        connection.execute(f"grant select on {relation} to {role}")
    if state.functions != FUNCTIONS:
        _create_functions(connection, schema, role)


def _create_functions(connection: Connection[Any], schema: str, role: str) -> None:
    """Create the two functions and make the role, which alone may run them, their owner."""
    if not connection.execute(HAS_LANGUAGE).fetchall():
        raise DatabaseExtensionMissing(part="warehouse", extension="plpgsql")
    versions = f"{schema}_versions"
    opening, fetching = f"{versions}._open_query(text)", f"{versions}._fetch_rows(bigint)"
    kind = f"language plpgsql security definer set search_path = {schema}, pg_temp"
    open_query, fetch_rows = (
        literal(body.format(role=literal(role))) for body in (OPEN_QUERY, FETCH_ROWS)
    )
    connection.execute(
        f"drop function if exists {opening}; drop function if exists {fetching};"
        f"create function {versions}._open_query(query text) returns void {kind} as {open_query};"
        f"create function {versions}._fetch_rows(wanted bigint) returns setof record "
        f"{kind} as {fetch_rows};"
        f"revoke all on function {opening}, {fetching} from public;"
        # A new owner needs CREATE on the schema: granted until the functions are handed over.
        f"grant create on schema {versions} to {role};"
        f"alter function {opening} owner to {role}; alter function {fetching} owner to {role};"
        f"revoke create on schema {versions} from {role}"
    )
