-- What runs of a release cost and how they ended, over all who run it. No row tells whose runs they were. Many write at the same time:
-- the shard keeps them apart.
create table release_costs (
  release_id TEXT not null,
  measure TEXT not null,
  bucket BIGINT not null,
  shard BIGINT not null,
  runs BIGINT not null,
  primary key (release_id, measure, bucket, shard)
);

-- What happened to a release in several places. The witness is a mark of who saw it: it tells two apart, and is nobody's name.
create table release_signals (
  release_id TEXT not null,
  kind TEXT not null,
  mark TEXT not null,
  witness TEXT not null,
  words TEXT not null,
  open BIGINT not null,
  first BIGINT not null,
  last BIGINT not null,
  times BIGINT not null,
  primary key (release_id, kind, mark, witness)
);
