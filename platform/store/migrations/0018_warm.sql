-- Whether an installation's instances are kept between its runs, as its MSP chose.
alter table installations add column warm BIGINT;
