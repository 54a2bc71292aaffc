"""Where Dagster keeps its runs and events."""
