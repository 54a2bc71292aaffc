-- Run once, when the volume is empty: the database of Dagster's history, beside the warehouse.
create database dagster;
