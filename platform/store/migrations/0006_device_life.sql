-- How a device came to be known, where it stands and why, and by what it is known again.
alter table devices add column location_source TEXT not null default 'zero-certificate';
alter table devices add column location_by_hand TEXT;
-- The location of its zero certificate; empty where `location_id` never changed.
alter table devices add column home TEXT not null default '';
alter table devices add column peer TEXT;
alter table devices add column origins TEXT not null default '{}';
alter table devices add column origin TEXT not null default 'agent';
alter table devices add column has_agent BIGINT not null default 1;
-- By which id its agent knows itself; empty where that is `id`.
alter table devices add column agent_id TEXT not null default '';
alter table devices add column retired BIGINT;
-- Copies of facts, to be found by.
alter table devices add column serial TEXT;
alter table devices add column machine_id TEXT;

create index devices_serial on devices (tenant_id, serial);
create index devices_machine_id on devices (tenant_id, machine_id);

-- A certificate, and the key that enrolled, which the device's next life does not take over.
alter table device_certificates add column revoked BIGINT;
alter table enrolments add column ended BIGINT;

create index enrolments_key_hash on enrolments (tenant_id, key_hash);

-- Whoever enrols as this machine within this client takes the record over.
create table expected_images (
  tenant_id TEXT not null,
  device_id TEXT not null,
  since BIGINT not null,
  primary key (tenant_id, device_id),
  foreign key (tenant_id, device_id) references devices (tenant_id, id)
);

create table location_networks (
  tenant_id TEXT not null,
  client_id TEXT not null,
  network TEXT not null,
  location_id TEXT not null,
  primary key (tenant_id, client_id, network),
  foreign key (tenant_id, client_id, location_id) references locations (tenant_id, client_id, id)
);

alter table alerts add column closed_because TEXT;

create index alerts_device on alerts (tenant_id, device_id);

-- Which client's tickets a connection carries; null for those of clients that have none of their own.
alter table connections add column client_id TEXT;
alter table connections add column removed BIGINT;
