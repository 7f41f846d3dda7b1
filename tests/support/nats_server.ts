/**
 * NATS servers of a test's own: one, or several as a cluster, on free ports and in temporary folders.
 *
 * @module
 */

import { NATS_INSTALL_HINT, natsServer } from "../../tools/nats_server.ts";
import { freePort } from "./free_port.ts";
import { pathOfProgram } from "./installed_program.ts";
import { withTimeout } from "./with_timeout.ts";

/** What a run of tests sets where everything must be tested: GitHub does, and others. */
const isCi = !["", "false", "0", undefined].includes(Deno.env.get("CI"));

const program = natsServer();
const isThere = program.includes("/")
  ? await Deno.stat(program).then(({ isFile }) => isFile, () => false)
  : await pathOfProgram(program) !== undefined;
const missing = !isThere &&
  `${program} is not installed. Get it with ${NATS_INSTALL_HINT} or name it in NATS_SERVER`;

/** Why tests with NATS are ignored here, if they are. Where the variable `CI` is set they fail instead. */
export const noNats: string | false = !isCi && missing;

/** How often a start is tried on other ports, and how long it may take, in milliseconds. */
const [STARTS, START_TIMEOUT] = [5, 10_000];

/** How a server is to be. */
export interface NatsServerOptions {
  /** Default: `true` */
  readonly jetstream?: boolean;
  /** Default: `false` */
  readonly syncAlways?: boolean;
  /** In bytes. Default: that of the server, 1 MiB */
  readonly maxPayload?: number;
  /** More lines of its configuration, such as users. */
  readonly config?: string;
}

/** Where a server runs. */
export interface NatsPlace {
  /** Its address for clients, and for the other servers. */
  readonly host: string;
  readonly routeHost: string;
  /** The command that its own is given to, such as one that enters a network. */
  readonly enter: readonly string[];
}

const HERE: NatsPlace = { host: "127.0.0.1", routeHost: "127.0.0.1", enter: [] };

/** A server: it runs until it is disposed of, or killed. */
export class NatsServer implements AsyncDisposable {
  /** The port for clients; it stays the same. */
  readonly port: number;
  /** Where its configuration, its log and its data are. */
  readonly folder: string;
  readonly #place: NatsPlace;
  #child: Deno.ChildProcess | undefined;

  /** A server that has its configuration in a folder, which is deleted with it. */
  constructor(port: number, folder: string, place: NatsPlace = HERE) {
    this.port = port;
    this.folder = folder;
    this.#place = place;
  }

  /** Starts one. */
  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    return (await startAll([HERE], options))[0]!;
  }

  /** Where clients find it. */
  get host(): string {
    return `${this.#place.host}:${this.port}`;
  }

  /** Its name in the cluster. */
  get name(): string {
    return `n${this.port}`;
  }

  /** Starts it, also again after {@linkcode kill}; rejects if it ends instead. */
  async run(): Promise<void> {
    if (missing) throw new Error(`Cannot test with NATS: ${missing}`);
    const log = `${this.folder}/log`;
    await Deno.remove(log).catch(() => {});
    const args = ["--config", `${this.folder}/config`, "--log", log];
    const [command, ...rest] = [...this.#place.enter, program, ...args];
    const child = new Deno.Command(command!, { args: rest, stdout: "null", stderr: "null" })
      .spawn();
    this.#child = child;
    let hasEnded = false;
    const ended = child.status.then(() => hasEnded = true);
    try {
      await withTimeout(untilReady(log, () => hasEnded), START_TIMEOUT);
    } catch (error) {
      await this.kill();
      await ended;
      const last = (await Deno.readTextFile(log).catch(() => "")).trim().split("\n").at(-1);
      throw new Error(`nats-server does not start: ${last}`, { cause: error });
    }
  }

  /** Ends it without notice. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops it, so that its connections stay and nothing comes. */
  async pause(): Promise<void> {
    const child = this.#child!;
    child.kill("SIGSTOP");
    // Its threads on other cores go on until the system has told them.
    const tasks = `/proc/${child.pid}/task`;
    const isStopped = async () => {
      const threads = await Array.fromAsync(Deno.readDir(tasks)).catch(() => []);
      const stats = threads.map(({ name }) => Deno.readTextFile(`${tasks}/${name}/stat`));
      return (await Promise.all(stats)).every((stat) => /\) T /.test(stat));
    };
    while (!await isStopped()) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Lets it go on. */
  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    try {
      child?.kill(signal);
    } catch {
      // It has ended by itself.
    }
    await child?.status;
  }
}

/** Servers that know each other. */
export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Starts three, or as many as there are places. */
  static async start(
    options: NatsServerOptions = {},
    places: readonly NatsPlace[] = [HERE, HERE, HERE],
  ): Promise<NatsCluster> {
    return new NatsCluster(await startAll(places, options));
  }

  /** Where clients find them. */
  get hosts(): string {
    return this.servers.map(({ host }) => host).join(",");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}

/** Where one of them listens. */
interface Listening {
  readonly place: NatsPlace;
  readonly client: number;
  readonly route: number;
}

async function startAll(
  places: readonly NatsPlace[],
  options: NatsServerOptions,
): Promise<NatsServer[]> {
  for (let attempt = 1;; attempt++) {
    const all = places.map((place) => ({ place, client: freePort(), route: freePort() }));
    const servers: NatsServer[] = [];
    try {
      for (const one of all) {
        const folder = await Deno.makeTempDir({ prefix: "dsmq-test-nats-" });
        await Deno.writeTextFile(`${folder}/config`, configOf(one, folder, all, options));
        servers.push(new NatsServer(one.client, folder, one.place));
      }
      await Promise.all(servers.map((server) => server.run()));
      return servers;
    } catch (error) {
      for (const server of servers) await server[Symbol.asyncDispose]();
      if (missing || attempt === STARTS) throw error;
    }
  }
}

function configOf(
  { place, client, route }: Listening,
  folder: string,
  all: readonly Listening[],
  { jetstream = true, syncAlways = false, maxPayload, config = "" }: NatsServerOptions,
): string {
  const routes = all.map(({ place, route }) => `nats://${place.routeHost}:${route}`).join(", ");
  return [
    `host: ${place.host}`,
    `port: ${client}`,
    `server_name: n${client}`,
    ...maxPayload === undefined ? [] : [`max_payload: ${maxPayload}`],
    ...jetstream
      ? [`jetstream { store_dir: "${folder}/data"${syncAlways ? ", sync_interval: always" : ""} }`]
      : [],
    ...all.length === 1
      ? []
      : [`cluster { name: test, host: ${place.routeHost}, port: ${route}, routes: [${routes}] }`],
    config,
  ].join("\n");
}

/** Waits until a server has written that it listens; with TLS it may say nothing before its client does. */
async function untilReady(log: string, hasEnded: () => boolean): Promise<void> {
  while (!hasEnded()) {
    const text = await Deno.readTextFile(log).catch(() => "");
    if (text.includes("Server is ready")) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("it has ended");
}
