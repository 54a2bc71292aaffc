"""Dagster's services: the web server, the daemon and the code server, each a process."""
