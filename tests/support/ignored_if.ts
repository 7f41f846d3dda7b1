/**
 * Tests that cannot run everywhere: the name says why one is ignored, and the end of a run counts the reasons.
 *
 * @module
 */

export { ignoredIf } from "../../testing/ignored_if.ts";

/** Why a test that needs signals, links or file modes cannot run here. */
export const noPosix: string | false = Deno.build.os === "windows" &&
  "Windows lacks the signals, links or file modes of POSIX";

/** Why a test that looks into `/proc` cannot run here. */
export const noProc: string | false = Deno.build.os !== "linux" && "only Linux has /proc";
