"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else 'raise NotImplementedError("write what changes the schema")'}


def downgrade() -> None:
    ${downgrades if downgrades else 'raise NotImplementedError("write what changes it back")'}
