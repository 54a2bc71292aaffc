"""dbt: builds of days, which builds may run at once, retention."""
