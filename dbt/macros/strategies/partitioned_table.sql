{#- The partitioned tables that partition_overwrite makes: the table beside the target, or, in a first build,
    the target itself. -#}

{#- New rows go into a table beside the target, not into a temporary one: its partitions are moved. -#}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
    {%- if is_partition_overwrite() -%}
        {{ return(relation_beside(base_relation)) }}
    {%- endif -%}
    {{ return(dbt.postgres__make_temp_relation(base_relation, suffix)) }}
{% endmacro %}


{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- if not is_partition_overwrite() -%}
        {{ return(dbt.postgres__create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {%- set partitions = partitions_of_window() %}
    {{ create_partitioned(relation, partitions, sql) }}
    {{ insert_into_partitions(relation, partitions, sql) }}
{%- endmacro %}


{#- Named as they would be in the model's own table: its constraints. -#}
{% macro create_partitioned(relation, partitions, sql) %}
    {%- set spaces = tablespaces_in_place(this, partitions) -%}
    {{ config.get('sql_header') or '' }}
    create table {{ relation }}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    partition by range ({{ partition_field() }}) {{- spaces.get('') or '' }};
    {%- for p in partitions %}
    create {{ 'unlogged ' if is_published(this) }}table {{ partition_relation(p) }} partition of {{ relation }}
    for values from ('{{ p.start }}') to ('{{ p.end }}') {{- spaces.get(p.start) or '' }};
    {%- endfor %}
    {{ rename_constraints(relation, this) }}
{% endmacro %}


{#- One of Postgres' errors is put in words: a row that has no partition is one outside of the window. -#}
{% macro insert_into_partitions(relation, partitions, sql) %}
    do $insert$
    declare
        violated text;
        row_is text;
    begin
        insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }})
        {{ get_select_subquery(sql) }}
        {%- if is_sample() %}
        where {{ _within(partitions) }}
        {%- endif %};
    exception when check_violation then
        get stacked diagnostics violated = constraint_name, row_is = pg_exception_detail;
        if violated != '' then
            raise;
        end if;
        raise exception '{{ this.identifier | replace("'", "''") | replace('%', '%%') }}: the query has a row outside of the run''s window: %', row_is
        using errcode = 'check_violation';
    end
    $insert$;
{% endmacro %}


{% macro _within(partitions) %}
    {%- set conditions, field = ['false'], partition_field() -%}
    {%- for p in partitions -%}
        {%- do conditions.append(field ~ " >= '" ~ p.start ~ "' and " ~ field ~ " < '" ~ p.end ~ "'") -%}
    {%- endfor -%}
    {{ return('(' ~ conditions | join(') or (') ~ ')') }}
{% endmacro %}


{#- Postgres calls a constraint without a name after its table: after the one that it is meant for. -#}
{% macro rename_constraints(relation, meant) %}
    {%- if relation.identifier == meant.identifier -%}{{ return('select 1;') }}{%- endif %}
    do $rename$
    declare
        old name;
    begin
        for old in
            select conname from pg_constraint
            where conrelid = '{{ relation }}'::regclass and contype in ('c', 'f')
                and starts_with(conname, '{{ relation.identifier }}')
        loop
            execute format('alter table {{ relation | replace('%', '%%') }} rename constraint %I to %I', old,
                replace(old, '{{ relation.identifier }}', {{ dbt.string_literal(dbt.escape_single_quotes(meant.identifier)) }}));
        end loop;
    end
    $rename$;
{% endmacro %}


{#- Where the table and those of its partitions lie that are to be replaced, by their start, '' for the table:
    ' tablespace x'. -#}
{% macro tablespaces_in_place(target, partitions) %}
    {%- set found -%}
        select coalesce(pg_get_expr(relpartbound, 0), ''), quote_ident(spcname)
        from pg_class inner join pg_tablespace on pg_tablespace.oid = reltablespace
        where pg_class.oid = to_regclass('{{ target }}')
            or pg_class.oid in (select inhrelid from pg_inherits where inhparent = to_regclass('{{ target }}'))
    {%- endset -%}
    {%- set by_bounds, spaces = {}, {} -%}
    {%- for row in run_query(found).rows -%}{%- do by_bounds.update({row[0]: ' tablespace ' ~ row[1]}) -%}{%- endfor -%}
    {%- do spaces.update({'': by_bounds.get('')}) -%}
    {%- for p in partitions if by_bounds -%}
        {%- do spaces.update({p.start: by_bounds.get("FOR VALUES FROM ('" ~ p.start ~ "') TO ('" ~ p.end ~ "')")}) -%}
    {%- endfor -%}
    {{ return(spaces) }}
{% endmacro %}
