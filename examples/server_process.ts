// A server in a process of its own, that is stopped when it is no longer needed.
// Run it with: deno run -A examples/server_process.ts
import { connect } from "@dsmq/server";

const port = 30018;
const program = new URL("server.ts", import.meta.url).href;
const server = new Deno.Command(Deno.execPath(), {
  args: ["run", "--allow-net", program, String(port)],
}).spawn();

// The server needs a moment to start: connect tries until it is there.
const mq = await connect({ port });
await mq.put("notes", "kept by another process");
console.log(await mq.get("notes"));
await mq.close();

server.kill("SIGTERM");
const { code } = await server.status;
console.log(`the server ended with code ${code}`);
