/**
 * One who has no token, from an address of its own: it opens connections, and sends what no honest client would.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import { clientFrame, upgradeRequest } from "../support/bare_client.ts";
import { pause } from "./pause.ts";

/** What the handshake of a page says. */
export const OFFERED = "Sec-WebSocket-Protocol: dsmq";

/** How many bytes strangers have sent, and connections they have opened. */
export const sent = { bytes: 0, connections: 0 };

/** One connection of a stranger. What it is sent is thrown away, as fast as it comes. */
export class Stranger {
  readonly #socket: Socket;
  /** Resolves once it is gone. */
  readonly gone: Promise<void>;
  #isGone = false;
  /** The first that it hears, and then all that is a text or a close. */
  heard = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isGone = true;
        resolve();
      });
    });
    // The event that follows says enough.
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (this.heard.length < 1000) this.heard += String.fromCharCode(...data.subarray(0, 1000));
    });
  }

  /** Connects from an address of loopback, and is let in or not. */
  static open(
    port: number,
    { from = "127.0.0.1", headers = [OFFERED] }: {
      readonly from?: string;
      readonly headers?: readonly string[];
    } = {},
  ): Promise<Stranger> {
    sent.connections++;
    return new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: from });
      const stranger = new Stranger(socket);
      socket.write(upgradeRequest(...headers));
      socket.once("data", () => resolve(stranger));
      void stranger.gone.then(() => resolve(stranger));
    });
  }

  /** It was closed. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Sends bytes; resolves once the system took them, or it is gone. */
  async say(bytes: Uint8Array): Promise<void> {
    if (this.#isGone) return;
    sent.bytes += bytes.length;
    const written = new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
    await Promise.race([written, this.gone]);
  }

  /** Sends a text. */
  async tell(text: string): Promise<void> {
    await this.say(clientFrame(1, text));
  }

  /** Hangs up. */
  cut(): void {
    this.#socket.destroy();
  }
}

/** Has so many do something again and again, for so long (ms). */
export async function storm(
  strangers: number,
  ms: number,
  act: (i: number) => Promise<void>,
): Promise<void> {
  const end = performance.now() + ms;
  await Promise.all(Array.from({ length: strangers }, async (_, i) => {
    while (performance.now() < end) {
      await act(i);
      await pause(0);
    }
  }));
}

/**
 * Honest browsers: each opens a connection, says hello with a good token a second later, and wants to be answered.
 *
 * @param port where
 * @param count how many, a tenth of a second apart
 * @returns how many were answered
 */
export async function browsers(port: number, count: number): Promise<number> {
  let answered = 0;
  await Promise.all(Array.from({ length: count }, async (_, i) => {
    await pause(100 * i);
    const page = await Stranger.open(port, { from: `127.9.9.${1 + i % 5}` });
    await pause(1000);
    await page.tell('{"action":"hello","id":1,"token":"good"}');
    for (
      let waited = 0;
      waited < 50 && !page.heard.includes('"start":') && !page.isGone;
      waited++
    ) {
      await pause(20);
    }
    if (page.heard.includes('"start":')) answered++;
    page.cut();
  }));
  return answered;
}
