-- Code compiled by others than the device: what the publisher said of it, and what the platform made of that.
create table artifacts (
  release_id TEXT not null references releases (id),
  target TEXT not null,
  build BIGINT not null,
  digest TEXT not null,
  envelope TEXT not null,
  state TEXT not null,
  reason TEXT,
  changed BIGINT not null,
  primary key (release_id, target, build)
);

-- Whether an MSP's devices take such code.
create table tenant_artifacts (
  tenant_id TEXT not null primary key references tenants (tenant_id),
  accepted BIGINT not null
);
