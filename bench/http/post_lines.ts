/**
 * A thousand messages in each POST, beside puts over a WebSocket.
 *
 * @module
 */

import { measureRate } from "../../cli/measure/calls.ts";
import { connectTo, inTurn } from "../bench.ts";
import { MESSAGE } from "../client_calls.ts";
import { column, type HttpScenario, sample } from "./http_scenario.ts";
import { HttpSocket, postRequest } from "./http_socket.ts";

/** The messages of a request. */
const LINES = 1_000;
/** The messages of a round. */
const COUNT = 100_000;
/** How many puts are in flight over the WebSocket. */
const WINDOW = 1024;
const WARM_UP = 4;
const ROUNDS = 15;

const REQUEST = postRequest(
  "/topics/lines",
  "application/x-ndjson",
  `"${MESSAGE}"\n`.repeat(LINES),
);

/** Throughput, and CPU time. */
export const postLines: HttpScenario = {
  name: "lines",
  async run(processes) {
    const server = await processes.startDsmq("--retention", "10s");
    await using client = await connectTo(server);
    using socket = await HttpSocket.open(server.port);
    await processes.touchMemory(0.5);
    const found = await inTurn(
      {
        ours: () => sample(server, COUNT, () => measureRate(COUNT / LINES, 1, () => post(socket))),
        theirs: () =>
          sample(
            server,
            COUNT,
            () => measureRate(COUNT, WINDOW, () => client.put("puts", MESSAGE)),
          ),
      },
      WARM_UP,
      ROUNDS,
      true,
    );
    const row = {
      work: `POST of ${LINES} lines of 64 B, one at a time`,
      against: `puts over the WebSocket, ${WINDOW} in flight`,
      by: "ratio" as const,
    };
    return [{
      ...row,
      unit: "messages a second",
      ours: column(found.ours, "value").map((perSecond) => perSecond * LINES),
      theirs: column(found.theirs, "value"),
      goal: { atLeast: 0.5 },
    }, {
      ...row,
      work: `${row.work}, CPU of the server`,
      unit: "µs a message",
      ours: column(found.ours, "cpu"),
      theirs: column(found.theirs, "cpu"),
    }];
  },
};

async function post(socket: HttpSocket): Promise<void> {
  const { status } = await socket.call(REQUEST);
  if (status !== 200) throw new Error(`a POST was answered with status ${status}`);
}
