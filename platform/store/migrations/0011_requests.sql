-- What somebody asked of devices, exactly as it was asked.
create table requests (
  tenant_id TEXT not null references tenants (tenant_id),
  id TEXT not null,
  requester TEXT not null,
  installation_id TEXT not null,
  release_id TEXT not null references releases (id),
  accessory TEXT not null,
  version TEXT not null,
  digest TEXT not null,
  config TEXT not null,
  parameters TEXT not null,
  wall_ms_max BIGINT not null,
  made BIGINT not null,
  deliver_by BIGINT not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, installation_id) references installations (tenant_id, id)
);

create index requests_made on requests (tenant_id, made);

-- One per device of a request; its id is the transaction id.
create table executions (
  tenant_id TEXT not null,
  id TEXT not null,
  request_id TEXT not null,
  device_id TEXT not null,
  state TEXT not null,
  -- With which the device was let start.
  start_key TEXT,
  fetched BIGINT,
  started BIGINT,
  ended BIGINT,
  percent BIGINT,
  progress TEXT,
  ending TEXT,
  resources TEXT,
  log TEXT,
  saved_s BIGINT not null,
  primary key (tenant_id, id),
  unique (tenant_id, request_id, device_id),
  foreign key (tenant_id, request_id) references requests (tenant_id, id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id)
);

create index executions_device on executions (tenant_id, device_id, state);
