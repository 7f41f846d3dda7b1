import { assertEquals } from "@std/assert";
import { MIN_LEASE } from "../../protocol/group_limits.ts";
import { type ClientContext, SimulatedClient } from "./client.ts";
import { History } from "./history.ts";
import { Network } from "./network.ts";
import { SimulatedServer } from "./server.ts";
import { World } from "./world.ts";

/** How long a job takes, in milliseconds: much longer than the server is stopped. */
const LONG = 120_000;

for (const lease of [MIN_LEASE, 3000, 30_000]) {
  Deno.test(`a server that was stopped past all leases, and is woken, takes no job away: leases of ${lease} ms`, async () => {
    for (let seed = 1; seed <= 5; seed++) {
      using world = new World(seed);
      const history = new History(() => world.now);
      const around = { world, history, network: new Network(world), folder: "" };
      const server = new SimulatedServer("server", { store: "memory", retention: 600_000 }, around);
      const stats: unknown[] = [];
      const program = async (context: ClientContext) => {
        const mq = await context.connect();
        await mq.putMany("t", ["one", "two"]);
        // Its signal aborts while nobody renews the lease; but nobody else gets the job.
        const worker = mq.work("t", () => context.pause(LONG), { lease, concurrency: 2 });
        await context.pause(LONG + 10_000);
        stats.push(worker.stats);
        await worker.stop();
        await mq.close();
      };
      const plan = {
        name: "worker",
        program,
        heartbeatInterval: 10_000,
        addresses: () => ["server"],
      };
      const client = new SimulatedClient(plan, { isCalm: false, isOver: false }, around);
      server.start();
      client.start();
      await world.pass(10_000 + seed * 137);
      for (let i = 0; i < 3; i++) {
        server.process!.stop();
        await world.pass(20_000);
        server.process!.wake();
        await world.pass(10_000);
      }
      await world.until(() => client.isDone, LONG);
      assertEquals(stats, [{ running: 0, done: 2, retried: 0, dead: 0, lost: 0 }]);
      assertEquals(world.uncaught, []);
      server.kill();
      await server.cleanUp();
    }
  });
}
