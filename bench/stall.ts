/**
 * Measures the latency of larger messages with Deno's own WebSocket, with workarounds for its stall, and with ours.
 *
 * Deno's own writes the header and the payload of a message above 1,024 bytes separately and leaves Nagle's algorithm on;
 * `client/deno/deno_socket.ts` says more. A `put` goes to a dsmq server on this machine, once directly, and once through a
 * proxy that delays each direction by ten milliseconds. The proxy runs on this machine and acknowledges at once, so the
 * time of an acknowledgement over a real network is not included.
 *
 * Run it with `deno task bench:stall`; with `--save` it also writes `bench/stall.md`. It is the canary for
 * `client/deno/`, too: its last line says whether Deno still needs that folder, and it ends with code 3 once it does
 * not. `bench/deno_websocket_report.md` is the report for the Deno project.
 *
 * @module
 */

import { WebSocket as Ws } from "ws";
import type { Socket } from "../client.ts";
import { denoNet } from "../client/deno/socket_opening.ts";
import { DenoSocket } from "../client/deno/deno_socket.ts";
import { timeSequentially } from "../cli/measure/calls.ts";
import { Progress } from "../cli/measure/progress.ts";
import { median, quantile } from "../cli/measure/quantiles.ts";
import { formatFigure, formatMarkdownTable } from "../cli/measure/table.ts";
import { saveReport } from "./machine.ts";
import { Processes, retryUntilReady } from "./processes.ts";
import { judgeStall } from "./stall_verdict.ts";

const SIZES = [64, 1_100, 8_000, 60_000];
const ROUNDS = 5;
/** Calls in a row, and the delay of the proxy in each direction, in milliseconds. */
const BLOCK = 10;
const DELAY = 10;

type Send = (text: string) => void;

/** A tiny request that the server answers at once, with an id that no other request has. */
const TINY = '{"action":"cancel","id":0,"wait":0}';

const DENO = "Deno's own";
const OURS = "ours";

/** How to open a socket and how to send with it. */
const SOCKETS: Readonly<Record<string, { dial(url: string): Socket; via?(send: Send): Send }>> = {
  [DENO]: { dial: (url) => new WebSocket(url) },
  "Deno's own, behind a tiny request": {
    dial: (url) => new WebSocket(url),
    via: (send) => (text) => {
      send(TINY);
      send(text);
    },
  },
  "npm:ws": { dial: (url) => new Ws(url, { perMessageDeflate: false }) as unknown as Socket },
  [OURS]: { dial: (url) => new DenoSocket(denoNet()!, url, []) },
};

/** Puts over a raw socket. */
class Putter {
  readonly #socket: Socket;
  readonly #send: Send;
  #onReply: () => void = () => {};
  #id = 0;

  private constructor(socket: Socket, via: (send: Send) => Send = (send) => send) {
    this.#socket = socket;
    this.#send = via((text) => socket.send(text));
    socket.onmessage = ({ data }) => JSON.parse(data as string).id === this.#id && this.#onReply();
  }

  static open(socket: Socket, via?: (send: Send) => Send): Promise<Putter> {
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new Putter(socket, via));
      socket.onerror = () => reject(new Error("the server does not answer"));
    });
  }

  put(body: string): Promise<void> {
    return new Promise((resolve) => {
      this.#onReply = resolve;
      this.#send(JSON.stringify({ action: "put", id: ++this.#id, topic: "t", body }));
    });
  }

  close(): void {
    this.#socket.close();
  }
}

await using processes = new Processes();
const { port } = await processes.startDsmq();
await retryUntilReady(async () => (await Deno.connect({ port })).close());
const proxy = delayingProxy(port);
const HERE = "on this machine";
const targets = { [HERE]: port, [`${2 * DELAY} ms there and back`]: proxy.port };

const progress = new Progress(Object.keys(targets).length * SIZES.length);
const rows: string[][] = [];
/** Medians on this machine, by the way in which they were sent. */
const medians = new Map<string, readonly number[]>();
for (const [place, port] of Object.entries(targets)) {
  const putters = await Promise.all(
    Object.entries(SOCKETS).map(async ([name, { dial, via }]) => ({
      name,
      putter: await Putter.open(dial(`ws://127.0.0.1:${port}/`), via),
      times: SIZES.map((): number[] => []),
    })),
  );
  for (const [i, size] of SIZES.entries()) {
    progress.step(`${size} B, ${place}`);
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { putter, times } of putters) {
        const found = await timeSequentially(BLOCK, () => putter.put("m".repeat(size)));
        if (round > 0) times[i]!.push(...found);
      }
    }
  }
  for (const { name, putter, times } of putters) {
    rows.push([place, name, ...times.map((of) => `${ms(median(of))} / ${ms(quantile(of, 0.99))}`)]);
    if (place === HERE) medians.set(name, times.map(median));
    putter.close();
  }
}
progress.end();
proxy.close();

const report = [
  formatMarkdownTable(["", "sent with", ...SIZES.map((size) => `${size} B`)], rows),
  "",
  "One `put` and its answer, p50 / p99, in milliseconds.",
].join("\n");
console.log(report);
if (Deno.args.includes("--save")) {
  await saveReport("stall", "Larger messages", "deno task bench:stall --save", report);
}
const larger = (name: string) => medians.get(name)!.filter((_, i) => SIZES[i]! > 1024);
const verdict = judgeStall(
  { deno: larger(DENO), ours: larger(OURS) },
  Deno.version.deno,
);
console.log(`\n${verdict.sentence}`);
Deno.exitCode = verdict.exitCode;

function ms(value: number): string {
  return formatFigure(value);
}

/** Forwards everything with a delay. */
function delayingProxy(to: number): { readonly port: number; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const near of listener) {
      const far = await Deno.connect({ port: to });
      for (const conn of [near, far]) conn.setNoDelay(true);
      void forward(near, far);
      void forward(far, near);
    }
  })();
  return { port: listener.addr.port, close: () => listener.close() };
}

async function forward(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  let last: Promise<void> = Promise.resolve();
  try {
    for await (const bytes of from.readable) {
      const due = new Promise((resolve) => setTimeout(resolve, DELAY));
      last = Promise.all([last, due]).then(() => writeBytes(to, bytes)).catch(() => {});
    }
  } catch {
    // Cut off; the other direction will be, too.
  }
  await last;
  try {
    to.close();
  } catch {
    // The other direction has closed it.
  }
}

async function writeBytes(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}
