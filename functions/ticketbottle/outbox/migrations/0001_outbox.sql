-- What happened and must be told to the rest of the system. A writer inserts its event in the same
-- transaction as whatever the event is about; outbox-processor publishes it; outbox-cleanup removes it.
CREATE TABLE outbox_events (
    id              uuid PRIMARY KEY,
    -- Order of insertion. Events of one aggregate are published in this order.
    sequence        bigint GENERATED ALWAYS AS IDENTITY,
    aggregate_type  text NOT NULL,
    aggregate_id    text NOT NULL,
    event_type      text NOT NULL,
    payload         jsonb NOT NULL,
    -- X-Ray's header of the request that caused the event, handed on to whoever reads it.
    trace_header    text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- NULL until the broker has acknowledged it.
    published_at    timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    last_attempt_at timestamptz,
    last_error      text
);

-- The processor's question: what is unpublished, oldest first, and is it the first of its aggregate?
CREATE INDEX outbox_events_unpublished ON outbox_events (sequence) WHERE published_at IS NULL;
CREATE INDEX outbox_events_unpublished_of_aggregate ON outbox_events (aggregate_id, sequence) WHERE published_at IS NULL;
-- The cleanup's question: what was published before a day?
CREATE INDEX outbox_events_published ON outbox_events (published_at) WHERE published_at IS NOT NULL;

-- Webhooks that were accepted. Outlives the outbox rows: a provider may repeat a callback after the
-- event was published and removed.
CREATE TABLE payment_webhooks (
    provider       text NOT NULL,
    transaction_id text NOT NULL,
    event_type     text NOT NULL,
    event_id       uuid NOT NULL,
    -- Of the signed part: a repeat with other content is worth a log line.
    content_sha256 bytea NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, transaction_id, event_type)
);

-- What the shop knew about an order when it sent the customer to the payment provider. Written by the
-- shop at checkout, read by payment-webhook-handler, which puts it into the event: the functions behind
-- the broker have no database.
CREATE TABLE order_snapshots (
    order_id   text PRIMARY KEY,
    snapshot   jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
