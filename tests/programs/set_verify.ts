/**
 * A server that gets an `auth.verify` while it runs; prints what comes of that, and whether a token of before is still valid.
 *
 * @module
 */

import { connect, serve } from "../../mod.ts";

const log = { info() {}, warn() {}, error() {} };
await using server = await serve({ port: 0, log, auth: "before" });
try {
  await server.setAuth({ verify: () => undefined });
  console.log("set");
} catch (error) {
  console.log(`${error}`);
}
await using mq = await connect(server.url, { token: "before" });
console.log(await mq.put("t", "m"));
