/**
 * Several servers of one queue, each controlled by a test.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { WELCOME_KNOWN } from "./scripted_connection.ts";
import { ScriptedServer } from "./scripted_server.ts";

/** An attempt to connect. */
export interface Dialled {
  /** Which server, by its index. */
  readonly server: number;
  /** When, by the clock of `performance`. */
  readonly at: number;
}

/** Servers with the same store and epoch. */
export class ScriptedServers {
  readonly all: readonly ScriptedServer[];
  readonly urls: readonly string[];
  /** The attempts that were not taken yet, the oldest first. */
  readonly dials: Dialled[] = [];

  /** Makes so many. */
  constructor(count: number) {
    this.all = Array.from({ length: count }, () => new ScriptedServer());
    this.urls = this.all.map((_, i) => `ws://server-${i}.test:1`);
    for (const server of this.all) {
      server.welcome = WELCOME_KNOWN;
    }
  }

  /** For the option `dial`. */
  readonly dial = (url: string): Socket => {
    const server = this.indexOf(url);
    this.dials.push({ server, at: performance.now() });
    return this.all[server]!.dial();
  };

  /** Which server an address is of. */
  indexOf(url: string): number {
    return this.urls.indexOf(url);
  }

  /** Takes the servers that were dialled, in order. */
  taken(): number[] {
    return this.dials.splice(0).map(({ server }) => server);
  }
}
