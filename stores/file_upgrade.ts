/**
 * How a file of an earlier version is upgraded, in the transaction that opens it.
 *
 * @module
 */

import { NameSet } from "../protocol/name_map.ts";
import type { Database } from "./engine.ts";
import { EpochTable } from "./epoch_table.ts";
import { GoneTable } from "./gone_table.ts";

/** Longer than any retention: for messages that were evicted under an unknown one. */
export const LONGEST_RETENTION = 1e15;

/** The state table since version 2. */
export const STATE_TABLE =
  "CREATE TABLE state (store TEXT NOT NULL, floor INTEGER NOT NULL, last INTEGER NOT NULL, " +
  "time INTEGER NOT NULL, clock INTEGER NOT NULL, retention INTEGER NOT NULL, " +
  "drop_up_to INTEGER NOT NULL, drop_at INTEGER NOT NULL, drop_retention INTEGER NOT NULL, " +
  "lost INTEGER NOT NULL, clean INTEGER NOT NULL)";

/**
 * Upgrades a file from version 1 to version 2.
 *
 * Its epoch becomes the first of the table. Version 1 does not say of which topic a message was that is gone, nor
 * when it went: it may be of any topic, and as late as now.
 *
 * @param db the open database, in a transaction
 * @param now the time
 */
export function upgradeFrom1(db: Database, now: number): void {
  const [{ epoch, floor, time }] = db.prepare("SELECT * FROM state").all() as [
    { epoch: string; floor: number; time: number },
  ];
  const latest = Math.max(now, time);
  db.exec("ALTER TABLE state RENAME TO state_1");
  db.exec(STATE_TABLE);
  db.prepare(
    "INSERT INTO state SELECT ?, floor, last, time, time, ?, floor, ?, ?, recalls, clean FROM state_1",
  ).run(crypto.randomUUID(), LONGEST_RETENTION, latest, LONGEST_RETENTION);
  db.exec("DROP TABLE state_1");
  // It ends when the present one begins, like any epoch.
  new EpochTable(db);
  db.prepare("INSERT INTO epochs (epoch) VALUES (?)").run(epoch);
  if (floor > 0) new GoneTable(db, 0).raise({ seq: floor, at: latest });
  upgradeSessions(db);
}

/**
 * Upgrades a file from version 2 to version 3: no message in it has attributes.
 *
 * @param db the open database, in a transaction
 */
export function upgradeFrom2(db: Database): void {
  db.exec("ALTER TABLE runs ADD COLUMN attributes TEXT");
}

/** The name of a session does not contain its owner any more. */
function upgradeSessions(db: Database): void {
  db.exec("ALTER TABLE sessions ADD COLUMN lost INTEGER NOT NULL DEFAULT 0");
  const newestFirst = db.prepare(
    "SELECT id, name, coalesce(max(seq + count - 1), 0) AS last " +
      "FROM sessions LEFT JOIN numbers ON session = id GROUP BY id ORDER BY last DESC",
  ).all() as { id: number; name: string; last: number }[];
  const rename = db.prepare("UPDATE sessions SET name = ? WHERE id = ?");
  const removal = {
    numbers: db.prepare("DELETE FROM numbers WHERE session = ?"),
    session: db.prepare("DELETE FROM sessions WHERE id = ?"),
    lost: db.prepare("UPDATE state SET lost = max(lost, ?)"),
  };
  const names = new NameSet();
  const renamed: [string, number][] = [];
  for (const { id, name, last } of newestFirst) {
    const session = name.slice(name.lastIndexOf(".") + 1);
    if (!names.has(session)) {
      names.add(session);
      renamed.push([session, id]);
      continue;
    }
    // A client had the session under two names: what it did under the older one is lost.
    removal.numbers.run(id);
    removal.session.run(id);
    removal.lost.run(last);
  }
  for (const [session, id] of renamed) rename.run(session, id);
}
