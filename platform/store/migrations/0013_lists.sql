-- What is open is asked for, however much came after it.
create index alerts_state on alerts (tenant_id, state);
create index tickets_state on tickets (tenant_id, state, number);
create index releases_state on releases (state, uploaded);
