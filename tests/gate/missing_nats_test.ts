/**
 * Without a nats-server: who works on something else is not held up, and CI does not pass over what it did not test.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Program } from "../support/program.ts";

const file = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** A test with a server of NATS, and one without. */
const TESTS = `
import { ignoredIf } from ${file("../support/ignored_if.ts")};
import { NatsServer, noNats } from ${file("../support/nats_server.ts")};

Deno.test({
  ...ignoredIf(noNats, "a log opens"),
  async fn() {
    await using server = await NatsServer.start();
  },
});
Deno.test("something else", () => {});
`;

/** Runs these tests where there is no nats-server. */
async function run(ci: string | undefined) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/log_test.ts`, TESTS);
    const args = ["-A", "--no-check", "--config=deno.json", `${folder}/log_test.ts`];
    const env = { CI: ci, NATS_SERVER: `${folder}/none`, PATH: folder };
    await using tests = new Program(args, env, ["test"]);
    return await tests.end();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a test with NATS is ignored without nats-server, with the reason", async () => {
  const { code, stdout } = await run(undefined);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "/none is not installed. Get it with `deno task nats`");
  assertStringIncludes(stdout, "1 passed | 0 failed | 1 ignored");
});

Deno.test("in CI a test with NATS fails without nats-server, with the reason, and the others pass", async () => {
  const { code, stdout } = await run("true");
  assert(code !== 0);
  assertStringIncludes(stdout, "/none is not installed.");
  assertStringIncludes(stdout, "1 passed | 1 failed");
});
