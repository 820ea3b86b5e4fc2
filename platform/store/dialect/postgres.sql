-- Row-level security, the second lock: the first is the scope that every store function takes.
-- Runs after every migration and locks whichever table is not locked yet, so that a new one cannot be forgotten.
-- Without a scope nothing matches: an unset setting reads as null or '', and no tenant has that name.
do $$
declare
  t record;
  mine text;
begin
  for t in
    select c.relname as name, a.attname as leader
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname in ('tenant_id', 'owner') and not a.attisdropped
    where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
      and not (c.relrowsecurity and c.relforcerowsecurity)
  loop
    mine := format(
      'current_setting(''fitment.scope'', true) = ''platform'' or %I = nullif(current_setting(''fitment.tenant'', true), '''')',
      t.leader);
    execute format('alter table %I enable row level security', t.name);
    execute format('alter table %I force row level security', t.name);
    if t.name = 'audit_entries' then
      -- Append-only: there is no policy under which an entry changes or goes.
      execute format('create policy seen on %I for select using (%s)', t.name, mine);
      execute format('create policy appended on %I for insert with check (%s)', t.name, mine);
    else
      execute format('create policy scoped on %I using (%s) with check (%s)', t.name, mine, mine);
    end if;
  end loop;
end
$$;
