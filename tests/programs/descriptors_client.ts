/**
 * A client that runs out of file descriptors, and has some again.
 *
 *     descriptors_client.ts URL    with few files that may be open; prints what it sees, a line each
 *
 * It says "ready" when all is taken: then its connection is to be cut.
 *
 * @module
 */

import { connect, DsmqError } from "../../client.ts";

const [url] = Deno.args;

// Deno opens something for signals when it is about to exit, and panics if it cannot: so it does at once.
Deno.addSignalListener("SIGTERM", () => Deno.exit(1));

/** Opens files until there are no more to be had. */
function takeAll(): Deno.FsFile[] {
  const taken: Deno.FsFile[] = [];
  try {
    for (;;) taken.push(Deno.openSync("/dev/null"));
  } catch {
    return taken;
  }
}

const mq = await connect({ url: url!, reconnect: { minDelay: 20, maxDelay: 100 } });
const files = takeAll();
for (const to of [url!, url!.replace("127.0.0.1", "localhost")]) {
  try {
    await connect({ url: to, timeout: 300 });
  } catch (error) {
    if (!(error instanceof DsmqError)) throw error;
    console.log(JSON.stringify([error.code, error.reason, error.message]));
  }
}
console.log("ready");
for await (const { status } of mq.statusChanges()) {
  if (status === "connected" && files.length === 0) break;
  if (status !== "reconnecting") continue;
  // What its connection had is free now. Meanwhile it tries in vain.
  files.push(...takeAll());
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const file of files.splice(0)) file.close();
}
console.log(await mq.put("t", "back"));
await mq.close();
