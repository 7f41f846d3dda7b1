/**
 * What keeps a program alive: its servers, and nothing that is left of them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { BareClient, clientFrame, upgradeRequest } from "./support/bare_client.ts";
import { Program } from "./support/program.ts";
import { soon } from "./support/soon.ts";

const GET = clientFrame(1, '{"action":"get","topic":"t"}');

/** How a peer that has said something goes away. */
const WAYS: readonly ((client: BareClient) => unknown)[] = [
  (client) => client.cut(),
  (client) => client.say(clientFrame(8, new Uint8Array([3, 232]))),
  // The server closes: this is no frame of RFC 6455.
  (client) => client.say(clientFrame(3)),
  () => {},
];

Deno.test("a program ends with its servers, in whatever way their peers have gone", async () => {
  await using program = new Program(["-A", "tests/programs/two_servers.ts"]);
  const ports = (await program.line())!.split(" ").map(Number);
  using peers = new DisposableStack();
  for (const port of ports) {
    for (const goes of WAYS) {
      const client = peers.use(await BareClient.open(port));
      await client.say(GET);
      await client.next();
      await goes(client);
    }
    const half = await Deno.connect({ port });
    peers.defer(() => half.close());
    await half.write(new TextEncoder().encode(upgradeRequest().slice(0, 40)));
  }
  const { code, stdout } = await soon(program.end());
  assertEquals([code, stdout], [0, "stopped"]);
});
