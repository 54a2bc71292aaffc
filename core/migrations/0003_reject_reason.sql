-- Landing decides a record's reason, for good: what staging used to work out becomes a column.
-- `parse_error`, landing's part of it, stays readable for one release.
-- {% macro migration_0003() %}

alter table raw.events add column if not exists reject_reason text;
alter table raw.user_profiles add column if not exists reject_reason text;

update raw.events set
    reject_reason = case
        when parse_error is not null then parse_error
        when event_id is null then 'missing_event_id'
        when user_id is null then 'missing_user_id'
        when event_type is null then 'missing_event_type'
        else 'missing_event_ts'
    end
where
    reject_reason is null
    and (
        parse_error is not null
        or event_id is null
        or user_id is null
        or event_type is null
        or event_ts is null
    );

update raw.user_profiles set
    reject_reason = case
        when parse_error is not null then parse_error
        when user_id is null then 'missing_user_id'
        else 'missing_updated_at'
    end
where
    reject_reason is null
    and (parse_error is not null or user_id is null or updated_at is null);
-- {% endmacro %}
