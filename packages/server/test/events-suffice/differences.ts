/**
 * Where two JSON values differ, one line for each place. Pure.
 * @param untold paths that may differ
 */
export function differences(after: unknown, byEvents: unknown, untold: ReadonlySet<string>, path = ""): string[] {
  if (untold.has(path) || Bun.deepEquals(after, byEvents, true)) return [];
  if (!isTree(after) || !isTree(byEvents) || Array.isArray(after) !== Array.isArray(byEvents)) {
    return [`${path || "state"}: the server shows ${text(after)}, the events give ${text(byEvents)}`];
  }
  const keys = [...new Set([...Object.keys(after), ...Object.keys(byEvents)])];
  return keys.flatMap((key) => differences(after[key], byEvents[key], untold, path === "" ? key : `${path}.${key}`));
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
