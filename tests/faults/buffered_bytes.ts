/**
 * Attackers that make the server buffer bytes: of frames and requests that never complete, and of replies that they
 * never read. Beside them an honest neighbour, who must not notice. Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/buffered_bytes.ts [builtin|hardened] [PART_OF_A_NAME|K/N]
 * ```
 *
 * It takes about 100 s; 1/2 and 2/2 take half of that each.
 *
 * @module
 */

import { connect } from "../../client.ts";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { repeated } from "../support/bytes.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sleep } from "./sleep.ts";
import { MIB } from "./report.ts";
import { FLOOD, PARTIAL_REQUESTS, type PlatformLimit, WHOLE_FRAMES } from "./platform_limits.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** How long an attack goes on once all has been sent, in milliseconds. */
const GOES_ON = 4000;

/** This many act at a time: more is a flood of connections, which is another attack. */
const TOGETHER = 50;

/** One way to fill buffers. */
interface Attack {
  readonly connections: number;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: PlatformLimit;
  /** It is accepted before it acts. */
  readonly joins?: true;
  /** What one of the connections does. */
  act(attacker: BufferingAttacker): Promise<void>;
  /** What follows once all have acted. */
  then?(port: number): Promise<void>;
}

/** One connection that sends, until the other end has had enough. */
class BufferingAttacker {
  readonly #client: RawSocket;
  sent = 0;

  constructor(client: RawSocket) {
    this.#client = client;
    // Bytes that are sent alone arrive alone.
    client.conn.setNoDelay?.(true);
  }

  async sends(...parts: readonly (string | Uint8Array)[]): Promise<void> {
    try {
      for (const part of parts) {
        await this.#client.send(part);
        this.sent += part.length;
      }
    } catch {
      // It was disconnected.
    }
  }

  cut(): void {
    this.#client.cut();
  }
}

const request = (request: unknown) => clientFrame(1, JSON.stringify(request));
const PART = clientFrame(1, new Uint8Array(2_900_000)).subarray(0, 2_890_000);
const FIRST = clientFrame(1, "x", { final: false });
const PIECES = repeated(clientFrame(0, "x", { final: false }), 1000);
const LARGE_PIECE = clientFrame(0, new Uint8Array(MIB), { final: false });
const HEADERS = upgradeRequest().slice(0, -2) + `X-Long: ${"x".repeat(1000)}\r\n`.repeat(70);
const GET_LARGE = request({ action: "get", id: 1, topic: "large", since: "start" });
const GET_LATEST = request({ action: "get_latest", id: 1, topic: "large", since: "start" });
const WAIT = request({ action: "get_wait", id: 1, topic: "awaited", timeout: 60_000 });
const GET_MANY = request(
  Array.from(
    { length: 3000 },
    (_, id) => ({ action: "get", id, topic: "neighbour", since: "start" }),
  ),
);
const SUBSCRIBE = request({
  ...{ action: "subscribe", id: 1, topic: "fan-out" },
  ...{ messages: 1000, bytes: 100_000_000 },
});
const GETS = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3000);

/** By name. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  "incomplete frames of 2.9 MB": {
    connections: 300,
    builtin: WHOLE_FRAMES,
    joins: true,
    act: (attacker) => attacker.sends(PART),
  },
  "a frame byte by byte": {
    connections: 200,
    joins: true,
    async act(attacker) {
      await attacker.sends(PART.subarray(0, 14));
      for (let i = 0; i < 1000; i++) {
        await attacker.sends(PART.subarray(20, 21));
        await sleep(1);
      }
    },
  },
  "1,000 one-byte fragments without an end": {
    connections: 500,
    builtin: FLOOD,
    joins: true,
    act: (attacker) => attacker.sends(FIRST, PIECES),
  },
  "fragments of a MiB without an end": {
    connections: 20,
    builtin: WHOLE_FRAMES,
    joins: true,
    act: (attacker) => attacker.sends(FIRST, ...Array(20).fill(LARGE_PIECE)),
  },
  "70 kB of incomplete headers": {
    connections: 2000,
    builtin: PARTIAL_REQUESTS,
    act: (attacker) => attacker.sends(HEADERS),
  },
  "silent connections": {
    connections: 8000,
    act: () => Promise.resolve(),
  },
  "unread replies of 1 MB": {
    connections: 500,
    joins: true,
    act: (attacker) => attacker.sends(GET_LARGE),
  },
  "unread replies of 100 bytes, without an end": {
    connections: 500,
    builtin: WHOLE_FRAMES,
    joins: true,
    act: (attacker) => attacker.sends(...Array(10).fill(GET_MANY)),
  },
  "a message of 1 MB to each of many that do not read": {
    connections: 500,
    joins: true,
    act: (attacker) => attacker.sends(SUBSCRIBE),
    then: (port) => putLarge(port, "fan-out"),
  },
  "a message of 1 MB that many wait for and do not read": {
    connections: 500,
    joins: true,
    act: (attacker) => attacker.sends(WAIT),
    then: (port) => putLarge(port, "awaited"),
  },
  "the newest message of 1 MB, unread": {
    connections: 500,
    joins: true,
    act: (attacker) => attacker.sends(GET_LATEST),
  },
  "slow bodies of POST": {
    connections: 500,
    async act(attacker) {
      await attacker.sends(
        "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n",
      );
      for (let i = 0; i < 10; i++) {
        await attacker.sends("x".repeat(1000));
        await sleep(100);
      }
    },
  },
  "3,000 HTTP requests at once, with unread responses": {
    connections: 50,
    act: (attacker) => attacker.sends(GETS),
  },
};

/** Puts a message of nearly 1 MB. */
async function putLarge(port: number, topic: string): Promise<void> {
  await using mq = await connect(`ws://127.0.0.1:${port}`);
  await mq.put(topic, "x".repeat(990_000));
}

function trial(name: string, { connections, builtin, joins, act, then }: Attack): AttackRun {
  return {
    name,
    options: { limits: MEMORY_LIMITS },
    memory: maxMemory(connections),
    builtin,
    prepare: ({ port }) => putLarge(port, "large"),
    async attack({ port }, stack) {
      let [remaining, bytes] = [connections, 0];
      await Promise.all(Array.from({ length: TOGETHER }, async () => {
        while (remaining-- > 0) {
          const opening = joins ? RawSocket.open(port) : RawSocket.connect(port);
          const attacker = await opening.then(
            (client) => new BufferingAttacker(client),
            () => undefined,
          );
          // It was not accepted.
          if (!attacker) continue;
          stack.defer(() => attacker.cut());
          await act(attacker);
          bytes += attacker.sent;
        }
      }));
      await then?.(port);
      await sleep(GOES_ON);
      return { connections, bytes };
    },
  };
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const trials = Object.entries(ATTACKS).map(([name, attack]) => trial(name, attack));
  await runAttacks("Buffered bytes", transport as TransportChoice, trials, which);
  Deno.exit();
}
