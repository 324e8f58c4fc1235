import { z } from "zod";
import type { MessageKind, Surroundings } from "../src/messages/kinds/kind.ts";

const sent = z.object({ latitude: z.number().min(-90).max(90), longitude: z.number(), label: z.string().max(20) });
type Location = z.infer<typeof sent>;

/** The stored form and the shown form have different names. */
type Stored = Omit<Location, "label"> & { readonly name: string };
type Shown = Pick<Surroundings, "atUidList" | "reply"> & {
  readonly place: Omit<Location, "label">;
  readonly name: string;
};

/** A kind that this server does not have, a place on the map: it proves that a new kind takes one file. */
export const location: MessageKind<Location, Stored, Shown> = {
  type: 42,
  sent,
  store: ({ latitude, longitude, label }) => ({ latitude, longitude, name: label }),
  show: ({ latitude, longitude, name }, { atUidList, reply }) => ({
    place: { latitude, longitude },
    name,
    atUidList,
    reply,
  }),
  quote: ({ name }) => `[${name}]`,
};
