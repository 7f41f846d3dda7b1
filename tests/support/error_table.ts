/**
 * The table of errors, as the documentation shows it.
 *
 * @module
 */

/** What an error carries: names in code, those with a `?` only sometimes. */
export function fieldsInWords(fields: object): string {
  return Object.entries(fields)
    .map(([name, presence]) => `\`${name}${presence === "always" ? "" : "?"}\``).join(", ");
}
