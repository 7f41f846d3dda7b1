/**
 * Whether Deno still needs our own WebSocket: `bench/stall.ts` measures, and this decides.
 *
 * @module
 */

/** Medians of one call, in milliseconds, with messages above 1,024 bytes. */
export interface Medians {
  /** With Deno's own WebSocket. */
  readonly deno: readonly number[];
  /** With the one in `client/deno/`. */
  readonly ours: readonly number[];
}

/** The verdict, and the exit code of the program. */
export interface StallVerdict {
  readonly needed: boolean;
  readonly sentence: string;
  readonly exitCode: number;
}

/** A stall is the wait for a delayed acknowledgement, at least 40 ms on Linux. A smaller difference is not a stall. */
const STALL = 20;

/** Compares the medians. */
export function judgeStall({ deno, ours }: Medians, version: string): StallVerdict {
  const later = Math.max(...deno.map((ms, i) => ms - ours[i]!));
  const needed = later > STALL;
  return {
    needed,
    sentence: needed
      ? `Deno ${version} still needs client/deno/: its own WebSocket holds larger messages back, by up to ${
        later.toFixed(0)
      } ms.`
      : `Deno ${version} no longer needs client/deno/: its own WebSocket holds larger messages back no more. ` +
        "Remove that folder, or keep it for older versions and say so in client/deno/deno_socket.ts.",
    exitCode: needed ? 0 : 3,
  };
}
