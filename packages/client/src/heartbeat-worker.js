// Beats for a page whose own timers sleep while it is hidden. A file of its own, since many pages forbid scripts out of a blob.
let timer;
self.onmessage = ({ data: ms }) => {
  clearInterval(timer);
  if (ms > 0) timer = setInterval(() => postMessage("beat"), ms);
};
postMessage("ready");
