/**
 * A failing disk: `strace` makes system calls fail in a program that puts into a file.
 *
 * @module
 */

const PROGRAM = "tests/programs/disk_putter.ts";

/** What a program did, in order. */
export type Event =
  | { readonly did: "sync"; readonly file: string; readonly failed: boolean }
  | { readonly did: "write"; readonly file: string; readonly failed: boolean }
  | {
    readonly did: "say";
    readonly n: number;
    /** Where the message is stored, or the code of the error. */
    readonly outcome: number | string;
    /** How many messages can be read. */
    readonly readable: number | string;
  };

/** Which calls fail, and how. */
export interface Failure {
  readonly calls: "fsync,fdatasync" | "pwrite64";
  readonly error: "EIO" | "ENOSPC";
  /** The first that fails, and the last, counted from the start among the calls for the database and its log. */
  readonly from: number;
  readonly to: number;
}

/** How the program puts. */
export interface PutOptions {
  readonly path: string;
  readonly engine: string;
  readonly durability: "disk" | "process";
  /** How many messages. */
  readonly count: number;
  /** How large each of them is, in bytes. Default: 20. */
  readonly size?: number;
}

/** Why a test cannot make the disk fail here, or `undefined` if it can. */
export async function whyNoStrace(): Promise<string | undefined> {
  const args = ["-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true"];
  try {
    const { success } = await new Deno.Command("strace", { args, stderr: "null" }).output();
    return success ? undefined : "strace may not be used";
  } catch {
    return "there is no strace";
  }
}

/** Puts messages into a file while system calls fail, and returns what was done. */
export async function putWithFailures(
  { path, engine, durability, count, size = 20 }: PutOptions,
  failure?: Failure,
): Promise<Event[]> {
  const folder = Deno.makeTempDirSync();
  try {
    const inject = failure
      ? [
        "-e",
        `inject=${failure.calls}:error=${failure.error}:when=${failure.from}..${failure.to}`,
      ]
      : [];
    const program = ["run", "-A", "--no-check", "--quiet", PROGRAM];
    const { success, stderr } = await new Deno.Command("strace", {
      args: [
        ...["-ff", "-y", "-s", "200", "-e", "signal=none", "-o", `${folder}/trace`],
        // Only calls on these files are traced, counted and made to fail: not the program's other use of the disk.
        ...["", "-wal", "-said"].flatMap((part) => ["-P", `${path}${part}`]),
        ...["-e", "trace=fsync,fdatasync,pwrite64,write", ...inject],
        ...[Deno.execPath(), ...program, path, engine, durability, `${count}`, `${size}`],
      ],
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    // Each thread has a file of its own; one of them does the work.
    const traces = [...Deno.readDirSync(folder)].map(({ name }) =>
      Deno.readTextFileSync(`${folder}/${name}`)
    );
    const events = traces.map((trace) => trace.split("\n").flatMap(eventOf));
    return events.find((events) => events.some(({ did }) => did === "say")) ?? [];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** How many calls of a kind there were until the outcome of a message was printed. */
export function callsBefore(events: readonly Event[], did: "sync" | "write", n: number): number {
  const match = events.findIndex((event) => event.did === "say" && event.n === n);
  return events.slice(0, match).filter((event) => event.did === did).length;
}

function eventOf(line: string): Event[] {
  const match = /^write\(\d+<[^>]*-said>, "(\d+) (\w+) (\w+)\\n"/.exec(line);
  if (match) {
    const [n, outcome, readable] = match.slice(1).map((word) => /^\d+$/.test(word) ? +word : word);
    return [{ did: "say", n: n as number, outcome: outcome!, readable: readable! }];
  }
  const called = /^(fsync|fdatasync|pwrite64)\(\d+<([^>]*)>.* = (-?\d+)/.exec(line);
  if (!called) return [];
  const did = called[1] === "pwrite64" ? "write" : "sync";
  return [{ did, file: called[2]!.replace(/.*\//, ""), failed: called[3]!.startsWith("-") }];
}
