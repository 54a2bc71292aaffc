"""dbt's models and tests as Dagster assets and checks."""
