import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { serve } from "../../server.ts";
import { Program } from "../support/program.ts";
import { withinLimit } from "./limited_run.ts";
import { soak, type SoakOptions, soakOptions } from "./soak.ts";
import { fullSpeed, speed } from "./soak_speed.ts";
import { usage } from "./soak_usage.ts";

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
  let seen = "";
  // A slow machine takes longer to come so far.
  for (let limit = 4; !seen.includes("a stuck client") && limit <= 64; limit *= 2) {
    seen = await foundAtLimit({ seconds: 0.5, limit, roles: { "a stuck client": stuck } });
  }
  assertEquals(seen, "waited for the end of a stuck client");
  const connecting = () => Deno.connect({ hostname: "127.0.0.1", port: port! });
  await assertRejects(connecting, Deno.errors.ConnectionRefused);
});

Deno.test("a soak whose server hangs before the first step says so", async () => {
  const options = { seconds: 1, every: 1000, rate: 1, cutAfter: 1000, seed: 1, roles: {} };
  const findings = await withinLimit(0.05, async (run) => {
    const { promise: never, reject } = Promise.withResolvers<never>();
    run.signal.addEventListener("abort", reject);
    const hang = () => never;
    const server = { url: "ws://127.0.0.1:1", port: 1, ended: false, advance: hang, report: hang };
    await usage(server, options, run);
    return [];
  });
  assertEquals(findings.map(({ seen }) => seen), ["waited for the server at the beginning"]);
});

Deno.test("what goes wrong while the full speed is measured is told", async () => {
  await using server = await serve({ port: 0, limits: { messageBytes: 10 } });
  const steps = { advance: () => Promise.resolve() };
  const load = { url: server.url, topic: "topic", bytes: 100, window: 1 };
  const { rate, wrong } = await fullSpeed(steps, load, 0, new AbortController());
  assertEquals(rate, 0);
  assertMatch(`${wrong[0]}`, /too_large/);
});

Deno.test("an argument of a soak that is not what it must be is refused", async () => {
  assertEquals(soakOptions([]), { seconds: 600, store: "memory", transport: "builtin" });
  const all = { seconds: 4, store: "file", transport: "hardened", limit: 0.5 };
  assertEquals(soakOptions(["4", "file", "hardened", "0.5"]), all as SoakOptions);
  const seconds = "must be a number of seconds above 0, at most 2147483";
  const refused: [string[], string][] = [
    [["abc"], `SECONDS ${seconds}, got "abc"`],
    [["0"], `SECONDS ${seconds}, got "0"`],
    [["4", "memmory"], 'the store must be "memory" or "file", got "memmory"'],
    [["4", "file", "x"], 'the transport must be "builtin" or "hardened", got "x"'],
    [["4", "file", "hardened", "-1"], `LIMIT_SECONDS ${seconds}, got "-1"`],
  ];
  for (const [args, message] of refused) {
    assertThrows(() => soakOptions(args), RangeError, `Cannot soak: ${message}`);
  }
  await using program = new Program(["-A", "tests/faults/soak.ts", "abc"]);
  const stderr = `Cannot soak: SECONDS ${seconds}, got "abc"`;
  assertEquals(await program.end(), { code: 2, stdout: "", stderr });
});

Deno.test("a server is slow if it does less than a third of its full speed, by the clock or by its processor time", () => {
  const isFast = (wall: number, cpu: number) => speed({ wall, cpu }, 1000).good;
  assert(isFast(2900, 2900));
  assert(!isFast(3100, 900));
  assert(!isFast(900, 3100));
});
