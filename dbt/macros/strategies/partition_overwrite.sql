{#- Incremental strategy for Postgres: a run replaces exactly the partitions of its window, also by
    nothing, in one transaction. docs/partition_overwrite.md explains it. To use it elsewhere, copy
    this file and supply partition_overwrite_spans(): the run's window, [{first, last}, ...] with
    inclusive days; and partition_overwrite_kept_days(): a query of those days that another run has
    meanwhile replaced from newer input, which stay as they are (none: "select null where false").

    Config: incremental_strategy='partition_overwrite', an enforced contract, and
    partition_by={'field': a date column, 'granularity': 'day' or 'month', 'schema': where the
    partitions' own tables lie, an existing schema}. dbt caches every table of the schemas it builds
    in, so a schema of their own keeps a run on 1,000 days as quick as on 30. -#}

{#- The partitions of the run's window: [{start, end}, ...], half-open. -#}
{% macro partitions_of_window() %}
    {%- set date, delta = modules.datetime.date, modules.datetime.timedelta -%}
    {%- set by_month = config.require('partition_by').get('granularity', 'day') == 'month' -%}
    {%- set partitions = {} -%}
    {%- for span in partition_overwrite_spans() -%}
        {%- set first, last = date.fromisoformat(span.first), date.fromisoformat(span.last) -%}
        {%- if by_month -%}
            {%- for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month) -%}
                {%- set start = date(month // 12, month % 12 + 1, 1) -%}
                {%- set end = date((month + 1) // 12, (month + 1) % 12 + 1, 1) -%}
                {%- do partitions.update({start.isoformat(): end.isoformat()}) -%}
            {%- endfor -%}
        {%- else -%}
            {%- for n in range((last - first).days + 1) -%}
                {%- set start = first + delta(days=n) -%}
                {%- do partitions.update({start.isoformat(): (start + delta(days=1)).isoformat()}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set listed = [] -%}
    {%- for start in partitions | sort -%}
        {%- do listed.append({'start': start, 'end': partitions[start]}) -%}
    {%- endfor -%}
    {{ return(listed) }}
{% endmacro %}


{#- New rows go into a table beside the target, not into a temporary one: its partitions are moved. -#}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
    {%- if config.get('partition_by') is none -%}
        {{ return(dbt.postgres__make_temp_relation(base_relation, suffix)) }}
    {%- endif -%}
    {%- set name = base_relation.identifier[:40] ~ '__' ~ (invocation_id | replace('-', ''))[:12] -%}
    {{ return(base_relation.incorporate(path={'identifier': name})) }}
{% endmacro %}


{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- if config.get('partition_by') is none -%}
        {{ return(dbt.postgres__create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {%- set field = adapter.quote(config.get('partition_by').field) -%}
    create table {{ relation }}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    partition by range ({{ field }});
    {%- for p in partitions_of_window() %}
    create table {{ partition_relation(p) }} partition of {{ relation }}
    for values from ('{{ p.start }}') to ('{{ p.end }}');
    {%- endfor %}
    insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }})
    {{ get_select_subquery(sql) }};
    {%- if not temporary and load_cached_relation(this) is not none %}
    {{ carry_over(this, relation) }}
    {%- endif %}
{%- endmacro %}


{#- A full refresh makes a new table. Grants, comments, and indexes beyond those of the config,
    which dbt creates, are taken over from the old one. -#}
{% macro carry_over(old, new) %}
    do $carry_over$
    declare
        statement text;
    begin
        for statement in
            select format('grant %s%s on {{ new }} to %s%s', privilege_type,
                ' (' || quote_ident(attname) || ')',
                case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                case when is_grantable then ' with grant option' end)
            from (
                select null as attname, acl.* from pg_class, aclexplode(relacl) as acl
                where pg_class.oid = '{{ old }}'::regclass
                union all
                select attname, acl.* from pg_attribute, aclexplode(attacl) as acl
                where attrelid = '{{ old }}'::regclass and not attisdropped
            ) as privileges
            union all
            select format('comment on %s {{ new }}%s is %L',
                case objsubid when 0 then 'table' else 'column' end,
                '.' || quote_ident(attname), description)
            from pg_description
            left join pg_attribute on attrelid = objoid and attnum = nullif(objsubid, 0)
            where objoid = '{{ old }}'::regclass and classoid = 'pg_class'::regclass
            union all
            select regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .*? USING ', ' INDEX ON {{ new }} USING ')
            from pg_index
            where indrelid = '{{ old }}'::regclass
            {%- for index in config.get('indexes', []) %}
                and not (indisunique = {{ index.get('unique', false) }}
                    and pg_get_indexdef(indexrelid) like '% ({{ index.columns | join(", ") }})')
            {%- endfor %}
        loop
            begin
                execute statement;
            exception when undefined_column then
                raise notice 'not carried over: %', statement;
            end;
        end loop;
    end
    $carry_over$;
{% endmacro %}


{#- A partition's table. Old and new exist side by side, so its name says which run made it. -#}
{% macro partition_relation(partition) %}
    {%- set run = (invocation_id | replace('-', ''))[:8] -%}
    {%- set name = this.identifier[:40] ~ '_' ~ partition.start | replace('-', '') ~ '_' ~ run -%}
    {%- set schema = config.get('partition_by').get('schema', this.schema) -%}
    {{ return(this.incorporate(path={'schema': schema, 'identifier': name})) }}
{% endmacro %}


{% macro get_incremental_partition_overwrite_sql(arg_dict) %}
    {%- set target, new = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set field = adapter.quote(config.get('partition_by').field) -%}
    {%- set partitions = partitions_of_window() -%}
    {{ require_partitioned(target) }}

    -- Nobody sees the new partitions yet: everything slow happens here. Indexes come after the rows,
    -- so that attaching finds them; a valid check lets it believe the bounds without a scan.
    do $build$
    declare
        definition text;
    begin
        for definition in
            select pg_get_indexdef(indexrelid) from pg_index where indrelid = '{{ target }}'::regclass
        loop
            execute regexp_replace(
                definition, ' INDEX .*? USING ', ' INDEX ON {{ new }} USING '
            );
        end loop;
    end
    $build$;
    {%- for p in partitions %}
    alter table {{ partition_relation(p) }} add constraint partition_overwrite_bounds
    check ({{ field }} is not null and {{ field }} >= '{{ p.start }}' and {{ field }} < '{{ p.end }}');
    alter table {{ new }} detach partition {{ partition_relation(p) }};
    analyze {{ partition_relation(p) }} ({{ columns_to_analyze() }});
    {%- endfor %}
    drop table {{ new }};

    -- From here on others may wait. The first lock lets two swaps of one table queue before either
    -- reads the catalog; the second is the short one that readers feel.
    select pg_advisory_xact_lock(hashtextextended('{{ target }}', 0));
    {{ lock_with_retries(target, partitions_in_place(target, partitions)) }}
    create temporary table {{ target.identifier }}_kept on commit drop as
    {{ partition_overwrite_kept_days() }};
    {%- for p in partitions %}
    {{ swap_partition(target, partition_relation(p), p) }}
    {%- endfor %}
{% endmacro %}


{#- Every column but JSON: nobody asks its distribution, and it would be half of the time. -#}
{% macro columns_to_analyze() %}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() if column.data_type not in ('json', 'jsonb') -%}
        {%- do columns.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {{ return(columns | join(', ')) }}
{% endmacro %}


{#- A query of the target's own partitions with the bounds of `partitions`: those to be replaced.
    pg_get_expr would open each of 1,000 partitions if it were told which one: 15 ms. -#}
{% macro partitions_in_place(target, partitions) -%}
    select inhrelid::regclass
    from pg_inherits
    inner join pg_class on pg_class.oid = inhrelid
    where inhparent = '{{ target }}'::regclass
        and pg_get_expr(relpartbound, 0) in (
            null
            {%- for p in partitions -%}
            , 'FOR VALUES FROM (''{{ p.start }}'') TO (''{{ p.end }}'')'
            {%- endfor %}
        )
{%- endmacro %}


{#- ACCESS EXCLUSIVE on a partitioned table and those of its partitions that a query names; without
    ONLY, Postgres would lock every partition there is. Each try waits half a second at most, because
    new readers queue behind a waiting lock; then they go first for a while. A partition that somebody
    dropped meanwhile is looked for again. Gives up after about five minutes. -#}
{% macro lock_with_retries(relation, partitions_query) %}
    do $lock$
    declare
        tries int := 0;
        partitions text;
    begin
        loop
            begin
                set local lock_timeout = '500ms';
                select string_agg(format(', only %s', partition), '') into partitions
                from ({{ partitions_query }}) as named (partition);
                execute format('lock table only {{ relation }}%s in access exclusive mode', partitions);
                exit;
            exception when lock_not_available or undefined_table then
                tries := tries + 1;
                if tries > 100 then
                    raise exception '{{ relation }}: readers held it for 5 minutes, try again later'
                    using errcode = 'lock_not_available';
                end if;
                perform pg_sleep(least(0.05 * 2 ^ tries, 2.0) * (0.5 + random()));
            end;
        end loop;
        set local lock_timeout = 0;
    end
    $lock$;
{% endmacro %}


{#- Drop the partition with these bounds, where there is one, and attach the new one. One that has
    days to keep stays, and the new one goes. -#}
{% macro swap_partition(target, partition, bounds) %}
    do $swap$
    declare
        old regclass;
    begin
        if exists (
            select from {{ target.identifier }}_kept as kept (day)
            where day >= '{{ bounds.start }}' and day < '{{ bounds.end }}'
        ) then
            drop table {{ partition }};
            return;
        end if;
        old := ({{ partitions_in_place(target, [bounds]) }});
        if old is not null then
            execute format('alter table {{ target }} detach partition %s', old);
            execute format('drop table %s', old);
        end if;
        alter table {{ target }} attach partition {{ partition }}
        for values from ('{{ bounds.start }}') to ('{{ bounds.end }}');
        alter table {{ partition }} drop constraint partition_overwrite_bounds;
    end
    $swap$;
{% endmacro %}


{% macro require_partitioned(relation) %}
    {%- set kind = run_query("select relkind::text from pg_class where oid = '" ~ relation ~ "'::regclass").rows[0][0] -%}
    {%- if kind != 'p' -%}
        {%- do exceptions.raise_compiler_error(relation ~ ' is not partitioned yet: run dbt once with --full-refresh') -%}
    {%- endif -%}
{% endmacro %}
