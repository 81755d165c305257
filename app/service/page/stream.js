// The connection to GET /live: opens it, keeps it, and says how it is.

// After the service has refused or vanished, ask again this often.
const retry = 2000;

/**
 * Watches with rates over `range` and calls `on.view`, `on.points`, `on.alerts`
 * with each event's data, and `on.state` with "live" or "lost". Returns a function
 * that ends it.
 */
export function watch(range, on) {
  let source = null;
  let timer = 0;

  const open = () => {
    source = new EventSource(`/live?range=${encodeURIComponent(range)}`);
    for (const name of ["view", "points", "alerts"]) {
      source.addEventListener(name, (event) => {
        on.state("live");
        on[name](JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => {
      on.state("lost");
      // A browser comes back by itself after a broken connection, but gives up
      // when the answer is not a stream: a service that is full or starting.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(timer);
        timer = setTimeout(open, retry);
      }
    });
  };

  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
