create table alerts (
  tenant_id TEXT not null,
  id TEXT not null,
  installation_id TEXT not null,
  device_id TEXT not null,
  condition TEXT not null,
  subject TEXT not null,
  state TEXT not null,
  bad_streak BIGINT not null,
  good_streak BIGINT not null,
  occurrences BIGINT not null,
  health TEXT not null,
  summary TEXT not null,
  opened BIGINT,
  closed BIGINT,
  last_seen BIGINT not null,
  primary key (tenant_id, id),
  unique (tenant_id, installation_id, device_id, condition, subject),
  foreign key (tenant_id, installation_id) references installations (tenant_id, id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id)
);

create table categories (
  tenant_id TEXT not null references tenants (tenant_id),
  id TEXT not null,
  name TEXT not null,
  description TEXT not null,
  board TEXT not null,
  priority TEXT,
  primary key (tenant_id, id),
  unique (tenant_id, name)
);

create table rules (
  tenant_id TEXT not null,
  id TEXT not null,
  position BIGINT not null,
  accessory TEXT,
  condition TEXT,
  category_id TEXT not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, category_id) references categories (tenant_id, id)
);

create table connections (
  tenant_id TEXT not null references tenants (tenant_id),
  id TEXT not null,
  name TEXT not null,
  release_id TEXT not null references releases (id),
  url TEXT not null,
  config TEXT not null,
  sealed_secrets BYTEA not null,
  account TEXT,
  closed_status TEXT not null,
  state TEXT not null,
  problem TEXT,
  created BIGINT not null,
  primary key (tenant_id, id)
);

create table ticket_numbers (
  tenant_id TEXT not null primary key references tenants (tenant_id),
  last BIGINT not null
);

-- `open_alert` is the alert while the ticket is open, and null afterwards: at most one open ticket per alert.
create table tickets (
  tenant_id TEXT not null,
  id TEXT not null,
  number BIGINT not null,
  alert_id TEXT,
  open_alert TEXT,
  device_id TEXT,
  source TEXT not null,
  category_id TEXT not null,
  chosen_by TEXT,
  board TEXT not null,
  priority TEXT,
  summary TEXT not null,
  description TEXT not null,
  state TEXT not null,
  occurrences BIGINT not null,
  created BIGINT not null,
  updated BIGINT not null,
  connection_id TEXT,
  create_started BIGINT,
  external_id TEXT,
  close_wanted BIGINT not null,
  close_settled BIGINT not null,
  returned BIGINT not null,
  external_number TEXT,
  external_url TEXT,
  external_status TEXT,
  problem TEXT,
  primary key (tenant_id, id),
  unique (tenant_id, number),
  unique (tenant_id, open_alert),
  foreign key (tenant_id, alert_id) references alerts (tenant_id, id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id),
  foreign key (tenant_id, category_id) references categories (tenant_id, id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id)
);
