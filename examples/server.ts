// Runs a server until Ctrl-C. Run it with: deno run --allow-net examples/server.ts [PORT]
import { serve } from "@dsmq/server";

const server = await serve({ port: Number(Deno.args[0] ?? 30008), handleSignals: true });
console.log(`listening on ${server.url}`);

await server.finished;
console.log("stopped");
