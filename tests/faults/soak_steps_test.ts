import { assertEquals, assertRejects } from "@std/assert";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { withinLimit } from "./limited_run.ts";
import { RunningRoles } from "./running_roles.ts";
import type { Role } from "./soak_roles.ts";
import { sampled, type SteppedServer, StuckError } from "./soak_steps.ts";

const LENGTH = { seconds: 2, every: 5000 };
const ADDRESSES = { url: "", cutUrl: "", port: 0 };

/** A server that only counts how much of its time has passed. */
class CountingServer implements SteppedServer {
  readonly ended = false;
  passed = 0;

  advance(ms: number): Promise<void> {
    this.passed += ms;
    return Promise.resolve();
  }

  report(): Promise<never> {
    return Promise.reject(new Error("nobody asked"));
  }
}

/** A client that takes this long (ms) for a turn, and is stuck in one of its turns. */
function client(ms: number, stuckIn = Infinity): Role {
  return {
    turns: 2,
    async use({ pace }, log) {
      for (let n = 1; await pace.turn(); n++) {
        if (n === stuckIn) await new Promise(() => {});
        await pass(ms);
        log.right++;
      }
    },
  };
}

/** The steps of a server with nothing but such clients. */
function steps(roles: RunningRoles) {
  return {
    grant: () => roles.grant(),
    behind: (isCheck: boolean) => isCheck ? roles.behind : [],
    wrong: () => roles.wrong,
    onChecked: () => roles.onChecked(),
  };
}

Deno.test("clients do as much in a step of the server's time however slow they are", () =>
  inVirtualTime(async () => {
    for (const ms of [0, 1, 200]) {
      const findings = await withinLimit(1000, async (run) => {
        const server = new CountingServer();
        const roles = new RunningRoles({ "a client": client(ms) }, ADDRESSES, run);
        assertEquals(await sampled(server, LENGTH, steps(roles), run), []);
        const seen = Number(roles.findings[0]!.seen);
        // Forty steps of two turns each. The last ten steps are not checked again.
        assertEquals([seen >= 60, seen <= 80], [true, true], `${seen} turns of ${ms} ms`);
        assertEquals(server.passed, 2000);
        return [];
      });
      assertEquals(findings, []);
    }
  }));

Deno.test("a client that is stuck is found, whatever others do, and time does not go on without it", () =>
  inVirtualTime(async () => {
    const findings = await withinLimit(1000, async (run) => {
      const server = new CountingServer();
      const roles = new RunningRoles(
        { "one": client(1), "other": client(1, 22), "third": client(1, 30) },
        ADDRESSES,
        run,
      );
      const stepping = () => sampled(server, LENGTH, steps(roles), run);
      // Its 22nd turn belongs to the second half of a second; at the end of the third one it must be over.
      const { message } = await assertRejects(stepping, StuckError);
      assertEquals(message, "stuck: other; third at 1500 ms");
      assertEquals(server.passed, 1450);
      return [];
    });
    assertEquals(findings, []);
  }));

Deno.test("a client that gets messages, but fewer than are put, is found, with what went wrong before", () =>
  inVirtualTime(async () => {
    const slow: Role = {
      turns: 1,
      async use({ pace }, log) {
        // One message for the ten turns of a check.
        while (await pace.turn()) if (log.put++ % 10 === 0) log.right++;
      },
    };
    const broken: Role = { turns: 1, use: () => Promise.reject(new Error("broken")) };
    const findings = await withinLimit(1000, async (run) => {
      const server = new CountingServer();
      const roles = new RunningRoles({ "slow": slow, "broken": broken }, ADDRESSES, run);
      const stepping = () => sampled(server, LENGTH, steps(roles), run);
      const { message } = await assertRejects(stepping, StuckError);
      assertEquals(message, "stuck: slow at 1000 ms; wrong: Error: broken");
      assertEquals(server.passed, 950);
      return [];
    });
    assertEquals(findings, []);
  }));

Deno.test("a run that is called off ends the steps at once, and tells which client they waited for", () =>
  inVirtualTime(async () => {
    let stepping: Promise<unknown> | undefined;
    const findings = await withinLimit(10, async (run) => {
      const roles = new RunningRoles({ "one": client(1), "other": client(1, 1) }, ADDRESSES, run);
      stepping = sampled(new CountingServer(), LENGTH, steps(roles), run);
      await stepping;
      return [];
    });
    await assertRejects(() => stepping!, DOMException, "aborted");
    const seen = "waited for other at 500 ms";
    assertEquals(findings, [{ what: "limit of 10 s passed", seen, good: false }]);
  }));
