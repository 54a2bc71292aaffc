{#- Incremental strategy: make the table equal to the query by writing only what differs. For
    dimensions, of which few rows change: readers never wait, nothing is rewritten, and two runs at
    once queue here instead of failing on dbt's backup name.

    Config: unique_key, a list; sync_where, the condition for the target's rows that the query is
    about (default: all). The rows that went and came are in the temporary tables <model>_gone and
    <model>_came until the transaction ends, for post-hooks. -#}
{% macro get_incremental_sync_rows_sql(arg_dict) %}
    {%- set target, temp = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {#- In a full refresh every row is the query's (macros/overrides/table_in_place.sql). -#}
    {%- set where = arg_dict.get('sync_where') or config.get('sync_where', 'true') -%}
    {%- set key = config.require('unique_key') -%}
    {%- set gone, came = target.identifier ~ '_gone', target.identifier ~ '_came' %}
    {{ lock_writers_of(target) }}

    create temporary table {{ gone }} on commit drop as
    select {{ columns }} from {{ target }} where {{ where }}
    except all select {{ columns }} from {{ temp }};

    create temporary table {{ came }} on commit drop as
    select {{ columns }} from {{ temp }}
    except all select {{ columns }} from {{ target }} where {{ where }};

    analyze {{ gone }}, {{ came }};

    delete from {{ target }} as t using {{ gone }} as gone
    where {% for column in key %}t.{{ column }} = gone.{{ column }}{% if not loop.last %} and {% endif %}{% endfor %};

    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ came }};
{% endmacro %}
