-- Append-only: no statement changes or removes an entry of the audit log.
create trigger if not exists audit_entries_never_change before update on audit_entries
begin
  select raise(abort, 'the audit log is append-only');
end;

create trigger if not exists audit_entries_never_go before delete on audit_entries
begin
  select raise(abort, 'the audit log is append-only');
end;
