import { openWriter } from "./open.ts";
import type { FromThread, ToThread } from "./threaded-runner.ts";
import type { InlineRunner } from "./writer.ts";

/** The writer thread's loop: opens the database when told where, then runs one batch after another. */
export function serveWriter(): void {
  let runner: InlineRunner | undefined;
  const reply = (message: FromThread) => postMessage(JSON.stringify(message));
  self.onmessage = async (event: MessageEvent<string>) => {
    const message = JSON.parse(event.data) as ToThread;
    if ("open" in message) {
      runner = openWriter(message.open);
      reply({ opened: true });
    } else if ("batch" in message) {
      if (!runner) throw new Error("a batch came before the database was opened");
      reply({ reply: await runner.run(message.batch) });
    } else {
      await runner?.close();
      reply({ closed: true });
    }
  };
}
