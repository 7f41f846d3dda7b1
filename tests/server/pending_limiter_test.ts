/**
 * Which pending connections stay when there are too many, and who gets the last places.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ConnectionLimiter } from "../../server/connection_limiter.ts";
import { countDeletes } from "../support/count_deletes.ts";
import { PendingLimiter } from "../../server/pending_limiter.ts";

/** A limiter that counts arrivals. */
class FullLimiter {
  readonly limiter: PendingLimiter;
  readonly putOut: string[] = [];

  constructor(slots: number) {
    this.limiter = new PendingLimiter(slots);
  }

  enter(from: string): (admitted: boolean) => void {
    return this.limiter.acquire(from, () => this.putOut.push(from));
  }

  /** How many arrive one after another, from these addresses in turn, until the honest one is evicted. */
  outlasts(honest: string, addresses: number, max: number): number {
    this.enter(honest);
    for (let i = 0; i < max; i++) {
      this.enter(`10.0.${i % addresses >> 8}.${i % addresses & 255}`);
      if (this.putOut.includes(honest)) return i;
    }
    return max;
  }
}

for (const addresses of [1, 8, 250]) {
  Deno.test(`a pending connection is not evicted, however many arrive from ${addresses} addresses`, () => {
    const fullLimiter = new FullLimiter(100);
    // The attackers come first, and continue.
    for (let i = 0; i < 1000; i++) fullLimiter.enter(`10.0.0.${i % addresses}`);
    assertEquals(fullLimiter.outlasts("192.0.2.1", addresses, 20_000), 20_000);
    assertEquals(fullLimiter.limiter.count, 100);
  });
}

Deno.test("of ten thousand new addresses, none is evicted before as many more arrive as there are slots", () => {
  assertEquals(new FullLimiter(100).outlasts("192.0.2.1", 10_000, 20_000), 99);
});

Deno.test("addresses of one IPv6 network count as one, and admitted connections do not count against their address", () => {
  const fullLimiter = new FullLimiter(3);
  for (let i = 0; i < 100; i++) fullLimiter.enter("192.0.2.1")(true);
  fullLimiter.enter("2001:db8::1");
  fullLimiter.enter("192.0.2.1");
  fullLimiter.enter("2001:db8::2");
  fullLimiter.enter("192.0.2.2");
  assertEquals(fullLimiter.putOut, ["2001:db8::1"]);
  // Nor do connections that closed long ago.
  for (let i = 0; i < 65_536; i++) fullLimiter.enter("198.51.100.1")(false);
  assertEquals(fullLimiter.limiter.count, 2);
  for (let i = 0; i < 2; i++) fullLimiter.enter("198.51.100.1");
  assertEquals(fullLimiter.putOut.at(-1), "198.51.100.1");
});

Deno.test("if all come from one address, as through a proxy, the oldest is evicted", () => {
  const fullLimiter = new FullLimiter(50);
  let evicted = 0;
  fullLimiter.limiter.acquire("192.0.2.1", () => evicted++);
  for (let i = 0; i < 49; i++) fullLimiter.enter("192.0.2.1");
  assertEquals(evicted, 0);
  fullLimiter.enter("192.0.2.1");
  assertEquals([evicted, fullLimiter.limiter.count], [1, 50]);
});

Deno.test("a slot is freed once, and nothing is kept of connections that closed long ago", () => {
  const fullLimiter = new FullLimiter(1);
  const first = fullLimiter.enter("192.0.2.1");
  const second = fullLimiter.enter("192.0.2.2");
  for (const release of [first, second, second, first]) release(false);
  assertEquals([fullLimiter.limiter.count, fullLimiter.putOut], [0, ["192.0.2.1"]]);
  for (let i = 0; i < 70_000; i++) {
    fullLimiter.enter(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}`)(false);
  }
  assertEquals(fullLimiter.limiter.knownAddresses, 65_536);
});

Deno.test("if tokens are required, the last places are kept for owners with few connections", () => {
  const connectionLimiter = new ConnectionLimiter({ connections: 100, connectionsPerAddress: 100 });
  const slot = (holder?: string) => {
    let count = 0;
    for (let slot; typeof (slot = connectionLimiter.acquire("192.0.2.1", holder)) === "function";) {
      releases.push(slot);
      count++;
    }
    return count;
  };
  const releases: (() => void)[] = [];
  // One owner gets half of the last ten, the next half of the rest, and so on.
  assertEquals(["@192.0.2.1", "weak", "other", "good"].map(slot), [95, 3, 1, 1]);
  const refused = connectionLimiter.acquire("192.0.2.1", "weak");
  assert("error" in refused);
  assertEquals([refused.error.code, refused.error.limit], ["limit_exceeded", 100]);
  for (const release of releases.splice(0)) release();
  assertEquals(["weak", undefined].map(slot), [95, 5]);
});

Deno.test("an address that comes and goes takes no longer for that beside others", () => {
  const pending = new PendingLimiter(100);
  const connections = new ConnectionLimiter({ connections: 100, connectionsPerAddress: 100 });
  pending.acquire("192.0.2.1", () => {});
  connections.acquire("192.0.2.1");
  const deleted = countDeletes(() => {
    for (let i = 0; i < 1000; i++) {
      pending.acquire("192.0.2.2", () => {})(true);
      (connections.acquire("192.0.2.2") as () => void)();
    }
  });
  assertEquals([deleted, pending.knownAddresses, connections.used], [0, 1, 1]);
});
