/**
 * An attacker without a token, from its own address: it opens connections, and sends what no honest client would.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import { clientFrame, upgradeRequest } from "../support/raw_socket.ts";
import { sleep } from "./sleep.ts";

/** The headers of a web page's handshake. */
export const OFFERED = "Sec-WebSocket-Protocol: dsmq";

/** How many bytes attackers have sent, and connections they have opened. */
export const sent = { bytes: 0, connections: 0 };

/** One connection of an attacker. It discards what it receives, as fast as it arrives. */
export class Attacker {
  readonly #socket: Socket;
  /** Resolves once it is gone. */
  readonly gone: Promise<void>;
  #isGone = false;
  /** The first bytes that it receives, and then every text and close. */
  received = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isGone = true;
        resolve();
      });
    });
    // The close event that follows says enough.
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (this.received.length < 1000) {
        this.received += String.fromCharCode(...data.subarray(0, 1000));
      }
    });
  }

  /** Connects from a loopback address, and is accepted or not. */
  static open(
    port: number,
    { from = "127.0.0.1", headers = [OFFERED] }: {
      readonly from?: string;
      readonly headers?: readonly string[];
    } = {},
  ): Promise<Attacker> {
    sent.connections++;
    return new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: from });
      const attacker = new Attacker(socket);
      socket.write(upgradeRequest(...headers));
      socket.once("data", () => resolve(attacker));
      void attacker.gone.then(() => resolve(attacker));
    });
  }

  /** It was closed. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Sends bytes; resolves once the system has taken them, or the connection is gone. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.#isGone) return;
    sent.bytes += bytes.length;
    const written = new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
    await Promise.race([written, this.gone]);
  }

  /** Sends a text. */
  async sendText(text: string): Promise<void> {
    await this.send(clientFrame(1, text));
  }

  /** Disconnects. */
  cut(): void {
    this.#socket.destroy();
  }
}

/** Repeats something on this many connections, for this long in milliseconds. */
export async function repeat(
  attackers: number,
  ms: number,
  act: (i: number) => Promise<void>,
): Promise<void> {
  const end = performance.now() + ms;
  await Promise.all(Array.from({ length: attackers }, async (_, i) => {
    while (performance.now() < end) {
      await act(i);
      await sleep(0);
    }
  }));
}

/**
 * Honest browsers: each opens a connection, sends hello with a valid token a second later, and waits for the reply.
 *
 * @param port where
 * @param count how many, a tenth of a second apart
 * @returns how many were answered
 */
export async function honestBrowsers(port: number, count: number): Promise<number> {
  let answered = 0;
  await Promise.all(Array.from({ length: count }, async (_, i) => {
    await sleep(100 * i);
    const page = await Attacker.open(port, { from: `127.9.9.${1 + i % 5}` });
    await sleep(1000);
    await page.sendText('{"action":"hello","id":1,"token":"good"}');
    for (
      let waited = 0;
      waited < 50 && !page.received.includes('"start":') && !page.isGone;
      waited++
    ) {
      await sleep(20);
    }
    if (page.received.includes('"start":')) answered++;
    page.cut();
  }));
  return answered;
}
