/**
 * A worker of a group over plain HTTP.
 *
 * @module
 */

import type { GroupInfo } from "../../protocol/group_info.ts";
import type { HttpServer } from "./http_server.ts";
import { withTimeout } from "./with_timeout.ts";

/** A job as JSON. */
export interface HttpJob {
  readonly claim: number;
  readonly attempt: number;
  readonly seq: number;
  readonly body: string;
  readonly topic?: string;
}

/** A dead job as JSON. */
export interface HttpDeadJob extends Omit<HttpJob, "claim"> {
  readonly at: number;
  readonly reason: string;
}

/** Works on one group. */
export class HttpWorker {
  readonly path: string;
  readonly query: string;
  readonly #server: HttpServer;
  readonly #headers: Record<string, string>;

  /** Names the group: by a path, or by a path and a query such as `prefix=`; and who it is. */
  constructor(server: HttpServer, path = "/topics/t/groups/g", query = "", token = "") {
    this.#server = server;
    this.#headers = token === "" ? {} : { authorization: `Bearer ${token}` };
    this.path = path;
    this.query = query;
  }

  /** Asks. */
  ask(method: string, verb: string, query = "", init: RequestInit = {}): Promise<Response> {
    const all = [this.query, query].filter((one) => one !== "").join("&");
    const headers = { ...this.#headers, ...init.headers };
    return this.#server.get(`${this.path}${verb}${all && "?"}${all}`, { ...init, method, headers });
  }

  /** Claims a job, which is JSON; `undefined` if there is none. */
  async claim(query = "", init: RequestInit = {}): Promise<HttpJob | undefined> {
    const headers = { accept: "application/json" };
    const response = await this.ask("POST", "/claim", query, { headers, ...init });
    const text = await response.text();
    if (response.status === 204) return undefined;
    if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
    return JSON.parse(text);
  }

  /** Asks; returns the status alone. */
  async status(method: string, verb: string, query = "", init: RequestInit = {}): Promise<number> {
    const response = await this.ask(method, verb, query, init);
    await response.body?.cancel();
    return response.status;
  }

  /** Sends JSON; returns the status and the answer. */
  async post(verb: string, body: unknown, init: RequestInit = {}) {
    const response = await this.ask("POST", verb, "", { ...init, body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  }

  /** Its dead jobs. */
  async dead(query = ""): Promise<{ dead: HttpDeadJob[]; next: number | null }> {
    return await (await this.ask("GET", "/dead", query)).json();
  }

  /** Its group, as the list of groups has it. */
  async info(): Promise<GroupInfo | undefined> {
    const { groups } = await (await this.#server.get("/groups", { headers: this.#headers })).json();
    return groups[0];
  }

  /** Waits until that is so of its group. */
  async until(isReached: (group: GroupInfo) => boolean): Promise<void> {
    let isOver = false;
    const reached = (async () => {
      for (let group: GroupInfo | undefined; !isOver; group = await this.info()) {
        if (group && isReached(group)) return;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await withTimeout(reached).finally(() => isOver = true);
  }
}
