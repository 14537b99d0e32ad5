"""Held loads; what loads read and changed; repeats; thresholds; field maps of versions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("subscriptions", sa.Column("thresholds", sa.JSON()))
    op.add_column("loads", sa.Column("repeats", sa.String(35)))
    op.add_column("loads", sa.Column("changes", sa.JSON()))
    op.add_column("attempts", sa.Column("sha256", sa.String(64)))
    op.add_column("attempts", sa.Column("etag", sa.Text()))
    op.add_column("attempts", sa.Column("changes", sa.JSON()))
    op.add_column("versions", sa.Column("field_map_sha256", sa.String(64)))
    op.create_table(
        "holds",
        sa.Column("job_id", sa.String(35), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("field_map", sa.JSON(), nullable=False),
        sa.Column("table_name", sa.String(100), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("held_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("decision", sa.String(20)),
        sa.Column("decided_at", TIME),
        sa.Column("actor", sa.String(200)),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_holds")),
        sa.ForeignKeyConstraint(["job_id"], ["loads.job_id"], name=op.f("fk_holds_job_id_loads")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("holds")
    op.drop_column("versions", "field_map_sha256")
    for name in ("changes", "etag", "sha256"):
        op.drop_column("attempts", name)
    op.drop_column("loads", "changes")
    op.drop_column("loads", "repeats")
    op.drop_column("subscriptions", "thresholds")
