/**
 * Two servers, one over each transport, until standard input ends; then nothing keeps the program alive.
 *
 * @module
 */

import { serve } from "../../server.ts";

const servers = await Promise.all(
  (["builtin", "hardened"] as const).map((transport) =>
    serve({ port: 0, transport, handleSignals: false })
  ),
);
console.log(servers.map(({ port }) => port).join(" "));
for await (const _ of Deno.stdin.readable);
await Promise.all(servers.map((server) => server.shutdown()));
console.log("stopped");
