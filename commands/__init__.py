"""What make runs without Dagster: ingestion, then dbt, of the days asked for."""
