"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"


def upgrade() -> None:
    """Move the tables to this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Move the tables back to the revision before."""
    ${downgrades if downgrades else "pass"}
