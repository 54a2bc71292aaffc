{#- Drop the partition with these bounds, where there is one, and attach the new one. One that has
    days to keep stays, and the new one goes. -#}
{% macro swap_partition(target, partition, bounds) %}
    do $swap$
    declare
        old regclass;
    begin
        if exists (
            {{ kept_in(temporary_of(target, 'kept'), bounds) }}
        ) then
            drop table {{ partition }};
            return;
        end if;
        old := ({{ partitions_in_place(target, [bounds]) }});
        if old is not null then
            execute format('alter table %s detach partition %s', '{{ target }}', old);
            execute format('drop table %s', old);
        end if;
        alter table {{ target }} attach partition {{ partition }}
        for values from ('{{ bounds.start }}') to ('{{ bounds.end }}');
        alter table {{ partition }} drop constraint partition_overwrite_bounds;
    end
    $swap$;
{% endmacro %}


{#- A query of the days to be kept that a partition has, or is of. -#}
{% macro kept_in(kept, partition) -%}
    select from {{ kept }} as kept (day)
    where day >= '{{ partition.start }}'::date and day <= ('{{ partition.end }}'::timestamp - interval '1 microsecond')::date
{%- endmacro %}
