"""From a record to the canonical columns: mappings, and the SQL that applies them."""
