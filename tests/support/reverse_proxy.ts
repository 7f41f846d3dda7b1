/**
 * nginx and Caddy, as people put them in front of a server: a process of the test's own, with TLS.
 *
 * @module
 */

import { lines } from "../../cli/lines.ts";
import { pathOfProgram } from "./installed_program.ts";
import { ROOT } from "./program.ts";
import { withTimeout } from "./with_timeout.ts";

const FIXTURES = new URL("tests/fixtures/", ROOT).pathname;

/** The files of a certificate for `mq.example.org` and `example.org`, signed by itself. */
export const CERT_FILE = `${FIXTURES}example_org_cert.pem`;
/** See {@linkcode CERT_FILE}. */
export const KEY_FILE = `${FIXTURES}example_org_key.pem`;

const CERT = await Deno.readTextFile(CERT_FILE);

/** How to start a program in a folder where it has its socket and its configuration. */
interface ProgramSetup {
  /** The configuration around that of a site. */
  readonly config: (folder: string, site: string) => string;
  readonly args: readonly string[];
  /** What it logs once it accepts connections. */
  readonly ready: RegExp;
}

const SETUPS = {
  nginx: {
    config: (folder, site) =>
      // As another user it could not keep large bodies in the folder.
      `${Deno.uid() === 0 ? "user root;" : ""}
      daemon off;
      pid ${folder}/pid;
      error_log stderr notice;
      events {}
      http {
        access_log off;
        ${
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) =>
          `${kind}_temp_path ${folder}/${kind};`
        ).join("\n")
      }
        ${site.replace("listen 443", `listen unix:${folder}/socket`)}
      }`,
    args: ["-e", "stderr", "-c"],
    ready: /start worker process \d/,
  },
  caddy: {
    config: (folder, site) =>
      `{
        admin off
        auto_https disable_redirects
        skip_install_trust
        servers {
          protocols h1
        }
      }
      ${site.replace("{", `{\nbind unix/${folder}/socket\ntls ${CERT_FILE} ${KEY_FILE}`)}`,
    args: ["run", "--adapter", "caddyfile", "--config"],
    ready: /serving initial configuration/,
  },
} satisfies Record<string, ProgramSetup>;

/** One of the programs. */
export type ProxyProgram = keyof typeof SETUPS;

/** A running proxy. */
export class ReverseProxy implements AsyncDisposable {
  readonly #program: ProxyProgram;
  readonly #folder: string;
  readonly #tunnel: Tunnel;
  #child: Deno.ChildProcess | undefined;
  #log: Promise<unknown> = Promise.resolve();
  /** Reaches it by any name, at port 443. */
  readonly client: Deno.HttpClient;

  private constructor(program: ProxyProgram, folder: string) {
    this.#program = program;
    this.#folder = folder;
    this.#tunnel = new Tunnel(`${folder}/socket`);
    this.client = Deno.createHttpClient({
      caCerts: [CERT],
      proxy: { url: this.#tunnel.url },
    });
  }

  /** Starts one for a site. */
  static async start(program: ProxyProgram, site: string): Promise<ReverseProxy> {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/config`, SETUPS[program].config(folder, site));
    const proxy = new ReverseProxy(program, folder);
    try {
      await proxy.#run();
      return proxy;
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A TLS connection to it, for a client that writes its own bytes. */
  async connect(hostname: string): Promise<Deno.TlsConn> {
    const conn = await this.#tunnel.connect();
    return await Deno.startTls(conn, { hostname, caCerts: [CERT] });
  }

  /** Ends it, with all its connections. */
  async stop(): Promise<void> {
    if (!this.#child) return;
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#log;
    this.#child = undefined;
    await Deno.remove(`${this.#folder}/socket`).catch(() => {});
  }

  /** Ends it and starts it again. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#run();
  }

  /** Stops it, and leaves nothing behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.stop();
    await this.#tunnel[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #run(): Promise<void> {
    const { args, ready } = SETUPS[this.#program];
    this.#child = new Deno.Command(await pathOfProgram(this.#program) ?? this.#program, {
      args: [...args, `${this.#folder}/config`],
      cwd: this.#folder,
      env: { HOME: this.#folder, XDG_DATA_HOME: this.#folder, XDG_CONFIG_HOME: this.#folder },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const started = Promise.withResolvers<void>();
    this.#log = this.#readLog(this.#child.stderr, ready, started);
    await withTimeout(started.promise, 20_000);
  }

  async #readLog(
    stderr: ReadableStream<Uint8Array>,
    ready: RegExp,
    started: PromiseWithResolvers<void>,
  ): Promise<void> {
    const log: string[] = [];
    for await (const batch of lines(stderr)) {
      log.push(...batch);
      if (batch.some((line) => ready.test(line))) started.resolve();
    }
    started.reject(new Error(`${this.#program} did not start:\n${log.join("\n")}`));
  }
}

/** An HTTP proxy that connects to one socket, whatever it is asked for: so real host names reach a test's own program. */
class Tunnel implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #path: string;
  readonly #conns = new Set<Deno.Conn>();
  readonly #running: Promise<void>[] = [];
  readonly #accepting: Promise<void>;

  constructor(path: string) {
    this.#path = path;
    this.#accepting = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** A connection to the socket. */
  async connect(): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.#listener.addr.port });
    await conn.write(new TextEncoder().encode("CONNECT site:443 HTTP/1.1\r\n\r\n"));
    await conn.read(new Uint8Array(100));
    return conn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) conn.close();
    await this.#accepting;
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    try {
      for await (const conn of this.#listener) this.#running.push(this.#serve(conn));
    } catch {
      // The listener was closed while it waited.
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    this.#conns.add(client);
    let site: Deno.Conn | undefined;
    try {
      let head = "";
      const buffer = new Uint8Array(4096);
      while (!head.endsWith("\r\n\r\n")) {
        const count = await client.read(buffer);
        if (count === null) return;
        head += new TextDecoder().decode(buffer.subarray(0, count));
      }
      site = await Deno.connect({ transport: "unix", path: this.#path });
      this.#conns.add(site);
      await client.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
      const ways = [
        client.readable.pipeTo(site.writable),
        site.readable.pipeTo(client.writable),
      ];
      await Promise.allSettled(ways);
    } catch {
      // The site is not there, or one end was closed.
    } finally {
      for (const conn of [client, site]) this.#close(conn);
    }
  }

  #close(conn: Deno.Conn | undefined): void {
    if (!conn || !this.#conns.delete(conn)) return;
    try {
      conn.close();
    } catch {
      // Its streams have closed it.
    }
  }
}
