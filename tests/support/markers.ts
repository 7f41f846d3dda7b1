/**
 * Texts by which messages are found in files.
 *
 * @module
 */

/** A marker: the topic of a message, and a number. */
const MARKER = /<(\w+)-(\d+)>/g;

/**
 * Finds the markers in all files of a folder, wherever they are in them.
 *
 * @param folder the path of the folder
 * @returns the markers
 */
export function markersIn(folder: string): Set<string> {
  const found = new Set<string>();
  for (const { name } of Deno.readDirSync(folder)) {
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(`${folder}/${name}`));
    for (const [marker] of text.matchAll(MARKER)) found.add(marker);
  }
  return found;
}
