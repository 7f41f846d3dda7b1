import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../queue/clock.ts";
import { Session } from "../queue/session.ts";
import { BUFFER_LIMIT } from "../queue/wire.ts";
import { nodeSqlite } from "../stores/engines/node_sqlite.ts";
import { SqliteStore } from "../stores/sqlite.ts";
import { hosted } from "./support/peer.ts";
import { soon } from "./support/soon.ts";

const LARGE = 100_000;
const TOPICS = 100;

/** A peer that reads nothing until it is told to. */
class Stuffed {
  buffered = 0;
  sent: string[] = [];
  #drained: (() => void)[] = [];

  send(frame: string): void {
    this.sent.push(frame);
    this.buffered += frame.length;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  close(): void {}

  read(): void {
    this.buffered = 0;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

for (const kind of ["many topics", "one topic"]) {
  Deno.test(`a peer that reads nothing is sent little of what it asked for, of ${kind}`, async () => {
    const store = new SqliteStore({ engine: nodeSqlite, retention: 600_000, clock: systemClock });
    await using host = await hosted(store, systemClock);
    const body = JSON.stringify("x".repeat(LARGE));
    const topic = (i: number) => kind === "one topic" ? "t" : `t${i}`;
    const all = Array.from({ length: TOPICS }, (_, i) => i);
    await store.append(all.map((i) => ({ topic: topic(i), body, bytes: body.length })));

    const wire = new Stuffed();
    const session = new Session(host, wire, 0);
    session.receive(JSON.stringify(all.map((i) => ({ action: "get", id: i, topic: topic(i) }))));
    for (const turn of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert(wire.buffered > 0, `something is sent in turn ${turn}`);
      assert(wire.buffered < 2 * BUFFER_LIMIT + 2 * LARGE, `${wire.buffered} bytes are buffered`);
      wire.read();
    }
    const answered = () => wire.sent.flatMap((frame) => JSON.parse(frame)).length;
    const end = (async () => {
      while (answered() < TOPICS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        wire.read();
      }
    })();
    await soon(end);
    const seqs = wire.sent.flatMap((frame) => JSON.parse(frame)).map(({ seq }) => seq);
    assertEquals(seqs, all.map((i) => i + 1));
    session.close();
  });
}
