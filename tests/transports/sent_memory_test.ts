/**
 * A server keeps nothing of what it has sent, even of large messages to many.
 *
 * @module
 */

import { assert } from "@std/assert";
import { connect } from "../../client.ts";
import { ChildServer } from "../faults/child_server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MIB = 1024 * 1024;
const READERS = 200;
const MESSAGE = "x".repeat(990_000);

const subscribe = { action: "subscribe", id: 1, topic: "t", messages: 10, bytes: 10 * MIB };

/** Reads this many bytes, and drops them. */
async function read(client: RawSocket, bytes: number): Promise<void> {
  for (let remaining = bytes, count; remaining > 0; remaining -= count) {
    count = await withTimeout(client.discard(256 * 1024), 60_000);
    assert(count > 0, `it was disconnected with ${remaining} bytes to read`);
  }
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: a large message that ${READERS} peers have read leaves nothing behind for each of them`, async () => {
    await using server = await ChildServer.start({ transport });
    await using writer = await connect(server.url);
    const readers: RawSocket[] = [];
    for (let i = 0; i < READERS; i++) {
      const reader = await RawSocket.open(server.port);
      await reader.send(clientFrame(1, JSON.stringify(subscribe)));
      await withTimeout(reader.next());
      readers.push(reader);
    }
    const { resident: before } = await server.report();
    await writer.put("t", MESSAGE);
    await Promise.all(readers.map((reader) => read(reader, MESSAGE.length)));
    const { resident: after } = await server.report();
    // A MiB for each would be twice as much.
    assert(after - before < READERS / 2 * MIB, `${(after - before) / MIB} MiB are kept`);
    for (const reader of readers) reader.cut();
  });
}
