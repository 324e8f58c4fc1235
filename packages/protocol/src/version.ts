/** Version of the wire. Additions keep it; a change that an existing client would notice raises it. */
export const PROTOCOL_VERSION = 1;
