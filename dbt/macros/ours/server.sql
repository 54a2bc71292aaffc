{#- dbt alone takes the environment alone; make also reads .env, which may name another server or database. dbt reads
    no files, but without PGHOST it comes to the embedded server, and that one lies beside .env. -#}
{% macro require_the_server_of_make() -%}
    {%- if execute and not env_var('PGHOST', '') and not env_var('PGHOSTADDR', '') -%}
        {%- set file = env_var('ENV_FILE', '') or '.env' -%}
        {%- set path = file if file.startswith('/') else env_var('PWD', '.') ~ '/' ~ file -%}
        {%- set here = {'PGHOST': target.host, 'PGDATABASE': target.dbname} -%}
        {%- for row in run_query(_settings_of(path)).rows
                if not env_var(row[0], '') and row[1] != here.get(row[0]) -%}
            {%- do exceptions.raise_compiler_error(
                file ~ ' has ' ~ row[0] ~ '=' ~ row[1] ~ ', which make uses, and dbt alone does not read: make dbt ARGS='
                ~ "'" ~ invocation_args_dict.which ~ "', or set it in the environment") -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#- A query of what a file of settings says of the server: (name, value), the last of a name. -#}
{% macro _settings_of(path) %}
    select distinct on (found[1]) found[1], found[2]
    from regexp_matches(
        pg_read_file({{ dbt.string_literal(dbt.escape_single_quotes(path)) }}, true),
        '^[ \t]*(?:export[ \t]+)?(PGHOST|PGHOSTADDR|PGSERVICE|PGDATABASE|LOCAL_DIR)[ \t]*=[ \t]*["'']?([^\s"''#]+)', 'gn'
    ) with ordinality as settings (found, place)
    order by found[1], place desc
{% endmacro %}
