/**
 * dsmq servers of one log in NATS, each in a process of its own, that are killed and started again at the same address.
 *
 * @module
 */

import { freePort } from "../support/free_port.ts";
import { Program } from "../support/program.ts";

/** Where a server runs. */
export interface ServerPlace {
  /** Its address. */
  readonly host: string;
  /** The command that its own is given to, such as one that enters a network. */
  readonly enter: readonly string[];
}

const HERE: ServerPlace = { host: "127.0.0.1", enter: [] };

/** How long one may take to say whether it is ready, in milliseconds. */
const READY_TIMEOUT = 2000;

/** Which log, and where. */
export interface DsmqServersOptions {
  /** The address of the log. */
  readonly store: string;
  /** Default: three on this machine's own network. */
  readonly places?: readonly ServerPlace[];
}

/** A line of the log of a server. */
export interface LogLine {
  /** When it was read here, in milliseconds since 1970. */
  readonly at: number;
  /** Which server. */
  readonly server: number;
  readonly event: string;
  readonly message: string;
}

/** The servers. They are killed when they are disposed of. */
export class DsmqServers implements AsyncDisposable {
  readonly #store: string;
  readonly #places: readonly ServerPlace[];
  /** Replicas and temporary files. */
  readonly #folder: string;
  readonly #ports: number[];
  readonly #programs: (Program | undefined)[] = [];
  readonly #reading: Promise<void>[] = [];
  /** What they have logged. */
  readonly log: LogLine[] = [];

  private constructor(
    { store, places = [HERE, HERE, HERE] }: DsmqServersOptions,
    folder: string,
  ) {
    this.#store = store;
    this.#places = places;
    this.#folder = folder;
    this.#ports = places.map(() => freePort());
  }

  /** Starts them. The first makes the log, unless it is there. */
  static async start(options: DsmqServersOptions): Promise<DsmqServers> {
    const folder = await Deno.makeTempDir({ prefix: "dsmq-servers-" });
    const servers = new DsmqServers(options, folder);
    try {
      await servers.run(0);
      await Promise.all(servers.#places.map((_, i) => i === 0 ? undefined : servers.run(i)));
      return servers;
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How many there are. */
  get count(): number {
    return this.#places.length;
  }

  /** The addresses for clients. */
  get urls(): string[] {
    return this.#places.map((_, i) => this.url(i));
  }

  /** The address of one. */
  url(i: number): string {
    return `ws://${this.#places[i]!.host}:${this.#ports[i]}`;
  }

  /** Which one has this address. */
  indexOf(url: string): number {
    return this.urls.findIndex((one) => new URL(one).host === new URL(url).host);
  }

  /** Whether one serves what is fresh, as it says. */
  async isReady(i: number): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(READY_TIMEOUT);
      const answer = await fetch(`${this.url(i).replace("ws:", "http:")}/health/ready`, { signal });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** Starts one; it takes clients when this resolves. Rejects if it ends instead. */
  async run(i: number): Promise<void> {
    const { host, enter } = this.#places[i]!;
    const [program, ...command] = [...enter, Deno.execPath(), "run", "--quiet"];
    // The last one has no replica after a kill, and gets all from the log.
    const keepsReplica = i < this.count - 1;
    const server = new Program(
      [
        ...["-A", "cli.ts", "serve", "--json", "--log-format", "json"],
        ...["--store", this.#store, "--host", host, "--port", `${this.#ports[i]}`],
        ...["--retention", "1h", "--wait-for-store", "60"],
        ...(keepsReplica ? ["--replica", `${this.#folder}/replica${i}.db`] : []),
      ],
      { TMPDIR: this.#folder },
      command,
      program,
    );
    this.#programs[i] = server;
    if (await server.line() === undefined) throw new Error((await server.end()).stderr);
    this.#reading.push(this.#readLog(i, server));
  }

  /** Ends one without notice. */
  async kill(i: number): Promise<void> {
    const server = this.#programs[i];
    this.#programs[i] = undefined;
    await server?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let i = 0; i < this.count; i++) await this.kill(i);
    await Promise.all(this.#reading);
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #readLog(server: number, program: Program): Promise<void> {
    for (let line; (line = await program.errorLine()) !== undefined;) {
      try {
        const { event, message } = JSON.parse(line);
        this.log.push({ at: Date.now(), server, event, message });
      } catch {
        this.log.push({ at: Date.now(), server, event: "text", message: line });
      }
    }
  }
}
