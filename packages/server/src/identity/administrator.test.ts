import { expect, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { createRates } from "../limits/rates.ts";
import { countAct } from "./administrator.ts";

test("ADM-3: an administrator does 60 acts a minute, and 2 000 a day", () => {
  using time = new StillTime();
  const rates = createRates({ enabled: true, signInsOverall: 1 });
  const act = (uid: number) => countAct({ rates }, { uid });
  const refused = (counts: string) =>
    expect.objectContaining({ code: "rate_limited", message: expect.stringContaining(counts) });
  for (let done = 0; done < 2000; done++) {
    if (done > 0 && done % 60 === 0) {
      expect(() => act(1)).toThrow(refused("administrator actions; "));
      time.advance(60_000);
    }
    act(1);
  }
  time.advance(60_000);
  expect(() => act(1)).toThrow(refused("administrator actions in a day"));
  expect(() => act(2)).not.toThrow();
});
