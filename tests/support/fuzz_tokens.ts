/**
 * Tokens of the fuzzers that expire soon: functions of clients that return them at once, late, never, or fail; and servers
 * that check them at once, late, or cannot.
 *
 * @module
 */

import type { TokenCheck } from "../../auth/auth.ts";
import { Permissions } from "../../auth/permissions.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import type { Random } from "../../testing/seeded.ts";
import type { VirtualTime } from "./fuzz_time.ts";

/** The shortest time of a token, in milliseconds. It expires with its connection; one of more than a second is renewed. */
const SHORTEST = 100;

/** The tokens of one run. */
export class FuzzTokens {
  /** How many expired with a connection, and how many were renewed. */
  readonly seen = { granted: 0, renewed: 0 };
  /** Nothing fails for now. */
  calm = false;
  /** Nothing expires any more. */
  lasting = false;
  readonly #time: VirtualTime;
  readonly #random: Random;
  #count = 0;

  /** No token was asked for yet. */
  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  /** The function of a client. */
  readonly source = (): string | Promise<string> => {
    const token = `token-${++this.#count}`;
    switch (this.calm ? 0 : this.#random(8)) {
      case 1:
        throw new Error("the application is not there");
      case 2:
        return this.#later(() => Promise.reject(new Error("the application is gone")));
      case 3:
        return new Promise(() => {});
      case 4:
      case 5:
        return this.#later(() => token);
      default:
        return token;
    }
  };

  /** What a token permits, and until when. */
  permissions(): Permissions {
    this.seen.granted++;
    const lifetime = SHORTEST + (this.lasting ? 600_000 : this.#random(2500));
    return new Permissions("someone", {}, { expires: Date.now() + lifetime, source: this });
  }

  /** Checks the tokens of `hello`. */
  readonly accessControl: ServerContext["accessControl"] = {
    check: async () => {
      const chance = this.calm ? 0 : this.#random(8);
      if (chance > 5) await this.#later(() => undefined);
      if (chance === 1) return { kind: "unchecked", reason: "the keys are not there" };
      if (chance === 2) return { kind: "refused" };
      this.seen.renewed++;
      return { kind: "granted", permissions: this.permissions() };
    },
    permissionsOf: (check: TokenCheck | undefined) =>
      check?.kind === "granted" ? check.permissions : undefined,
  };

  #later<T>(result: () => T | Promise<T>): Promise<T> {
    return new Promise<void>((resolve) => this.#time.after(this.#random(400), resolve)).then(
      result,
    );
  }
}
