import { assertRejects } from "@std/assert";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { ChildServer } from "./child_server.ts";

/** The limit of a test in case something hangs, in milliseconds. */
const LONG = 60_000;

Deno.test("a server that is called off while it starts is killed", async () => {
  const stop = new AbortController();
  const starting = ChildServer.start({}, { signal: stop.signal });
  stop.abort(new Error("called off"));
  await assertRejects(() => withTimeout(starting, LONG), Error, "called off");
  await assertRejects(() => ChildServer.start({}, { signal: stop.signal }), Error, "called off");
});

Deno.test("a server that cannot start leaves nothing behind", async () => {
  const starting = ChildServer.start({ port: -1 });
  await assertRejects(() => withTimeout(starting, LONG), Error, "Cannot start the server");
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a server that hangs is killed when it is called off, and whoever asked it something gets an error",
  ),
  fn: async () => {
    const stop = new AbortController();
    await using server = await ChildServer.start({}, { signal: stop.signal });
    server.signal("SIGSTOP");
    const asked = server.report();
    stop.abort();
    await assertRejects(() => withTimeout(asked, LONG), Error, "it has ended");
  },
});
