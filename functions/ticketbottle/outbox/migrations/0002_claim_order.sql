-- The processor asks for what was never tried first, so that events which cannot be published (and whose
-- aggregates wait behind them) do not fill its batches.
DROP INDEX outbox_events_unpublished;
CREATE INDEX outbox_events_unpublished ON outbox_events ((attempts > 0), sequence) WHERE published_at IS NULL;
