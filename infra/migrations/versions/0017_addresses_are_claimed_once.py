"""An e-mail address is one account's: it is claimed in a table of its own.

Accounts that share an address are there already, and the code before goes on making them until it
is replaced. So the rule is not on `user_account`, which stays as it is and is not locked, but on
the claims, which begin empty: the account with the claim has the address, and an account without
one can be used as before.

- `claiming.py` gives each address that is there to the oldest of its accounts, in batches, in each
  deploy. The others keep their address as text, without a claim.
- An account that the code before opens claims its address by a trigger, where it is free. It takes
  ASCII addresses only, for which PostgreSQL and the code agree on upper and lower case; the others
  are claimed by the next deploy.
- The new code claims in the transaction that signs up or edits, and is refused (EMAIL_TAKEN) by the
  primary key.

A later release removes the trigger.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "email_claim",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="claim_of_a_user"),
        sa.PrimaryKeyConstraint("address", name="email_taken"),
        sa.UniqueConstraint("user_id", name="user_claims_one_email"),
    )
    op.execute(
        """
        CREATE FUNCTION claim_for_the_code_before() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO email_claim (address, user_id) VALUES (lower(NEW.email), NEW.id)
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER claimed_by_the_code_before AFTER INSERT ON user_account FOR EACH ROW
        WHEN (NEW.email ~ '^[!-~]+$') EXECUTE FUNCTION claim_for_the_code_before()
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER claimed_by_the_code_before ON user_account")
    op.execute("DROP FUNCTION claim_for_the_code_before()")
    op.drop_table("email_claim")
