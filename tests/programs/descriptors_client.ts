/**
 * A client that runs out of file descriptors, and gets some back.
 *
 *     descriptors_client.ts URL    with a low limit of open files; prints what it sees, a line each
 *
 * It prints "ready" when all are taken: then its connection must be cut.
 *
 * @module
 */

import { connect, DsmqError } from "../../client.ts";

const [url] = Deno.args;

// Deno opens a descriptor for signals before it exits, and panics if it cannot: so it opens it now.
Deno.addSignalListener("SIGTERM", () => Deno.exit(1));

/** Opens files until there are no descriptors left. */
function takeAll(): Deno.FsFile[] {
  const taken: Deno.FsFile[] = [];
  try {
    for (;;) taken.push(Deno.openSync("/dev/null"));
  } catch {
    return taken;
  }
}

let failed = Promise.withResolvers<void>();
const reconnect = { minDelay: 20, maxDelay: 100 };
const mq = await connect(url!, { reconnect, onRetry: () => failed.resolve() });
const files = takeAll();
for (const to of [url!, url!.replace("127.0.0.1", "localhost")]) {
  try {
    await connect(to, { timeout: 300 });
  } catch (error) {
    if (!(error instanceof DsmqError)) throw error;
    console.log(JSON.stringify([error.code, error.reason, error.message]));
  }
}
console.log("ready");
for await (const { status } of mq.statusChanges()) {
  if (status === "connected" && files.length === 0) break;
  if (status !== "reconnecting") continue;
  // The descriptor of its connection is free now. Until then, its attempts fail.
  files.push(...takeAll());
  failed = Promise.withResolvers();
  await failed.promise;
  for (const file of files.splice(0)) file.close();
}
console.log(await mq.put("t", "back"));
await mq.close();
