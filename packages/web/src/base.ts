/** Where this server begins: its scripts stand one folder below, whatever path a proxy has put before. Ends with a slash. */
export const BASE = new URL("..", import.meta.url).href;
