/**
 * Reads the responses of a connection, one after the other, whatever they answer.
 *
 * @module
 */

/** A response. */
export interface RawResponse {
  readonly status: number;
  /** By their names in small letters; of several with one name the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** The connection ended before the body did. */
  readonly isCut: boolean;
}

const LATIN1 = new TextDecoder("latin1");
const UTF8 = new TextDecoder();

/** What comes over one connection. */
export class ResponseReader {
  readonly #conn: Deno.Conn;
  #buffer: Uint8Array = new Uint8Array();
  #isOver = false;

  /** Reads from here. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /**
   * The next response; interim ones (1xx) are skipped.
   *
   * @param method of the request: a response to HEAD has no body
   * @returns the response; `undefined` if the connection ended before its head
   * @throws {Error} if what has come is no response
   */
  async next(method: string): Promise<RawResponse | undefined> {
    for (;;) {
      const head = await this.#through("\r\n\r\n");
      if (head === undefined) {
        if (this.#buffer.length > 0) throw new Error(`no response: ${this.#shown()}`);
        return undefined;
      }
      const [line, ...fields] = head.split("\r\n");
      const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(line!)?.[1]);
      if (!status) throw new Error(`no status line: ${line!.slice(0, 80)}`);
      if (status < 200) continue;
      const headers = new Map(
        fields.filter(Boolean).map((field) => {
          const [name, value] = field.split(/:\s*(.*)/s, 2);
          return [name!.toLowerCase(), value!];
        }),
      );
      if (method === "HEAD" || status === 204 || status === 304) {
        return { status, headers, body: "", isCut: false };
      }
      const bytes = await this.#body(headers);
      return { status, headers, body: UTF8.decode(bytes ?? new Uint8Array()), isCut: !bytes };
    }
  }

  /** The text that comes first, up to a mark and with it; what there is, at the end of the connection. */
  async text(mark: string): Promise<string> {
    return await this.#through(mark) ?? UTF8.decode(this.#take(this.#buffer.length));
  }

  /** Whether the connection ends, and nothing comes before that. */
  async isAtEnd(): Promise<boolean> {
    return this.#buffer.length === 0 && !await this.#more();
  }

  async #body(headers: ReadonlyMap<string, string>): Promise<Uint8Array | undefined> {
    const length = headers.get("content-length");
    if (length !== undefined) return await this.#bytes(Number(length));
    if (headers.get("transfer-encoding") !== "chunked") {
      while (await this.#more());
      return this.#take(this.#buffer.length);
    }
    const chunks: Uint8Array[] = [];
    for (;;) {
      const size = await this.#through("\r\n");
      const chunk = size === undefined ? undefined : await this.#bytes(parseInt(size, 16));
      if (!chunk || await this.#through("\r\n") === undefined) return undefined;
      if (chunk.length === 0) return new Uint8Array(await new Blob(chunks as BlobPart[]).bytes());
      chunks.push(chunk);
    }
  }

  async #bytes(count: number): Promise<Uint8Array | undefined> {
    while (this.#buffer.length < count) if (!await this.#more()) return undefined;
    return this.#take(count);
  }

  async #through(mark: string): Promise<string | undefined> {
    for (let from = 0;;) {
      const at = LATIN1.decode(this.#buffer.subarray(from)).indexOf(mark);
      if (at >= 0) return UTF8.decode(this.#take(from + at + mark.length));
      from = Math.max(0, this.#buffer.length - mark.length);
      if (!await this.#more()) return undefined;
    }
  }

  #take(count: number): Uint8Array {
    const taken = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  #shown(): string {
    return LATIN1.decode(this.#buffer.subarray(0, 80));
  }

  async #more(): Promise<boolean> {
    if (this.#isOver) return false;
    const part = new Uint8Array(64 * 1024);
    // A reset is an end as well.
    const count = await this.#conn.read(part).catch(() => null);
    if (count === null) {
      this.#isOver = true;
      return false;
    }
    const joined = new Uint8Array(this.#buffer.length + count);
    joined.set(this.#buffer);
    joined.set(part.subarray(0, count), this.#buffer.length);
    this.#buffer = joined;
    return true;
  }
}
