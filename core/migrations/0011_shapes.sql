-- A model's shape is its key, columns and types: what no day can follow by itself, only the whole table.
-- {% macro migration_0011() %}

-- Today's, and the one that the table was made with. Null: not noted yet.
alter table intermediate.model_versions
add column if not exists shape text,
add column if not exists table_shape text;
-- {% endmacro %}
