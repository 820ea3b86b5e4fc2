create table releases (
  id TEXT not null primary key,
  publisher TEXT not null references publishers (id),
  accessory TEXT not null,
  version TEXT not null,
  kind TEXT not null,
  digest TEXT not null,
  listing_digest TEXT not null,
  state TEXT not null,
  manifest TEXT not null,
  report TEXT not null,
  uploaded BIGINT not null,
  approved BIGINT,
  unique (accessory, version)
);

create index releases_uploaded on releases (uploaded);

-- What was refused: the report alone is kept.
create table upload_reports (
  publisher TEXT not null references publishers (id),
  at BIGINT not null,
  digest TEXT not null,
  report TEXT not null,
  primary key (publisher, at, digest)
);

create table installations (
  tenant_id TEXT not null references tenants (tenant_id),
  id TEXT not null,
  release_id TEXT not null references releases (id),
  accessory TEXT not null,
  version TEXT not null,
  target TEXT not null,
  config TEXT not null,
  interval_s BIGINT not null,
  grants TEXT not null,
  installed BIGINT not null,
  removed BIGINT,
  primary key (tenant_id, id)
);

create table results (
  tenant_id TEXT not null,
  device_id TEXT not null,
  spool TEXT not null,
  sequence BIGINT not null,
  installation_id TEXT not null,
  started BIGINT not null,
  received BIGINT not null,
  outcome TEXT not null,
  resources TEXT not null,
  log TEXT not null,
  primary key (tenant_id, device_id, spool, sequence),
  foreign key (tenant_id, device_id) references devices (tenant_id, id),
  foreign key (tenant_id, installation_id) references installations (tenant_id, id)
);

create table run_states (
  tenant_id TEXT not null,
  device_id TEXT not null,
  installation_id TEXT not null,
  outcome TEXT not null,
  message TEXT not null,
  resources TEXT not null,
  at BIGINT not null,
  primary key (tenant_id, device_id, installation_id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id),
  foreign key (tenant_id, installation_id) references installations (tenant_id, id)
);

-- The latest finding per condition and subject; a finding without subject has the empty one.
create table findings (
  tenant_id TEXT not null,
  device_id TEXT not null,
  installation_id TEXT not null,
  condition TEXT not null,
  subject TEXT not null,
  health TEXT not null,
  summary TEXT not null,
  details TEXT,
  samples TEXT not null,
  changed BIGINT not null,
  last_seen BIGINT not null,
  primary key (tenant_id, device_id, installation_id, condition, subject),
  foreign key (tenant_id, device_id) references devices (tenant_id, id),
  foreign key (tenant_id, installation_id) references installations (tenant_id, id)
);
