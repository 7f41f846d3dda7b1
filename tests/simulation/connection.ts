/**
 * A simulated connection: a WebSocket for the client, a peer for the server, and what is between them.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { CLOSE_CODE } from "../../protocol/websocket.ts";
import { BasePeer } from "../../transports/base_peer.ts";
import { handshakeFailed, type Peer, type PeerEvents } from "../../transports/peer.ts";
import type { PortContext } from "../../transports/port_context.ts";
import type { Random } from "../../testing/seeded.ts";
import type { Host, Weather } from "./network.ts";
import { Pipe } from "./pipe.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** How many bytes a close frame takes, about. */
const CLOSE_BYTES = 8;

/** When an end of a cut connection learns of it, in milliseconds; `Infinity`: never, other than by silence. */
export interface Notices {
  readonly client: number;
  readonly server: number;
}

/** A connection from the attempt to its end. */
export class SimulatedConnection {
  readonly client: Process;
  readonly server: Process;
  /** For the client. */
  readonly socket: Socket;
  readonly #world: World;
  readonly #random: Random;
  readonly #up: Pipe;
  readonly #down: Pipe;
  /** When the next frame of each direction is lost, with the connection. */
  #framesLeft: { up: number; down: number };
  #clientState: "opening" | "open" | "closing" | "closed" = "opening";
  #peer: SimulatedPeer | undefined;
  #isCut = false;

  /** Begins an attempt to connect to what listens at an address now. */
  constructor(
    world: World,
    random: Random,
    client: Process,
    { process, context, address }: Host,
    protocols: readonly string[],
    { delay, framesUp = Infinity, framesDown = Infinity }: Weather,
  ) {
    this.client = client;
    this.server = process;
    this.#world = world;
    this.#random = random;
    this.#up = new Pipe(world, random, delay);
    this.#down = new Pipe(world, random, delay);
    this.#framesLeft = { up: framesUp, down: framesDown };
    this.socket = {
      send: (frame) => this.#sendUp(frame),
      close: (code = CLOSE_CODE.normal) => this.#clientCloses(code),
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
    };
    const request = new Request(`http://${address}/`, {
      headers: {
        host: address,
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-protocol": protocols.join(", "),
      },
    });
    client.onDeath(() => this.#processEnds("client"));
    process.onDeath(() => this.#processEnds("server"));
    this.#up.send(process, request.url.length, () => void this.#accept(request, context));
  }

  /** Whether nothing passes any more. */
  get isOver(): boolean {
    return this.#isCut || this.#clientState === "closed";
  }

  /**
   * Cuts it: some of what is on its way may still arrive.
   *
   * @param notices when each end learns of it
   * @param losesAnswers nothing of what the server has sent arrives, and all of what the client has sent
   */
  cut(notices: Notices, losesAnswers = false): void {
    if (this.#isCut) return;
    this.#isCut = true;
    if (!losesAnswers) this.#up.lose(false);
    this.#down.lose(losesAnswers);
    const { delay } = this.#up;
    if (notices.client < Infinity) {
      const told = () => this.#endClient(CLOSE_CODE.abnormal, "");
      this.#world.schedule(this.client, delay + notices.client, "input", told);
    }
    if (notices.server < Infinity) {
      this.#world.schedule(this.server, delay + notices.server, "input", () => this.#endServer());
    }
  }

  /** From now on one direction loses everything, and no end is told. */
  deafen(direction: "up" | "down"): void {
    (direction === "up" ? this.#up : this.#down).lose(false);
  }

  async #accept(request: Request, context: PortContext): Promise<void> {
    const verdict = await context.handler.admit(request, "127.0.0.1");
    if (verdict instanceof Response) {
      const refused = () => this.#endClient(CLOSE_CODE.abnormal, "");
      return this.#down.send(this.client, CLOSE_BYTES, refused);
    }
    if (this.#isCut || this.#clientState !== "opening") return handshakeFailed(verdict);
    const frames: PeerFrames = {
      unread: () => this.#down.bytes,
      send: (frame) => this.#sendDown(frame),
      close: (code, reason) => this.#sendCloseDown(code, reason),
      terminate: () => {
        this.cut({ client: 0, server: 0 });
        this.#endServer();
      },
    };
    this.#peer = new SimulatedPeer(verdict, context, frames);
    this.#peer.opened();
    this.#down.send(this.client, CLOSE_BYTES, () => {
      if (this.#clientState !== "opening") return;
      this.#clientState = "open";
      this.#dispatch("onopen", {});
    });
  }

  #sendUp(frame: string): void {
    if (this.#clientState !== "open") return;
    this.#up.send(this.server, frame.length, () => this.#peer?.received(frame));
    if (--this.#framesLeft.up <= 0) this.#cutNow(false);
  }

  #sendDown(frame: string): void {
    this.#down.send(this.client, frame.length, () => {
      if (this.#clientState === "closed") return;
      this.#dispatch("onmessage", { data: frame });
    });
    // The answer itself may be what is lost.
    if (--this.#framesLeft.down <= 0) this.#cutNow(this.#random(2) === 0);
  }

  #cutNow(losesAnswers: boolean): void {
    this.cut({ client: this.#random(50), server: this.#random(200) }, losesAnswers);
  }

  #clientCloses(code: number): void {
    if (this.#clientState === "opening") {
      this.#isCut = true;
      this.#up.lose(true);
      this.client.run(() => this.#endClient(CLOSE_CODE.abnormal, ""));
      return;
    }
    if (this.#clientState !== "open") return;
    this.#clientState = "closing";
    this.#up.send(this.server, CLOSE_BYTES, () => {
      this.#peer?.closeReceived(code);
      this.#endServer();
    });
  }

  /** The server sends a close frame: the first one, or its answer to one. */
  #sendCloseDown(code: number, reason: string): void {
    this.#down.send(this.client, CLOSE_BYTES, () => {
      if (this.#clientState === "closed") return;
      this.#up.send(this.server, CLOSE_BYTES, () => this.#endServer());
      this.#endClient(code, reason);
    });
  }

  #endClient(code: number, reason: string): void {
    if (this.#clientState === "closed") return;
    this.#clientState = "closed";
    this.#dispatch("onclose", { code, reason, wasClean: code !== CLOSE_CODE.abnormal });
  }

  #endServer(): void {
    this.#peer?.ended();
  }

  /** A process has died. What it has sent may still arrive; mostly its system tells the other end. */
  #processEnds(side: "client" | "server"): void {
    if (this.isOver) return;
    const told = this.#random(8) === 0 ? Infinity : 0;
    this.cut(side === "client" ? { client: Infinity, server: told } : { client: told, server: 0 });
  }

  #dispatch<H extends "onopen" | "onmessage" | "onclose">(
    handler: H,
    event: Parameters<NonNullable<Socket[H]>>[0],
  ): void {
    (this.socket[handler] as ((event: unknown) => void) | null)?.call(this.socket, event);
  }
}

/** What a peer needs of its connection. */
interface PeerFrames {
  unread(): number;
  send(frame: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** What the server sees. */
class SimulatedPeer extends BasePeer {
  readonly #frames: PeerFrames;
  #isReading = true;
  #hasClosed = false;

  constructor(
    onConnected: (peer: Peer) => PeerEvents,
    context: PortContext,
    frames: PeerFrames,
  ) {
    super(onConnected, context, "127.0.0.1");
    this.#frames = frames;
  }

  /** The client is told that it is connected. */
  opened(): void {
    this.onOpen();
  }

  /** A frame has arrived. */
  received(frame: string): void {
    if (this.#isReading) this.onFrame(frame);
  }

  /** A close frame has arrived. */
  closeReceived(code: number): void {
    this.sendClose(code, "");
  }

  /** The connection is closed. */
  ended(): void {
    this.#isReading = false;
    this.onClose();
  }

  protected override measureUnread(): number {
    return this.#frames.unread();
  }

  protected override transmit(frame: string): void {
    if (!this.#hasClosed) this.#frames.send(frame);
  }

  protected override sendClose(code: number, reason: string): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#frames.close(code, reason);
  }

  protected override stopReading(): void {
    this.#isReading = false;
  }

  protected override terminate(): void {
    this.#frames.terminate();
  }
}
