-- Of a result its number alone stays, so that it counts once: what it said is in findings, runs, series and alerts.
alter table results drop column started;
alter table results drop column outcome;
alter table results drop column resources;
alter table results drop column log;

create index results_received on results (tenant_id, received);
