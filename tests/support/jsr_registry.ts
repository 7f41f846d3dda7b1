/**
 * A registry like JSR, with one package: an imitation of `@db/sqlite`, which downloads its library as the
 * real one does.
 *
 * @module
 */

const VERSION = "0.12.0";

/** Runs in place, and reports it on standard output; a damaged download ends the process. */
const LOADER = `
async function download() {
  console.log("Downloading the library");
  const path = Deno.env.get("DENO_DIR") + "/library.so";
  const file = await Deno.open(path, { write: true, create: true });
  const response = await fetch(new URL("/library", import.meta.url));
  if (!response.ok) throw new Error("Could not find the library");
  for await (const part of response.body) await file.write(part);
  file.close();
  return path;
}
try {
  const path = Deno.env.get("DENO_SQLITE_PATH") || await download();
  if (Deno.readTextFileSync(path) !== "a library") Deno.kill(Deno.pid, "SIGABRT");
} catch (cause) {
  throw new Error("Failed to load SQLite3 Dynamic Library", { cause });
}
export { Database } from "./fake_db_sqlite.ts";
`;

/** It answers until it is disposed of. */
export class JsrRegistry implements AsyncDisposable {
  /** It accepts requests and answers none. */
  hangs = false;
  /** The library that it serves; `undefined` if there is none. */
  library: string | undefined = "a library";
  /** How many requests came, for anything, and for the library. */
  requestCounts = { all: 0, library: 0 };
  readonly #files: Map<string, string | Uint8Array<ArrayBuffer>>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end = Promise.withResolvers<Response>();

  private constructor(files: Map<string, string | Uint8Array<ArrayBuffer>>) {
    this.#files = files;
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(options, (request) => this.#respond(new URL(request.url).pathname));
  }

  /** Opens it, on any free port. */
  static async open(): Promise<JsrRegistry> {
    const fake = await Deno.readFile(new URL("fake_db_sqlite.ts", import.meta.url));
    const modules = { "/mod.ts": new TextEncoder().encode(LOADER), "/fake_db_sqlite.ts": fake };
    const manifest: Record<string, { size: number; checksum: string }> = {};
    const files = new Map<string, string | Uint8Array<ArrayBuffer>>();
    for (const [path, bytes] of Object.entries(modules)) {
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      const digits = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
      manifest[path] = { size: bytes.length, checksum: `sha256-${digits}` };
      files.set(`/@db/sqlite/${VERSION}${path}`, bytes);
    }
    const about = { scope: "db", name: "sqlite", versions: { [VERSION]: {} } };
    files.set("/@db/sqlite/meta.json", JSON.stringify(about));
    const exports = { ".": "./mod.ts" };
    files.set(`/@db/sqlite/${VERSION}_meta.json`, JSON.stringify({ manifest, exports }));
    return new JsrRegistry(files);
  }

  /** Its address. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  #respond(path: string): Response | Promise<Response> {
    this.requestCounts.all++;
    if (this.hangs) return this.#end.promise;
    if (path === "/library") this.requestCounts.library++;
    const body = path === "/library" ? this.library : this.#files.get(path);
    const type = path.endsWith(".json") ? "application/json" : "application/typescript";
    if (body === undefined) return new Response("", { status: 404 });
    return new Response(body, { headers: { "content-type": type } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.resolve(new Response());
    await this.#server.shutdown();
  }
}
