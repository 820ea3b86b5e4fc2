-- Work that shares something slow, such as a connection to another system, is done one piece at a time.
alter table jobs add column lane TEXT;

create table connection_sync (
  tenant_id TEXT not null,
  connection_id TEXT not null,
  authorities TEXT not null,
  interval_s BIGINT not null,
  open_status TEXT not null,
  state TEXT not null,
  problem TEXT,
  cursor BYTEA,
  looked BIGINT,
  changes BIGINT not null,
  primary key (tenant_id, connection_id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade
);

-- What both sides last agreed on, and what is still to be exchanged.
create table ticket_sync (
  tenant_id TEXT not null,
  ticket_id TEXT not null,
  gone BIGINT not null,
  agreed TEXT,
  status TEXT,
  status_class TEXT,
  changed TEXT not null,
  touched_by TEXT,
  notes_asked BIGINT not null,
  notes_read BIGINT not null,
  notes_since BIGINT,
  decided TEXT not null,
  primary key (tenant_id, ticket_id),
  foreign key (tenant_id, ticket_id) references tickets (tenant_id, id)
);

-- Ids that a ticket had in the other system before.
create table ticket_aliases (
  tenant_id TEXT not null,
  connection_id TEXT not null,
  external_id TEXT not null,
  ticket_id TEXT not null,
  primary key (tenant_id, connection_id, external_id, ticket_id),
  foreign key (tenant_id, ticket_id) references tickets (tenant_id, id)
);

create index tickets_by_external_id on tickets (tenant_id, connection_id, external_id);

create table ticket_notes (
  tenant_id TEXT not null,
  id TEXT not null,
  ticket_id TEXT not null,
  source TEXT not null,
  author TEXT,
  audience TEXT not null,
  body TEXT not null,
  created BIGINT not null,
  external_id TEXT,
  sending BIGINT,
  sent BIGINT,
  primary key (tenant_id, id),
  unique (tenant_id, ticket_id, external_id),
  foreign key (tenant_id, ticket_id) references tickets (tenant_id, id)
);

create index ticket_notes_by_ticket on ticket_notes (tenant_id, ticket_id, created);
