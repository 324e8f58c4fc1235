import { Store } from "../../src/store/store.ts";
import { ModelClient } from "./model-client.ts";
import { ModelServer } from "./model-server.ts";

/** A store with a small window, its client and the model of a server; each test makes its own. */
export function modelStore({ now = (): number => 0 } = {}) {
  return () => {
    const server = new ModelServer();
    const client = new ModelClient(server);
    const errors: unknown[] = [];
    const how = { backoff: { backoffFirstMs: 0, backoffMaxMs: 0 }, random: () => 0, now };
    const options = { page: 3, messagesKept: 6, onError: (error: unknown) => void errors.push(error) };
    const store = new Store(client, options, how);
    /** Lets everything that is on its way arrive. */
    const settle = async () => {
      for (let quiet = 0; quiet < 3; ) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        const waits = client.asked.length > 0;
        client.serve(0);
        client.arrive(0);
        quiet = client.hear() || waits ? 0 : quiet + 1;
      }
    };
    return { server, client, store, errors, settle };
  };
}
