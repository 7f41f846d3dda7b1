/**
 * What a server says of its connections.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { parseConnections } from "../../protocol/connection_info.ts";

/** What an older server says of one. */
const ENTRY = {
  ...{ id: "a-1", connectedAt: 1, address: "127.0.0.1", identity: "", subscriptions: 0 },
  ...{ unreadBytes: 0, permissions: ["read", "admin"] },
};

Deno.test("permissions and kinds that only a newer server knows are left out of what a client is told", () => {
  const newer = { ...ENTRY, kind: "quic", permissions: ["read", "own", "admin"], jobs: 3 };
  assertEquals(parseConnections([newer]), [ENTRY as never]);
  assertEquals(parseConnections([{ ...ENTRY, permissions: ["read", 5] }]), undefined);
  assertEquals(parseConnections([{ ...ENTRY, kind: 5 }]), undefined);
});

Deno.test("what an older server does not tell of a connection is not known, and what this one tells is", () => {
  assertEquals(parseConnections([ENTRY]), [ENTRY as never]);
  for (const kind of ["websocket", "http_stream", "http_wait"]) {
    const entry = {
      ...ENTRY,
      kind,
      workers: 2,
      waits: 1,
      cursors: 0,
      inFlightBytes: 300,
      own: true,
    };
    assertEquals(parseConnections([entry]), [entry as never]);
  }
});

Deno.test("a list of connections is refused if what it tells that one holds is not a count", () => {
  for (
    const field of ["subscriptions", "workers", "waits", "cursors", "inFlightBytes", "unreadBytes"]
  ) {
    for (const value of [-1, 0.5, 2 ** 53, "1", null, true, [1], {}]) {
      assertEquals(
        parseConnections([{ ...ENTRY, [field]: value }]),
        undefined,
        `${field} ${value}`,
      );
    }
  }
});
