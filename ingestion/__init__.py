"""Events from an API or files into `raw`, and the ledger of what came. No dbt, no Dagster."""
