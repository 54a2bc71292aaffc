-- Records that say that an event was deleted: rows of raw.events with the reject_reason `deletion`.
-- {% macro migration_0006() %}

-- Models look for the deletion of an event here; where there are none it is empty.
create index if not exists events_deletions on raw.events (user_id, event_id, ingest_date)
where reject_reason = 'deletion';
-- {% endmacro %}
