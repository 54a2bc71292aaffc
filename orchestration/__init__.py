"""The pipeline as Dagster assets: wiring only, no SQL and no business rule."""
