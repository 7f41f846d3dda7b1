/**
 * One POST at a time, beside a server that only reads bodies and answers.
 *
 * @module
 */

import { timeSequentially } from "../../cli/measure/calls.ts";
import { median } from "../../cli/measure/quantiles.ts";
import { inTurn } from "../bench.ts";
import { MESSAGE } from "../client_calls.ts";
import type { Running } from "../processes.ts";
import { column, type HttpScenario, sample, startBaseline } from "./http_scenario.ts";
import { HttpSocket, postRequest } from "./http_socket.ts";

/** Calls in a row, before the other server has its turn. */
const BLOCK = 200;
const WARM_UP = 20;
const ROUNDS = 80;

const REQUEST = postRequest("/topics/one", "text/plain", MESSAGE);

/** Latency, and CPU time. */
export const onePost: HttpScenario = {
  name: "post",
  async run(processes) {
    const [server, baseline] = [await processes.startDsmq(), await startBaseline(processes)];
    using ours = await HttpSocket.open(server.port);
    using theirs = await HttpSocket.open(baseline.port);
    await processes.keepAwake();
    const block = (running: Running, socket: HttpSocket) => () =>
      sample(
        running,
        BLOCK,
        async () => 1000 * median(await timeSequentially(BLOCK, () => post(socket))),
      );
    const found = await inTurn(
      { ours: block(server, ours), theirs: block(baseline, theirs) },
      WARM_UP,
      ROUNDS,
      true,
    );
    const row = (what: string, of: "value" | "cpu") => ({
      work: `one POST of 64 B, ${what}`,
      against: "Deno.serve that reads a body and answers JSON",
      unit: "µs",
      ours: column(found.ours, of),
      theirs: column(found.theirs, of),
      by: "ratio" as const,
    });
    return [
      { ...row("p50", "value"), goal: { atMost: 1.25 } },
      row("CPU of the server", "cpu"),
    ];
  },
};

async function post(socket: HttpSocket): Promise<void> {
  const { status } = await socket.call(REQUEST);
  if (status !== 201) throw new Error(`a POST was answered with status ${status}`);
}
