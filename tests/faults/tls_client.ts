/**
 * A client over TLS that can stop at any point of its handshake.
 *
 * @module
 */

import { ROOT } from "../support/program.ts";
import { upgradeRequest } from "../support/raw_socket.ts";

/** The certificate of the server under attack. */
export const CERTIFICATE_FILE: URL = new URL("tests/fixtures/localhost_cert.pem", ROOT);
/** Its text. */
export const CERTIFICATE: string = Deno.readTextFileSync(CERTIFICATE_FILE);

/** One connection of an attacker. */
export class TlsClient implements Disposable {
  readonly conn: Deno.TlsConn;
  /** How many bytes all connections have sent. */
  static sent = 0;

  private constructor(conn: Deno.TlsConn) {
    this.conn = conn;
  }

  /** Completes the TLS handshake, and sends nothing. */
  static async connect(port: number): Promise<TlsClient> {
    const conn = await Deno.connectTls({
      ...{ hostname: "localhost", port, caCerts: [CERTIFICATE] },
      alpnProtocols: ["http/1.1"],
    });
    await conn.handshake();
    return new TlsClient(conn);
  }

  /** Completes the WebSocket handshake, too, and reads what arrives if `reads`. */
  static async open(port: number, reads: boolean): Promise<TlsClient> {
    const client = await TlsClient.connect(port);
    await client.send(new TextEncoder().encode(upgradeRequest()));
    const buffer = new Uint8Array(4096);
    await client.conn.read(buffer);
    if (reads) {
      void (async () => {
        while (await client.conn.read(buffer).catch(() => null) !== null);
      })();
    }
    return client;
  }

  /** Writes all of it. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = await this.conn.write(bytes.subarray(at));
      at += count;
      TlsClient.sent += count;
    }
  }

  [Symbol.dispose](): void {
    try {
      this.conn.close();
    } catch {
      // It was already closed.
    }
  }
}
