/**
 * A program with a handler on a server that it stops: it has to end by itself, though it never shuts the handler down.
 *
 * @module
 */

import { connect, createHandler, type StoreChoice } from "../../mod.ts";

const handler = createHandler({ store: Deno.args[0] as StoreChoice });
const server = Deno.serve({ port: 0, onListen() {} }, handler.fetch);
const mq = await connect({ port: server.addr.port });
await mq.put("t", "m");
await mq.close();
await server.shutdown();
console.log("stopped");
