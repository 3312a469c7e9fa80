/** Whose a waiting message is, so that cameras take turns: one that sends without a pause delays nobody else's answers. */
export const outboxCamera = {
  version: 7,
  sql: `
ALTER TABLE outbox ADD COLUMN camera_id TEXT NOT NULL DEFAULT '';
UPDATE outbox SET camera_id = (SELECT camera_id FROM results WHERE results.ledger_seq = outbox.ledger_seq);
CREATE INDEX outbox_by_camera ON outbox (camera_id, id);
`,
} as const;
