import { create } from "qrcode/lib/core/qrcode.js";

/** Light modules around the code that scanners need. */
const QUIET = 4;

/** A text as a QR code: its dark modules as one path, and the width of the whole. */
export function outlineOf(text: string): { d: string; size: number } {
  const { modules } = create(text, { errorCorrectionLevel: "M" });
  return { d: outline(modules), size: modules.size + 2 * QUIET };
}

/** Dark modules as one path: a bar for each run in a row. */
function outline({ size, data }: { size: number; data: ArrayLike<number> }): string {
  let path = "";
  for (let y = 0; y < size; y++) {
    for (let x = 0, run = 0; x < size; x += Math.max(run, 1)) {
      run = 0;
      while (x + run < size && data[y * size + x + run]) run += 1;
      if (run > 0) path += `M${x + QUIET} ${y + QUIET}h${run}v1h-${run}z`;
    }
  }
  return path;
}
