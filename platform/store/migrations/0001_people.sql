-- Columns are TEXT, BIGINT (times in milliseconds, flags 0 or 1), DOUBLE PRECISION or BYTEA: one text for SQLite and PostgreSQL.
-- A table with `tenant_id` belongs to tenants: the column leads its primary key and every index.
-- A table with `owner` holds rows of whoever's scope wrote them: a tenant's id, a publisher's id, or 'platform'.
-- Both kinds get row-level security on PostgreSQL by the name of that column.

create table platform_values (
  key TEXT not null primary key,
  value TEXT not null
);

create table publishers (
  id TEXT not null primary key,
  name TEXT not null unique,
  public_key TEXT,
  created BIGINT not null
);

create table publisher_keys (
  publisher TEXT not null references publishers (id),
  since BIGINT not null,
  public_key TEXT not null,
  primary key (publisher, since, public_key)
);

create table tenants (
  tenant_id TEXT not null primary key,
  name TEXT not null,
  created BIGINT not null
);

create table accounts (
  id TEXT not null primary key,
  kind TEXT not null,
  email TEXT not null unique,
  password_hash TEXT not null,
  tenant TEXT references tenants (tenant_id),
  publisher TEXT references publishers (id),
  created BIGINT not null,
  check ((kind = 'msp') = (tenant is not null)),
  check ((kind = 'publisher') = (publisher is not null))
);

create table tokens (
  id TEXT not null primary key,
  account TEXT not null references accounts (id),
  secret_hash TEXT not null,
  label TEXT not null,
  created BIGINT not null,
  expires BIGINT not null,
  revoked BIGINT
);

create table clients (
  tenant_id TEXT not null references tenants (tenant_id),
  id TEXT not null,
  name TEXT not null,
  primary key (tenant_id, id)
);

create table locations (
  tenant_id TEXT not null,
  id TEXT not null,
  client_id TEXT not null,
  name TEXT not null,
  primary key (tenant_id, id),
  unique (tenant_id, client_id, id),
  foreign key (tenant_id, client_id) references clients (tenant_id, id)
);

create table audit_heads (
  owner TEXT not null primary key,
  sequence BIGINT not null,
  hash TEXT not null
);

create table audit_entries (
  owner TEXT not null,
  sequence BIGINT not null,
  at BIGINT not null,
  actor TEXT not null,
  action TEXT not null,
  subject TEXT not null,
  details TEXT not null,
  hash TEXT not null,
  primary key (owner, sequence)
);

create table jobs (
  id TEXT not null primary key,
  owner TEXT not null,
  kind TEXT not null,
  subject TEXT not null,
  due BIGINT not null,
  leased_until BIGINT,
  generation BIGINT not null,
  attempts BIGINT not null,
  problem TEXT,
  unique (owner, kind, subject)
);

create index jobs_due on jobs (due);
