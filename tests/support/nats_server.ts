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

/** A server: it runs until it is disposed of, or killed. */
export class NatsServer implements AsyncDisposable {
  /** The port for clients; it stays the same. */
  readonly port: number;
  readonly #folder: string;
  readonly #ownsFolder: boolean;
  #child: Deno.ChildProcess | undefined;

  /** A server that has its configuration in a folder. */
  constructor(port: number, folder: string, ownsFolder: boolean) {
    this.port = port;
    this.#folder = folder;
    this.#ownsFolder = ownsFolder;
  }

  /** Starts one. */
  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    return (await startAll(1, options))[0]!;
  }

  /** Where clients find it. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it, also again after {@linkcode kill}; rejects if it ends instead. */
  async run(): Promise<void> {
    if (missing) throw new Error(`Cannot test with NATS: ${missing}`);
    const log = `${this.#folder}/log`;
    await Deno.remove(log).catch(() => {});
    const args = ["--config", `${this.#folder}/config`, "--log", log];
    const child = new Deno.Command(program, { args, stdout: "null", stderr: "null" }).spawn();
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
    if (this.#ownsFolder) await Deno.remove(this.#folder, { recursive: true });
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

  /** Starts three. */
  static async start(options: NatsServerOptions = {}): Promise<NatsCluster> {
    return new NatsCluster(await startAll(3, options));
  }

  /** Where clients find them. */
  get hosts(): string {
    return this.servers.map(({ host }) => host).join(",");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}

async function startAll(count: number, options: NatsServerOptions): Promise<NatsServer[]> {
  for (let attempt = 1;; attempt++) {
    const ports = Array.from({ length: count }, () => ({ client: freePort(), route: freePort() }));
    const servers: NatsServer[] = [];
    try {
      for (const { client } of ports) {
        const folder = await Deno.makeTempDir({ prefix: "dsmq-test-nats-" });
        const config = configOf(client, folder, ports, options);
        await Deno.writeTextFile(`${folder}/config`, config);
        servers.push(new NatsServer(client, folder, true));
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
  port: number,
  folder: string,
  ports: readonly { readonly client: number; readonly route: number }[],
  { jetstream = true, syncAlways = false, maxPayload, config = "" }: NatsServerOptions,
): string {
  const routes = ports.map(({ route }) => `nats://127.0.0.1:${route}`);
  const own = ports.find(({ client }) => client === port)!.route;
  return [
    `host: 127.0.0.1`,
    `port: ${port}`,
    `server_name: n${port}`,
    ...maxPayload === undefined ? [] : [`max_payload: ${maxPayload}`],
    ...jetstream
      ? [`jetstream { store_dir: "${folder}/data"${syncAlways ? ", sync_interval: always" : ""} }`]
      : [],
    ...ports.length === 1
      ? []
      : [`cluster { name: test, host: 127.0.0.1, port: ${own}, routes: [${routes.join(", ")}] }`],
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
