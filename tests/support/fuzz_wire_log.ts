/**
 * What arrived at the clients of a fuzzer: with that a judge knows who knew what, and when.
 *
 * @module
 */

import type { FuzzConnection, FuzzNetwork } from "./fuzz_network.ts";

/** What one connection said of one topic, or of one stream. */
export interface Talk {
  readonly connection: FuzzConnection;
  readonly opening: number;
  /** When its first read was sent (ms). */
  readonly firstAsked: number;
  /** When the first of them was answered. */
  firstAnswered: number;
}

/** A gap that was told on the wire. */
export interface ToldGap {
  readonly connection: FuzzConnection;
  readonly topic: string;
  readonly code: string;
  readonly position: number | undefined;
  /** After which number reading goes on. */
  readonly through: number | undefined;
  readonly at: number;
  /** The id of the subscription that was told; none if a read was. */
  readonly stream: number | undefined;
  /** By a stream that was to begin at the connection's cursor. */
  readonly cursor: boolean;
  taken: boolean;
}

/** A message that arrived. */
export interface Arrival {
  readonly opening: number;
  readonly at: number;
  readonly step: number;
  /** The id of the read that it answers; none if a stream brought it. */
  readonly id: number | undefined;
}

/** A request to subscribe that was sent. */
export interface SubscribeSent {
  readonly id: number;
  readonly opening: number;
  readonly step: number;
  /** When it was sent (ms). */
  readonly at: number;
  /** When the answer came that says where it starts; never, if none came. */
  startedAt: number;
  /** After which number. */
  start: number;
}

/** What is known of one client. */
export interface ClientLog {
  /** Where it began: the opening, and the sequence number. */
  base: { readonly opening: number; readonly start: number } | undefined;
  /** The openings that have let it in. */
  readonly openings: Set<number>;
  /** When it was let in, and by which opening. */
  readonly hellos: { readonly at: number; readonly opening: number }[];
  /** Reads of a topic, connection by connection. */
  readonly talks: Map<string, Talk[]>;
  /** Messages, by their text; each time one came. */
  readonly arrivals: Map<string, Arrival[]>;
  readonly gaps: ToldGap[];
  /** Requests to subscribe to a topic, in order. */
  readonly subscriptions: Map<string, SubscribeSent[]>;
  readonly heard: Map<FuzzConnection, number>;
}

interface Said {
  readonly action?: string;
  readonly id?: number;
  readonly topic?: string;
  readonly since?: unknown;
  readonly sub?: number;
  readonly start?: number;
  readonly through?: number;
  readonly epoch?: string;
  readonly time?: number;
  readonly heartbeat?: number;
  readonly message?: string;
  readonly messages?: readonly string[];
  readonly error?: { readonly code: string; readonly position?: number };
}

const READS = new Set(["get", "get_latest", "get_wait"]);

/** Whether a request finds the connection's cursor of a topic. */
function isAtCursor({ action = "", since }: Said): boolean {
  return READS.has(action) || action === "subscribe" && since === undefined;
}

/** Listens to a network. */
export class WireLog {
  readonly clients: Map<string, ClientLog> = new Map();
  /** All that was said, for one who looks for a fault. */
  readonly lines: string[] = [];
  readonly #network: FuzzNetwork;
  readonly #asked = new Map<FuzzConnection, Map<number, Said>>();
  readonly #begin: number;

  /** Listens from now on; `keeps` all that is said, too. */
  constructor(network: FuzzNetwork, keeps = false) {
    this.#network = network;
    this.#begin = network.time.wall - Math.floor(network.time.now);
    const note = ({ client, number }: FuzzConnection, way: string, what: string) => {
      if (!keeps) return;
      const at = network.time.now.toFixed(2).padStart(9);
      this.lines.push(`${at} ${network.time.steps} ${client}#${number} ${way} ${what}`);
    };
    network.onlooker = {
      sent: (connection, frame) => {
        note(connection, ">", frame);
        this.#sent(connection, frame);
      },
      arrived: (connection, frame) => {
        note(connection, "<", frame);
        this.#arrived(connection, frame);
      },
      happened: (connection, what) => note(connection, "-", what),
    };
  }

  /** What is known of a client. */
  of(name: string): ClientLog {
    let log = this.clients.get(name);
    if (!log) {
      log = {
        base: undefined,
        openings: new Set(),
        hellos: [],
        talks: new Map(),
        arrivals: new Map(),
        gaps: [],
        subscriptions: new Map(),
        heard: new Map(),
      };
      this.clients.set(name, log);
    }
    return log;
  }

  #sent(connection: FuzzConnection, frame: string): void {
    const asked = this.#askedOn(connection);
    for (const said of [JSON.parse(frame)].flat() as Said[]) {
      if (said.id === undefined) continue;
      asked.set(said.id, said);
      if (said.action === "subscribe") this.#subscribed(connection, said.topic!, said.id);
      if (said.topic === undefined || !isAtCursor(said)) continue;
      const { talks } = this.of(connection.client);
      let list = talks.get(said.topic);
      if (!list) talks.set(said.topic, list = []);
      if (list.at(-1)?.connection === connection) continue;
      const { now } = this.#network.time;
      list.push({
        connection,
        opening: connection.opening,
        firstAsked: now,
        firstAnswered: Infinity,
      });
    }
  }

  #subscribed({ client, opening }: FuzzConnection, topic: string, id: number): void {
    const { subscriptions } = this.of(client);
    const { now: at, steps: step } = this.#network.time;
    const sent = { id, opening, step, at, startedAt: Infinity, start: 0 };
    const all = subscriptions.get(topic);
    if (all) all.push(sent);
    else subscriptions.set(topic, [sent]);
  }

  #askedOn(connection: FuzzConnection): Map<number, Said> {
    let asked = this.#asked.get(connection);
    if (!asked) this.#asked.set(connection, asked = new Map());
    return asked;
  }

  #arrived(connection: FuzzConnection, frame: string): void {
    const log = this.of(connection.client);
    const asked = this.#askedOn(connection);
    const { now: at, steps: step } = this.#network.time;
    const { opening } = connection;
    for (const said of [JSON.parse(frame)].flat() as Said[]) {
      const { id, sub, error, message, messages } = said;
      const request = id === undefined ? undefined : asked.get(id);
      if (request?.action === "hello" && said.epoch !== undefined) {
        log.base ??= { opening, start: said.start ?? 0 };
        log.openings.add(opening);
        log.hellos.push({ at, opening });
        log.heard.set(connection, said.time === undefined ? at : said.time - this.#begin);
      }
      if (said.heartbeat !== undefined && id === undefined && said.time !== undefined) {
        log.heard.set(connection, said.time - this.#begin);
      }
      if (request?.topic !== undefined && isAtCursor(request)) {
        const talk = log.talks.get(request.topic)?.findLast((talk) =>
          talk.connection === connection
        );
        if (talk && talk.firstAnswered === Infinity) talk.firstAnswered = at;
      }
      if (sub !== undefined && sub === id && said.start !== undefined) {
        const sent = log.subscriptions.get(request?.topic ?? "")?.findLast((one) => one.id === id);
        if (sent && sent.startedAt === Infinity) {
          Object.assign(sent, { startedAt: at, start: said.start });
        }
      }
      for (const body of messages ?? (message !== undefined ? [message] : [])) {
        const list = log.arrivals.get(body);
        if (list) list.push({ opening, at, step, id });
        else log.arrivals.set(body, [{ opening, at, step, id }]);
      }
      const topic = request?.topic ?? (sub === undefined ? undefined : asked.get(sub)?.topic);
      if (error && topic !== undefined) {
        const { code, position } = error;
        const stream = request?.action === "subscribe"
          ? id
          : request === undefined
          ? sub
          : undefined;
        const cursor = request?.action === "subscribe" && request.since === undefined;
        log.gaps.push({
          connection,
          topic,
          code,
          position,
          through: said.through,
          at,
          stream,
          cursor,
          taken: false,
        });
      }
    }
  }
}
