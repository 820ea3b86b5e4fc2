-- What a series is about. Its id follows from its key, so whoever writes samples need not ask for it.
create table series (
  tenant_id TEXT not null,
  id TEXT not null,
  device_id TEXT not null,
  installation_id TEXT not null,
  condition TEXT not null,
  subject TEXT not null,
  name TEXT not null,
  labels TEXT not null,
  unit TEXT not null,
  created BIGINT not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id),
  foreign key (tenant_id, installation_id) references installations (tenant_id, id)
);

create index series_device on series (tenant_id, device_id, installation_id);

create index series_installation on series (tenant_id, installation_id);

-- The numbers: `tier` is the resolution in milliseconds, 0 for samples as they came. `stale`: not rolled up since it was written.
create table series_chunks (
  tenant_id TEXT not null,
  tier BIGINT not null,
  series_id TEXT not null,
  start BIGINT not null,
  stale BIGINT not null,
  data BYTEA not null,
  primary key (tenant_id, tier, series_id, start)
);

create index series_chunks_time on series_chunks (tenant_id, tier, start);

create index series_chunks_stale on series_chunks (tenant_id, start) where stale = 1;

-- Samples that were not kept, counted by their reason.
create table series_drops (
  tenant_id TEXT not null,
  device_id TEXT not null,
  installation_id TEXT not null,
  reason TEXT not null,
  samples BIGINT not null,
  last BIGINT not null,
  primary key (tenant_id, device_id, installation_id, reason)
);

-- For how long a tenant's numbers are kept; a tenant without a row has the standard.
create table retention (
  tenant_id TEXT not null primary key references tenants (tenant_id),
  raw_ms BIGINT not null,
  five_minutes_ms BIGINT not null,
  hour_ms BIGINT not null
);
