/**
 * What the system, and the host of a virtual machine, would add to the results.
 *
 * Where a scheduler happens to put both ends of a connection on one core, a round trip takes a third of the
 * time. So servers are pinned to the first core, and the measuring process to the second.
 *
 * A core of a virtual machine that has nothing to do is given back to the host: to wake it takes up to 20 µs, or
 * nothing, as the host pleases. And a page of memory that the host has yet to give was seen to take 10 µs, in
 * which dsmq stores thirty messages; as the page of a program that ended shortly before, a quarter of that.
 *
 * @module
 */

/** The cores of servers and client. */
const CORES = { servers: "0", client: "1" } as const;

/** Is busy until the process that is its argument is gone. */
const BUSY =
  'while kill -0 "$1" 2>/dev/null; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; done';

let pinned: Promise<boolean> | undefined;

/** Pins this process; says once if that cannot be done here. */
function pin(): Promise<boolean> {
  return pinned ??= (async () => {
    try {
      const args = ["-a", "-p", "-c", CORES.client, `${Deno.pid}`];
      const { success } = await new Deno.Command("taskset", { args, stdout: "null" }).output();
      if (success) return true;
    } catch {
      // There is no such program.
    }
    console.error("taskset cannot be used: nothing is pinned to a core, ratios of times say less");
    return false;
  })();
}

/** The command that runs a server where it belongs; this process goes to its own core. */
export async function onServersCore(command: readonly string[]): Promise<readonly string[]> {
  return await pin() ? ["taskset", "-c", CORES.servers, ...command] : command;
}

/**
 * Commands that keep the cores awake, one each: they run when nobody else wants to, until this process ends.
 *
 * Not for where all is busy anyway: on some machines the two are halves of one core.
 */
export async function toStayAwake(): Promise<readonly (readonly string[])[]> {
  if (!await pin()) return [];
  const busy = ["sh", "-c", BUSY, "sh", `${Deno.pid}`];
  return Object.values(CORES).map((
    core,
  ) => ["chrt", "--idle", "0", "taskset", "-c", core, ...busy]);
}

/** A command that has the host give memory, a GiB of it, and leaves it to those who come next. */
export function toGetMemory(): readonly string[] {
  return [Deno.execPath(), "eval", "new Uint8Array(2 ** 30).fill(1)"];
}
