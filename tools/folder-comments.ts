import { dirname } from "node:path";
import type { Source } from "./sources.ts";

const ROOMS = ["packages/server/src/", "packages/client/src/"];
const FEWEST_LINES = 5;

/** Each folder's main file has a comment that says what the folder is for, before or right after the imports. */
export function folderCommentsCheck(sources: readonly Source[]): string[] {
  const rooms = new Map<string, boolean>();
  for (const { path, text, isTest } of sources) {
    const room = dirname(path);
    if (isTest || !ROOMS.some((rooms) => path.startsWith(rooms) && `${room}/` !== rooms)) continue;
    rooms.set(room, (rooms.get(room) ?? false) || hasOpeningComment(text));
  }
  return [...rooms]
    .filter(([, said]) => !said)
    .map(([room]) => `no file of ${room} opens with a comment of ${FEWEST_LINES} lines or more on what it is for`);
}

function hasOpeningComment(text: string): boolean {
  const afterImports = text.replace(/^(?:\s*import\b[^;]*;)+/, "");
  return [text, afterImports].some((start) => {
    const comment = /^\s*\/\*[\s\S]*?\*\//.exec(start)?.[0].trim();
    return comment !== undefined && comment.split("\n").length >= FEWEST_LINES;
  });
}
