-- Why a release was deprecated, yanked or rejected, and what takes its place.
alter table releases add column reason TEXT;
alter table releases add column replacement TEXT;

-- The tenant in which a publisher tries releases before anybody approved them.
alter table publishers add column test_tenant TEXT references tenants (tenant_id);

-- What the platform signed for one test tenant alone.
create table development_statements (
  tenant_id TEXT not null references tenants (tenant_id),
  release_id TEXT not null references releases (id),
  envelope TEXT not null,
  created BIGINT not null,
  primary key (tenant_id, release_id)
);
