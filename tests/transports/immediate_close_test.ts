/**
 * Peers of both transports that put and close at once, without waiting for anything.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { until } from "../support/bridge.ts";
import { openServer } from "../support/open_server.ts";

const PUT = { action: "put", topic: "t", message: "x" };

const CLOSE_FRAME = clientFrame(8, new Uint8Array([3, 232]));

function all(frames: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(frames.flatMap((frame) => [...frame]));
}

/** What is sent before the close, and how many puts that is. */
const REQUESTS: Readonly<Record<string, [frames: readonly Uint8Array[], puts: number]>> = {
  "a put": [[clientFrame(1, JSON.stringify(PUT))], 1],
  "3,000 puts": [Array(3000).fill(clientFrame(1, JSON.stringify(PUT))), 3000],
  "a list of 8,000 puts": [[clientFrame(1, JSON.stringify(Array(8000).fill(PUT)))], 8000],
  "a large list": [[clientFrame(1, JSON.stringify(Array(8000).fill(PUT), null, 9))], 8000],
  "gets and puts": [[clientFrame(
    1,
    JSON.stringify([...Array(500).fill({ action: "get", topic: "t" }), ...Array(500).fill(PUT)]),
  )], 500],
};

for (const transport of ["builtin", "hardened"] satisfies TransportChoice[]) {
  for (const [what, [frames, puts]] of Object.entries(REQUESTS)) {
    Deno.test(`${transport}: all puts of ${what} are stored if the peer closes at once`, async () => {
      await using server = await openServer({ transport, host: "127.0.0.1" });
      for (const close of [[CLOSE_FRAME], []]) {
        const before = server.stats().stored;
        const client = await RawSocket.open(server.port);
        await client.send(all([...frames, ...close]));
        client.cut();
        await until(() => server.stats().stored - before >= puts);
        await until(() => server.stats().connections === 0);
        assertEquals(server.stats().stored - before, puts);
      }
    });
  }
}
