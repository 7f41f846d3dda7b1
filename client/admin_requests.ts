/**
 * The calls of an administrator.
 *
 * @module
 */

import type { ConnectionInfo } from "../protocol/connection_info.ts";
import { DsmqError } from "../protocol/errors.ts";
import { CONNECTIONS_PAGE } from "../protocol/limits.ts";
import type { ResultReply } from "../protocol/replies.ts";
import { formatValue } from "../protocol/text.ts";
import { jsonFields, protocolError, SimpleRequest } from "./pending_request.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";

/** So many connections are listed at most. */
const MAX_CONNECTIONS = 1_000_000;

/** Closes a connection. If the own one breaks before the answer, it is sent again. */
class DisconnectRequest extends SimpleRequest<void, "done"> {
  #isRepeated = false;

  constructor(connection: string, resolve: (value: void | PromiseLike<void>) => void) {
    super("disconnect", jsonFields({ connection }), "done", () => {}, resolve);
  }

  override onReconnect(): boolean {
    this.#isRepeated = this.isSent;
    return true;
  }

  override onErrorReply(error: DsmqError, through: number | undefined): void {
    // The first one closed it, or it went with its server: it is gone, as was asked for.
    if (this.#isRepeated && error.code === "not_found") this.onReply({ kind: "done", id: this.id });
    else super.onErrorReply(error, through);
  }
}

/** Makes the requests of an administrator. */
export class AdminRequests {
  readonly #client: Pick<ReconnectingClient, "requests">;

  /**
   * Makes none yet.
   *
   * @param client an open client
   */
  constructor(client: Pick<ReconnectingClient, "requests">) {
    this.#client = client;
  }

  /** Lists the connections of the server. */
  async connections(): Promise<ConnectionInfo[]> {
    this.#client.requests.requireRoom("list connections");
    const all: ConnectionInfo[] = [];
    let count = CONNECTIONS_PAGE;
    for (let more = true; more;) {
      const fields = jsonFields({ after: all.at(-1)?.id ?? "", count });
      try {
        more = await this.#request("connections", fields, "connections", (page) => {
          if (page.connections.length > count) throw protocolError("list connections");
          all.push(...page.connections);
          if (all.length > MAX_CONNECTIONS) throw protocolError("list connections");
          return page.more;
        });
      } catch (error) {
        if (count === 1 || !(error instanceof DsmqError && error.code === "refused")) throw error;
        // A smaller page may pass.
        count = Math.ceil(count / 32);
      }
    }
    return all;
  }

  /** Closes a connection. */
  async disconnect(id: string): Promise<void> {
    if (typeof id !== "string") {
      throw new TypeError(
        `Cannot disconnect: id must be a string, as connections() lists it, got ${formatValue(id)}`,
      );
    }
    await new Promise<void>((resolve) => {
      this.#client.requests.send(new DisconnectRequest(id, resolve));
    });
  }

  /** Makes a request, and turns its reply into the result; what `make` throws rejects. */
  #request<Kind extends ResultReply["kind"], T>(
    action: string,
    fields: string,
    kind: Kind,
    map: (reply: Extract<ResultReply, { readonly kind: Kind }>) => T,
  ): Promise<T> {
    return new Promise((resolve) => {
      this.#client.requests.send(new SimpleRequest(action, fields, kind, map, resolve));
    });
  }
}
