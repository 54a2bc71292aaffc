{#- Model versions: what the rows of a windowed model are made by. A digest of its SQL as dbt compiled
    it (so of the macros that wrote it too), of the views it reads, of its key and its columns. What
    makes no other row is left out: comments, blanks, the case of keywords, the run's window, the name
    of the database, indexes, grants, tags, descriptions.

    intermediate.built_days has the version that built each day, intermediate.model_versions today's. -#}
{% macro model_version() %}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- set parts = [
        sql_digest(model.compiled_code), config.get('unique_key'), config.get('partition_by'), columns,
    ] -%}
    {%- set views = views_read_by(model) -%}
    {%- if views -%}
        {%- set noted -%}
            select name, value from {{ schema_of('intermediate') }}.marks
            where kind = 'view' and name in ('{{ views | sort | join("', '") }}') order by name
        {%- endset -%}
        {%- for row in run_query(noted).rows -%}
            {%- do parts.append(row[0] ~ ' ' ~ row[1]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(local_md5(parts | join('|'))[:12]) }}
{% endmacro %}


{#- The views, by schema and name, through which a node reads tables. -#}
{% macro views_read_by(node) %}
    {%- set found = {} -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- set upstream = graph.nodes[parent] -%}
        {%- if upstream.config.materialized == 'view' -%}
            {%- do found.update({upstream.schema ~ '.' ~ upstream.alias: none}) -%}
            {%- for name in views_read_by(upstream) -%}
                {%- do found.update({name: none}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found.keys() | list) }}
{% endmacro %}


{#- A digest of what a query says, however it is written. -#}
{% macro sql_digest(sql) %}
    {%- set text = modules.re.sub('(?s)/\\* window .*?/\\* end of window \\*/', '', sql) -%}
    {%- set text = text | replace('"' ~ target.database ~ '".', '') -%}
    {%- set token = "(?s)--[^\n]*|/\\*.*?\\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\\w+|[^\\s\\w]" -%}
    {%- set kept = [] -%}
    {%- for each in modules.re.findall(token, text) if each[:2] not in ('--', '/*') -%}
        {%- do kept.append(each if each[0] in ('"', "'") else each | lower) -%}
    {%- endfor -%}
    {{ return(local_md5(kept | join(' '))) }}
{% endmacro %}


{#- Whether some day of this context's model was built by another version than today's. -#}
{% macro has_another_version() %}
    {%- set query -%}
        select exists (
            select from {{ schema_of('intermediate') }}.built_days
            where model = '{{ model.name }}' and model_version != '{{ model_version() }}'
        )
    {%- endset -%}
    {{ return(run_query(query).rows[0][0]) }}
{% endmacro %}


{#- on-run-start: a model that is gone builds no day anew; those that it built are nobody's. -#}
{% macro forget_models_that_are_gone() -%}
    {%- if not acts() -%}{{ return('select 1') }}{%- endif -%}
    delete from {{ schema_of('intermediate') }}.model_versions where model not in (
        ''
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        , '{{ node.name }}'
        {%- endfor -%}
    )
{%- endmacro %}
