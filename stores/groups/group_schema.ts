/**
 * The tables of groups in a file, and the statements that change them.
 *
 * @module
 */

/** A key is there as its hash: its text is erased with its message. */
export const GROUP_SCHEMA = `
  CREATE TABLE IF NOT EXISTS groups (
    id INTEGER PRIMARY KEY,
    is_prefix INTEGER NOT NULL,
    filter TEXT NOT NULL,
    name TEXT NOT NULL,
    frontier INTEGER NOT NULL,
    used INTEGER NOT NULL,
    claimed INTEGER NOT NULL,
    done INTEGER NOT NULL,
    retried INTEGER NOT NULL,
    died INTEGER NOT NULL,
    given_up INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS group_jobs (
    group_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    key INTEGER NOT NULL,
    at INTEGER,
    claim INTEGER,
    holder TEXT,
    reason TEXT,
    PRIMARY KEY (group_id, seq)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS group_holders (
    group_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    lease INTEGER NOT NULL,
    timeout INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (group_id, name)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS lost_claims (claim INTEGER PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS claim_gaps (after INTEGER PRIMARY KEY, through INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS deleted_groups (
    id INTEGER PRIMARY KEY,
    is_prefix INTEGER NOT NULL,
    filter TEXT NOT NULL,
    name TEXT NOT NULL,
    frontier INTEGER NOT NULL,
    until INTEGER NOT NULL,
    UNIQUE (is_prefix, filter, name)
  );
  CREATE TABLE IF NOT EXISTS group_state (
    id INTEGER PRIMARY KEY,
    claim INTEGER NOT NULL,
    forgotten_to INTEGER NOT NULL,
    through INTEGER NOT NULL,
    clock INTEGER NOT NULL
  );
`;

/** Each takes the columns of its table in their order, or those that name a row; lists are JSON. */
export const GROUP_STATEMENTS = {
  state: "INSERT OR REPLACE INTO group_state VALUES (0, ?, ?, ?, ?)",
  group: "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  removeGroup: "DELETE FROM groups WHERE id = ?",
  jobPage: "SELECT count(*) AS n, max(seq) AS last FROM " +
    "(SELECT seq FROM group_jobs WHERE group_id = ? ORDER BY seq LIMIT ?)",
  removeJobs: "DELETE FROM group_jobs WHERE group_id = ? AND seq <= ?",
  removeHolders: "DELETE FROM group_holders WHERE group_id = ?",
  holder: "INSERT OR REPLACE INTO group_holders VALUES (?, ?, ?, ?, ?)",
  removeHolder: "DELETE FROM group_holders WHERE group_id = ? AND name = ?",
  jobs: "INSERT OR REPLACE INTO group_jobs SELECT ?1, value ->> 0, value ->> 1, value ->> 2, " +
    "value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 FROM json_each(?2)",
  finishJobs:
    "DELETE FROM group_jobs WHERE group_id = ?1 AND seq IN (SELECT value FROM json_each(?2))",
  claims: "INSERT OR REPLACE INTO lost_claims SELECT value FROM json_each(?)",
  removeClaims: "DELETE FROM lost_claims WHERE claim IN (SELECT value FROM json_each(?))",
  claimGap: "INSERT OR REPLACE INTO claim_gaps VALUES (?, ?)",
  removeClaimGap: "DELETE FROM claim_gaps WHERE after = ?",
  deleted:
    "INSERT INTO deleted_groups (is_prefix, filter, name, frontier, until) VALUES (?, ?, ?, ?, ?)",
  removeDeleted: "DELETE FROM deleted_groups WHERE is_prefix = ? AND filter = ? AND name = ?",
} as const;

/** The name of a statement. */
export type GroupStatement = keyof typeof GROUP_STATEMENTS;
