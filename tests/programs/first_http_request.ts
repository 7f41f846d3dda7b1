/**
 * Prints what a new server answers to its first request over plain HTTP, and that its WebSockets work.
 *
 * @module
 */

import { connect, serve } from "../../mod.ts";

const server = await serve({ port: 0 });
const response = await fetch(`${server.url.replace("ws:", "http:")}/health`);
console.log(response.status, (await response.text()).trim());
const mq = await connect(server.url);
console.log(await mq.put("t", "x"));
await mq.close();
await server.shutdown();
