import { Command } from "@parley/protocol";
import type { Random } from "./seeded.ts";

export interface WildFrame {
  /** 1 text, 2 binary, 9 ping, 10 pong. */
  readonly opcode: number;
  readonly body: Buffer;
}

const TYPES: readonly unknown[] = [
  ...Object.values(Command),
  0,
  -1,
  4,
  115,
  2 ** 53,
  1e308,
  1.5,
  "3",
  null,
  true,
  [],
  {},
];
const ODD: readonly unknown[] = [
  0,
  -0,
  -1,
  1,
  2 ** 53,
  -(2 ** 53),
  1e308,
  5e-324,
  "",
  " ",
  "null",
  "\u0000",
  "\ud800",
  "🎈".repeat(50),
  "a".repeat(3000),
  null,
  true,
  false,
  [],
  {},
  [[]],
  { a: 1 },
  "__proto__",
  "0123456789abcdef;*@1",
  "0123456789abcdef;room:1@999999999999999",
];

/** One frame as a hostile or broken client may send it. */
export function randomFrame(random: Random, token: string): WildFrame {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const value = (depth: number): unknown => {
    const chance = random();
    if (depth > 3 || chance < 0.6) return pick(ODD);
    if (chance < 0.8) return Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1));
    const keys = ["token", "cursor", "max", "roomId", "type", "__proto__", "constructor", "toString", "x"];
    return Object.fromEntries(Array.from({ length: 3 }, () => [pick(keys), value(depth + 1)]));
  };
  const good = () =>
    pick([
      { type: Command.AUTHORIZE, data: { token: pick([token, "pl_x"]) } },
      { type: Command.LOGIN },
      { type: Command.HEARTBEAT },
      { type: Command.RESUME, data: { cursor: pick(ODD), max: pick(ODD) } },
      { type: Command.TYPING, data: { roomId: pick([1, 2, 3, 10 ** 12]) } },
    ]);
  const text = (content: string): WildFrame => ({ opcode: 1, body: Buffer.from(content) });
  const json = (content: unknown) => text(JSON.stringify(content) ?? "");
  const chance = random();
  if (chance < 0.3) return json(good());
  if (chance < 0.55) return json({ type: pick(TYPES), data: value(0) });
  if (chance < 0.65) return json(value(0));
  if (chance < 0.72) return text(`${'{"type":102,"data":'.repeat(pick([1, 50, 400]))}`);
  if (chance < 0.79) return text("[".repeat(pick([10, 1000, 8000])));
  if (chance < 0.84) return text(`{"type":${"9".repeat(pick([20, 400, 4000]))}}`);
  if (chance < 0.88) return text('{"type":3,"type":2,"data":{"token":{"toString":1}},"__proto__":{"type":101}}');
  if (chance < 0.92) return { opcode: 2, body: Buffer.from(JSON.stringify(good())) };
  if (chance < 0.95) return { opcode: pick([9, 10]), body: Buffer.from("x".repeat(Math.floor(random() * 125))) };
  if (chance < 0.97) return text("x".repeat(pick([8192, 8193, 20_000])));
  // These bytes are not UTF-8: cut sequences, surrogates, overlong forms.
  return { opcode: 1, body: Buffer.from(pick(["22c3", "eda080", "c080", "f8888080", "7b22ff22"]), "hex") };
}
