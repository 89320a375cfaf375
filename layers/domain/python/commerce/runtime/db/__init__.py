"""PostgreSQL: connections, statements, the unit of work, tables that belong to no context."""
