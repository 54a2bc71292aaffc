"""Wiring: the main job, and the same pipeline as Dagster assets. No SQL, no business rule."""
