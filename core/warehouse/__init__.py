"""Postgres: which server, connections, reading relations."""
