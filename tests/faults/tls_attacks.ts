/**
 * Attacks over TLS: new keys again and again, records that come slowly, handshakes as fast as possible, and floods.
 * Beside them an honest neighbour, who must not notice.
 *
 * ```sh
 * deno run -A tests/faults/tls_attacks.ts builtin|hardened [PART_OF_A_NAME | 1/2]
 * ```
 *
 * It takes about 70 s, and needs `openssl`.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { clientFrame } from "../support/raw_socket.ts";
import { ROOT } from "../support/program.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sleep } from "./sleep.ts";
import { SlowRecords } from "./slow_records.ts";
import { CERTIFICATE, CERTIFICATE_FILE, TlsClient } from "./tls_client.ts";
import { FLOOD, type PlatformLimit, WHOLE_FRAMES } from "./platform_limits.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** How long an attack lasts, in milliseconds. */
const DURATION = 3000;

/** The memory of a connection for TLS, in bytes: a partial record in each direction. */
const RECORDS = 2 * 16 * 1024;

const key = Deno.readTextFileSync(new URL("tests/fixtures/localhost_key.pem", ROOT));

/** Programs of `openssl` that send the same command again and again, and reconnect when they are disconnected. */
async function words(port: number, count: number, version: string, word: string): Promise<string> {
  const end = performance.now() + DURATION;
  let [connectionCount, handshakes] = [0, 0];
  await Promise.all(Array.from({ length: count }, async () => {
    while (performance.now() < end) {
      const child = new Deno.Command("openssl", {
        args: ["s_client", "-connect", `127.0.0.1:${port}`, version],
        ...{ stdin: "piped", stdout: "null", stderr: "null" },
      }).spawn();
      connectionCount++;
      let ended = false;
      void child.status.then(() => ended = true);
      const writer = child.stdin.getWriter();
      await sleep(30);
      while (!ended && performance.now() < end) {
        if (!await writer.write(new TextEncoder().encode(word)).then(() => true, () => false)) {
          break;
        }
        handshakes++;
        await sleep(1);
      }
      try {
        child.kill();
      } catch {
        // It has ended.
      }
      await writer.close().catch(() => {});
      await child.status;
    }
  }));
  return `${connectionCount} connections, ${handshakes} times`;
}

function trial(
  name: string,
  connections: number,
  act: (port: number, stack: DisposableStack) => Promise<string>,
  builtin?: PlatformLimit,
): AttackRun {
  return {
    name,
    options: { cert: CERTIFICATE, key, limits: MEMORY_LIMITS },
    memory: maxMemory(connections) + connections * RECORDS,
    builtin,
    async attack({ port }, stack) {
      TlsClient.sent = 0;
      const seen = await act(port, stack);
      return { connections, bytes: TlsClient.sent, seen };
    },
  };
}

/** This many connections send the same block as often as they can. */
function flood(
  name: string,
  connections: number,
  frame: Uint8Array,
  stated: PlatformLimit = FLOOD,
): AttackRun {
  const times = Math.max(1, Math.floor(64 * 1024 / frame.length));
  const block = new Uint8Array(times * frame.length);
  for (let i = 0; i < times; i++) block.set(frame, i * frame.length);
  return trial(`${name}, of ${connections}`, connections, async (port) => {
    const end = performance.now() + DURATION;
    let connectionCount = 0;
    await Promise.all(Array.from({ length: connections }, async () => {
      while (performance.now() < end) {
        try {
          using one = await TlsClient.open(port, true);
          const timer = setTimeout(() => one[Symbol.dispose](), end - performance.now());
          connectionCount++;
          try {
            while (performance.now() < end) await one.send(block);
          } finally {
            clearTimeout(timer);
          }
        } catch {
          await sleep(10);
        }
      }
    }));
    return `${connectionCount} came`;
  }, stated);
}

async function opened(
  port: number,
  count: number,
  stack: DisposableStack,
  open: (port: number) => Promise<TlsClient>,
): Promise<TlsClient[]> {
  const all: TlsClient[] = [];
  let remaining = count;
  await Promise.all(Array.from({ length: 50 }, async () => {
    while (remaining-- > 0) {
      const one = await open(port).catch(() => undefined);
      if (one) all.push(stack.use(one));
    }
  }));
  return all;
}

const PART = clientFrame(1, new Uint8Array(2_900_000)).subarray(0, 2_890_000);
const GETS = clientFrame(
  1,
  JSON.stringify(
    Array.from({ length: 3000 }, (_, id) => ({
      ...{ action: "get", id, topic: "neighbour", since: "start" },
    })),
  ),
);
const PUT = clientFrame(1, '{"action":"put","topic":"t","message":"m"}');

const TRIALS: readonly AttackRun[] = [
  trial("renegotiations of TLS 1.2", 8, (port) => words(port, 8, "-tls1_2", "R\n")),
  trial("key updates of TLS 1.3", 8, (port) => words(port, 8, "-tls1_3", "K\n")),
  trial("handshakes as fast as possible, 50 at a time", 50, async (port) => {
    const end = performance.now() + DURATION;
    let connectionCount = 0;
    await Promise.all(Array.from({ length: 50 }, async () => {
      while (performance.now() < end) {
        try {
          using _one = await TlsClient.connect(port);
          connectionCount++;
        } catch {
          await sleep(10);
        }
      }
    }));
    return `${connectionCount} handshakes`;
  }),
  trial("handshakes without a request", 1500, async (port, stack) => {
    const all = await opened(port, 1500, stack, TlsClient.connect);
    await sleep(DURATION);
    return `${all.length} came`;
  }),
  trial("records of 16 KiB without their last byte", 500, async (port, stack) => {
    const slowRecords = stack.use(new SlowRecords(port));
    const all = await opened(slowRecords.port, 500, stack, (port) => TlsClient.open(port, true));
    slowRecords.withholding = true;
    await Promise.all(all.map((one) => one.send(PART.subarray(0, 16_000)).catch(() => {})));
    await sleep(DURATION);
    return `${all.length} came`;
  }),
  flood("empty frames", 1, clientFrame(1)),
  flood("empty frames", 8, clientFrame(1)),
  flood("pings", 8, clientFrame(9, "p")),
  flood("puts", 8, PUT),
  trial(
    "incomplete frames of 2.9 MB",
    100,
    async (port, stack) => {
      const all = await opened(port, 100, stack, (port) => TlsClient.open(port, true));
      await Promise.all(all.map((one) => one.send(PART).catch(() => {})));
      await sleep(DURATION);
      return `${all.length} came`;
    },
    WHOLE_FRAMES,
  ),
  trial("unread replies", 300, async (port, stack) => {
    const all = await opened(port, 300, stack, (port) => TlsClient.open(port, false));
    const handshakes = Promise.all(all.map(async (one) => {
      for (let i = 0; i < 10; i++) await one.send(GETS).catch(() => {});
    }));
    await Promise.race([handshakes, sleep(2 * DURATION)]);
    await sleep(DURATION);
    return `${all.length} came`;
  }, WHOLE_FRAMES),
];

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  // The neighbour trusts it.
  Deno.env.set("DENO_CERT", CERTIFICATE_FILE.pathname);
  await runAttacks("Attacks over TLS", transport as TransportChoice, TRIALS, which);
}
