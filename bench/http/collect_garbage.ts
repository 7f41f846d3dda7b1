/**
 * Loaded before a server whose memory is measured: it collects its garbage when it gets SIGUSR2. Needs `--v8-flags=--expose-gc`.
 *
 * @module
 */

const { gc } = globalThis as unknown as { gc(): void };
Deno.addSignalListener("SIGUSR2", () => gc());
