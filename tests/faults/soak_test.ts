import { assert, assertEquals, assertRejects } from "@std/assert";
import { soak } from "./soak.ts";
import { speed } from "./soak_speed.ts";

/** What is found at the limit of a run, and nothing else. */
async function foundAtLimit(options: Parameters<typeof soak>[0]): Promise<string> {
  const findings = await soak(options);
  assertEquals(findings.map(({ what, good }) => ({ what, good })), [
    { what: `limit of ${options.limit} s passed`, good: false },
  ]);
  return `${findings[0]!.seen}`;
}

Deno.test("a soak whose server does not start in time ends, and says so", async () => {
  const seen = await foundAtLimit({ seconds: 6, limit: 0.01 });
  assertEquals(seen, "waited for the start of the server");
});

Deno.test("a soak with a client that is stuck ends with its server at its limit", async () => {
  let port: number | undefined;
  const stuck = {
    turns: 1,
    use(environment: { port: number }) {
      port = environment.port;
      return new Promise<never>(() => {});
    },
  };
  const limit = 4;
  await foundAtLimit({ seconds: 0.5, limit, roles: { "a stuck client": stuck } });
  // A slow machine may not have come so far.
  if (port === undefined) return;
  const connecting = () => Deno.connect({ hostname: "127.0.0.1", port: port! });
  await assertRejects(connecting, Deno.errors.ConnectionRefused);
});

Deno.test("a server is slow if it does less than a third of its full speed, by the clock or by its processor time", () => {
  const isFast = (wall: number, cpu: number) => speed({ wall, cpu }, 1000).good;
  assert(isFast(2900, 2900));
  assert(!isFast(3100, 900));
  assert(!isFast(900, 3100));
});
