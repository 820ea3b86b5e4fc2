create table zero_certificates (
  tenant_id TEXT not null,
  id TEXT not null,
  client_id TEXT not null,
  location_id TEXT not null,
  uses_max BIGINT not null,
  uses BIGINT not null,
  expires BIGINT not null,
  revoked BIGINT,
  serial TEXT not null,
  created BIGINT not null,
  primary key (tenant_id, id),
  unique (tenant_id, serial),
  foreign key (tenant_id, client_id, location_id) references locations (tenant_id, client_id, id)
);

create table devices (
  tenant_id TEXT not null,
  id TEXT not null,
  name TEXT not null,
  client_id TEXT not null,
  location_id TEXT not null,
  facts TEXT not null,
  enrolled BIGINT not null,
  last_seen BIGINT not null,
  revoked BIGINT,
  primary key (tenant_id, id),
  foreign key (tenant_id, client_id, location_id) references locations (tenant_id, client_id, id)
);

create table enrolments (
  tenant_id TEXT not null,
  zero_id TEXT not null,
  key_hash TEXT not null,
  device_id TEXT not null,
  at BIGINT not null,
  primary key (tenant_id, zero_id, key_hash),
  foreign key (tenant_id, zero_id) references zero_certificates (tenant_id, id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id)
);

create table device_certificates (
  tenant_id TEXT not null,
  serial TEXT not null,
  device_id TEXT not null,
  not_before BIGINT not null,
  not_after BIGINT not null,
  issued BIGINT not null,
  primary key (tenant_id, serial),
  foreign key (tenant_id, device_id) references devices (tenant_id, id)
);

-- Whose certificate is this? The only way from a serial to a tenant; a serial is given once on the whole platform.
create table certificate_serials (
  serial TEXT not null primary key,
  owner TEXT not null references tenants (tenant_id)
);

create table instruction_sets (
  tenant_id TEXT not null,
  device_id TEXT not null,
  epoch BIGINT not null,
  t BIGINT not null,
  expires BIGINT not null,
  envelope TEXT not null,
  content_digest TEXT not null,
  primary key (tenant_id, device_id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id)
);
