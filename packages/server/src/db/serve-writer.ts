import type { DatabaseRunner } from "./database-runner.ts";
import { openWriter } from "./open.ts";
import type { ProcedureTable } from "./procedures.ts";
import type { FromThread, ToThread } from "./threaded-runner.ts";

/** The writer thread's loop: opens the database when told where, then runs one batch after another. */
export function serveWriter(table: ProcedureTable): void {
  let runner: DatabaseRunner | undefined;
  /** What a test set the time to. */
  let setTime = 0;
  const setClock = { now: () => setTime };
  const reply = (message: FromThread) => postMessage(JSON.stringify(message));
  self.onmessage = async (event: MessageEvent<string>) => {
    const message = JSON.parse(event.data) as ToThread;
    if ("open" in message) {
      runner = openWriter(message.open, { table, clock: message.ownTime ? setClock : undefined });
      reply({ opened: true });
    } else if ("batch" in message) {
      if (!runner) throw new Error("a batch came before the database was opened");
      setTime = message.now ?? 0;
      reply({ reply: await runner.run(message.batch) });
    } else if ("truncateJournal" in message) {
      try {
        reply({ isEmpty: (await runner?.truncateJournal()) ?? false });
      } catch (error) {
        reply({ failed: (error as Error).message });
      }
    } else {
      await runner?.close();
      reply({ closed: true });
    }
  };
}
