// Runs a server in its own process, and stops it at the end.
// Run it with: deno run -A examples/server_process.ts
import { connect } from "@dsmq/server";

const port = 30018;
const program = new URL("server.ts", import.meta.url).href;
const server = new Deno.Command(Deno.execPath(), {
  args: ["run", "--allow-net", program, String(port)],
}).spawn();

// The server needs a moment to start: connect() retries until it listens.
const mq = await connect({ port });
await mq.put("notes", "stored in another process");
console.log(await mq.get("notes"));
await mq.close();

server.kill("SIGTERM");
const { code } = await server.status;
console.log(`the server exited with code ${code}`);
