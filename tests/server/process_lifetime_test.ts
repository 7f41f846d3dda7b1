/**
 * What keeps a program alive: its servers, and nothing that they leave behind.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { Program } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const GET = clientFrame(1, '{"action":"get","topic":"t"}');

/** How a peer disconnects after it has sent something. */
const ENDINGS: readonly ((client: RawSocket) => unknown)[] = [
  (client) => client.cut(),
  (client) => client.send(clientFrame(8, new Uint8Array([3, 232]))),
  // The server closes: this is no frame of RFC 6455.
  (client) => client.send(clientFrame(3)),
  () => {},
];

Deno.test("a program ends with its servers, however their peers have disconnected", async () => {
  await using program = new Program(["-A", "tests/programs/two_servers.ts"]);
  const ports = (await program.line())!.split(" ").map(Number);
  using peers = new DisposableStack();
  for (const port of ports) {
    for (const goes of ENDINGS) {
      const client = peers.use(await RawSocket.open(port));
      await client.send(GET);
      await client.next();
      await goes(client);
    }
    const half = await Deno.connect({ port });
    peers.defer(() => half.close());
    await half.write(new TextEncoder().encode(upgradeRequest().slice(0, 40)));
  }
  const { code, stdout } = await withTimeout(program.end());
  assertEquals([code, stdout], [0, "stopped"]);
});
