/** Accounts, sessions, and the audit log with its own hash chain. */
export const people = {
  version: 5,
  sql: `
CREATE TABLE accounts (
  user_id       TEXT PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  role          TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'engineer', 'admin')),
  password_hash TEXT NOT NULL,
  is_disabled   INTEGER NOT NULL CHECK (is_disabled IN (0, 1)),
  created_at    INTEGER NOT NULL,
  created_by    TEXT NOT NULL,
  changed_at    INTEGER NOT NULL,
  changed_by    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES accounts (user_id),
  started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only; each row's hash covers the one before.
CREATE TABLE audit (
  seq        INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor      TEXT NOT NULL,
  role       TEXT,
  peer       TEXT NOT NULL,
  act        TEXT NOT NULL,
  about      TEXT NOT NULL,
  outcome    TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
  detail     TEXT,
  chain_hash TEXT NOT NULL
) STRICT;
`,
} as const;
