-- What is wrong and who was told, so that a condition is told when it begins, again while it lasts,
-- and when it is over; and which kinds nobody wants to hear of for now (alerts/state.py).
-- {% macro migration_0013() %}

-- A row for as long as it lasts. `told`: how often every channel got it; `told_to`: the channels that
-- have the message which is on its way. `over_at`: it has ended, and that is still to be told.
create table raw.alerts (
    kind text not null,
    subject text not null,
    since timestamptz not null,
    told integer not null default 0,
    told_at timestamptz,
    told_to text[] not null default '{}',
    over_at timestamptz,
    primary key (kind, subject)
);

create table raw.alert_silences (
    kind text primary key,
    silenced_until timestamptz not null
);
-- {% endmacro %}
