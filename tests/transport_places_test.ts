/**
 * Whoever is admitted has a visit, and it ends: or a place would be taken for ever.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { listen as builtin } from "../transports/deno.ts";
import { listen as hardened } from "../transports/node.ts";
import type { Transport } from "../transports/transport.ts";
import { BareClient, upgradeRequest } from "./support/bare_client.ts";
import { Opened } from "./support/inn.ts";
import { soon } from "./support/soon.ts";

const transports: Readonly<Record<string, Transport>> = { builtin, hardened };

for (const [name, listen] of Object.entries(transports)) {
  Deno.test(`${name}: one whose handshake fails has a visit that ends`, async () => {
    await using opened = await Opened.with(listen);
    const ended = Promise.withResolvers<string>();
    opened.inn.admit = (_request, from) =>
      Promise.resolve(() => ({ receive() {}, closed: () => ended.resolve(from) }));
    using client = await BareClient.connect(opened.port);
    await client.say(upgradeRequest().replace("Sec-WebSocket-Key:", "X-Key:"));
    assertEquals(await soon(ended.promise), "127.0.0.1");
  });

  Deno.test({
    name: `${name}: one who goes away before being let in has a visit that ends`,
    // Deno itself waits for such an upgrade for ever.
    sanitizeOps: name !== "builtin",
    async fn() {
      await using opened = await Opened.with(listen);
      const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const ended = Promise.withResolvers<void>();
      opened.inn.admit = async () => {
        asked.resolve();
        await answer.promise;
        return () => ({ receive() {}, closed: () => ended.resolve() });
      };
      {
        using client = await BareClient.connect(opened.port);
        await client.say(upgradeRequest());
        await soon(asked.promise);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      answer.resolve();
      // The hardened one knows at once. Deno does not tell: whoever arrives after a while clears it away.
      if (name === "builtin") {
        await new Promise((resolve) => setTimeout(resolve, 2100));
        opened.inn.admit = () => Promise.resolve(new Response("no"));
        using later = await BareClient.connect(opened.port);
        await later.say(upgradeRequest());
      }
      await soon(ended.promise);
    },
  });
}
