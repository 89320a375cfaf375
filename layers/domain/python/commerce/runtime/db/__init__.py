"""PostgreSQL: connection, statements, unit of work, and the tables that belong to no context."""
