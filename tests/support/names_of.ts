/**
 * The names in a source file, read off its syntax tree, so that comments and texts do not count.
 *
 * @module
 */

/** The names of one source file. */
export interface Names {
  readonly file: string;
  /** What the file declares and exports; what it only re-exports is left out. */
  readonly exported: ReadonlySet<string>;
  /** Every identifier in it, `#private` ones included. */
  readonly used: ReadonlySet<string>;
}

/** Reads the names of a source file. */
export function namesOf(file: string, source: string): Names {
  const exported = new Set<string>();
  const used = new Set<string>();
  const plugin: Deno.lint.Plugin = {
    name: "architecture",
    rules: {
      names: {
        create: () => ({
          Identifier: ({ name }) => void used.add(name),
          PrivateIdentifier: ({ name }) => void used.add(name),
          ExportNamedDeclaration: ({ declaration }) => {
            if (!declaration) return;
            const declared = declaration.type === "VariableDeclaration"
              ? declaration.declarations.map(({ id }) => id)
              : ["id" in declaration ? declaration.id : undefined];
            for (const id of declared) if (id?.type === "Identifier") exported.add(id.name);
          },
        }),
      },
    },
  };
  Deno.lint.runPlugin(plugin, "source.ts", source);
  return { file, exported, used };
}

/** The words of a name: `maxQueuedBytes`, `MAX_QUEUED_BYTES` and `max_queued_bytes` have the same three. */
export function wordsOf(name: string): string[] {
  return name.split(/_|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)
    .map((word) => word.toLowerCase()).filter((word) => word !== "");
}
