{#- The partitioned tables that partition_overwrite makes: the table beside the target in an increment,
    the target itself in a first build and a full refresh. -#}

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
