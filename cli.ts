/** x @module */
/** x */
export async function main(): Promise<void> {}
