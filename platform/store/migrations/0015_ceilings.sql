-- What accessories may do at most: the platform's plans, and the ceilings of MSPs, their clients and devices.
create table plans (
  name TEXT not null primary key,
  ceiling TEXT not null,
  changed BIGINT not null
);

create table tenant_plans (
  tenant_id TEXT not null primary key references tenants (tenant_id),
  plan TEXT not null references plans (name)
);

create table ceilings (
  tenant_id TEXT not null references tenants (tenant_id),
  subject TEXT not null,
  ceiling TEXT not null,
  changed BIGINT not null,
  primary key (tenant_id, subject)
);

-- What a run may spend beyond, or below, what the manifest asks.
alter table installations add column budget TEXT;
