-- What a person may do: a role, and for an MSP's people all clients or those that account_clients names.
alter table accounts add column role TEXT not null default 'owner';
alter table accounts add column all_clients BIGINT not null default 1;
alter table accounts add column disabled BIGINT;

create index accounts_tenant on accounts (tenant);
create index tokens_account on tokens (account);

create table account_clients (
  tenant_id TEXT not null,
  account_id TEXT not null references accounts (id),
  client_id TEXT not null,
  primary key (tenant_id, account_id, client_id),
  foreign key (tenant_id, client_id) references clients (tenant_id, id)
);
