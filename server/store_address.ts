/**
 * Where messages are kept, as it is written in an option.
 *
 * @module
 */

/**
 * The path of a file of SQLite, from what an option says. What people write for other programs' sake, and what would name
 * a file that nobody means, is refused.
 *
 * @param store the option, such as `sqlite:queue.db`
 * @returns the path; `undefined` if the option says no file at all
 * @throws {RangeError} if it is written wrongly; the reason is in words
 */
export function filePath(store: string): string | undefined {
  const path = /^sqlite:(.*)$/is.exec(store)?.[1];
  if (path === undefined || path === "") return undefined;
  const wrong = fault(path);
  if (wrong === undefined) return path;
  throw new RangeError(
    `Cannot serve: store is "sqlite:PATH", ${wrong}, got ${JSON.stringify(store)}`,
  );
}

function fault(path: string): string | undefined {
  if (path === ":memory:") return 'and for messages in memory it is "memory"';
  if (path.startsWith("//")) {
    return "without slashes before the path: sqlite:queue.db, or sqlite:/var/lib/queue.db";
  }
  if (/^file:|^[a-z][a-z\d+.-]+:\/\//i.test(path)) return "where PATH is a path and no address";
  if (/\?[^/]*=/.test(path)) return "and takes no options behind a ?";
  if (/^~/.test(path)) return "where ~ does not stand for a folder: write the whole path";
  if (/^["'`]|["'`]$/.test(path)) return "and quotes would be a part of the path";
  if (/^\s|\s$/.test(path)) return "and spaces around it would be a part of the path";
  // deno-lint-ignore no-control-regex -- that is what it looks for
  if (/[\x00-\x1f\x7f]/.test(path)) return "where PATH has no control characters";
  if (/[/\\]$/.test(path)) return "where PATH is a file and no folder";
  return undefined;
}
