// Registries, their metrics and snapshots.
import { IctusError, UNKNOWN, made, native, need, str, written } from './native.js';
import { withFamilyOptions, withRegistryOptions } from './options.js';

export { IctusError };

const FORMATS = { text: 0, openmetrics: 1, protobuf: 2 };
const SURFACES = { default: 0, legacy: 1, documented: 2, canonical: 4 };

const CONTENT_TYPES = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** Returns the number of a name; the error lists the known names. */
function numbered(kind, names, given) {
  if (!Object.hasOwn(names, given)) {
    throw new TypeError(`unknown ${kind} ${JSON.stringify(given)}: use ${Object.keys(names).join(', ')}`);
  }
  return names[given];
}

/** Something of libictus that is freed when it is closed, or when nothing refers to it any more. */
class Owned {
  #pointer;
  #free;
  static #forgotten = new FinalizationRegistry(({ free, pointer }) => free(pointer));

  constructor(pointer, free) {
    this.#pointer = pointer;
    this.#free = free;
    Owned.#forgotten.register(this, { free, pointer }, this);
  }

  /** The argument of the functions of libictus; null after `close`, for which they return an error. */
  get pointer() {
    return this.#pointer;
  }

  /** Frees the object. The recorded data stays. */
  close() {
    if (this.#pointer !== null) {
      Owned.#forgotten.unregister(this);
      this.#free(this.#pointer);
      this.#pointer = null;
    }
  }
}

/** A total that only grows. */
export class Counter extends Owned {
  constructor(pointer) {
    super(pointer, native.counter_free);
  }

  /** Adds to the total. Returns false for a negative or infinite number and NaN, which are counted as rejected. */
  inc(by = 1) {
    return native.counter_add(this.pointer, by) === 0;
  }
}

/** A state of this process; the sum over living processes is shown. */
export class Gauge extends Owned {
  constructor(pointer) {
    super(pointer, native.gauge_free);
  }

  /** Sets it. */
  set(to) {
    return native.gauge_set(this.pointer, to) === 0;
  }

  /** Adds to it, or takes off it. */
  add(by) {
    return native.gauge_add(this.pointer, by) === 0;
  }
}

/** Durations in seconds. */
export class Timer extends Owned {
  constructor(pointer) {
    super(pointer, native.timer_free);
  }

  /**
   * Records a duration. Returns false for a negative or infinite one and NaN, which are counted as rejected.
   *
   * `traceId` is the id of a trace, which histograms show as an exemplar. If it is invalid, the duration is
   * recorded without it, and the result is false.
   */
  observe(seconds, traceId) {
    const status =
      traceId === undefined || traceId === null
        ? native.timer_observe(this.pointer, seconds)
        : native.timer_observe_exemplar(this.pointer, seconds, str(traceId));
    return status === 0;
  }

  /** Starts a measurement. The returned function records the duration and returns it in seconds. */
  start() {
    const begun = process.hrtime.bigint();
    return (traceId) => {
      const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
      this.observe(seconds, traceId);
      return seconds;
    };
  }

  /** Measures a function; if it returns a promise or another thenable, until that is settled. */
  time(work, traceId) {
    const measured = this.start();
    const end = () => void measured(traceId);
    let result;
    try {
      result = work();
    } catch (raised) {
      end();
      throw raised;
    }
    if (typeof result?.then === 'function') {
      return Promise.resolve(result).finally(end);
    }
    end();
    return result;
  }
}

/** The recorded data of one instant. */
export class Snapshot extends Owned {
  constructor(pointer) {
    super(pointer, native.snapshot_free);
  }

  /** The value of a counter or gauge; undefined where nothing was recorded. */
  value(name, ...labels) {
    return this.#found((out) =>
      native.snapshot_value(this.pointer, str(name), labels.map(str), labels.length, out),
    );
  }

  /** Count, sum and length of the window of a timer; undefined where nothing was recorded. */
  timing(name, ...labels) {
    const result = this.#found((out) =>
      native.snapshot_timing(this.pointer, str(name), labels.map(str), labels.length, out),
    );
    return result && { count: Number(result.count), sum: result.sum, window: Number(result.window) };
  }

  /** Exact quantiles of a timer's window, for numbers from 0 to 1. */
  quantiles(shares, name, ...labels) {
    const out = new Float64Array(shares.length);
    const given = Float64Array.from(shares);
    const status = native.snapshot_quantiles(
      this.pointer,
      str(name),
      labels.map(str),
      labels.length,
      given,
      given.length,
      out,
    );
    if (status === UNKNOWN) {
      return undefined;
    }
    need(status);
    return Array.from(out);
  }

  #found(call) {
    const out = [null];
    const status = call(out);
    if (status === UNKNOWN) {
      return undefined;
    }
    need(status);
    return out[0];
  }
}

/**
 * An endpoint for Prometheus, on a separate thread. It runs until it is closed, or until the program ends: you need
 * not keep it.
 */
export class Exporter extends Owned {
  static #running = new Set();

  constructor(pointer) {
    super(pointer, native.exporter_stop);
    Exporter.#running.add(this);
  }

  /** Stops the endpoint. */
  close() {
    Exporter.#running.delete(this);
    super.close();
  }

  /** The address that it listens at. */
  get address() {
    return written((write) => native.exporter_address(this.pointer, write, null)).toString();
  }
}

/** Where metrics are recorded: this process's memory, or a directory that processes share. */
export class Registry extends Owned {
  #directory;

  constructor(directory, options = {}) {
    const pointer = withRegistryOptions(options, (given) =>
      directory === undefined
        ? made((out) => native.registry_new_with(given, out))
        : made((out) => native.registry_open_with(str(directory), given, out)),
    );
    super(pointer, native.registry_free);
    this.#directory = directory;
  }

  /** A counter's series; labels are an object of names and values. Keep it: each call looks up the series. */
  counter(name, help = '', labels = {}) {
    return new Counter(this.#series(native.counter_new, name, help, labels));
  }

  /** A gauge's series. */
  gauge(name, help = '', labels = {}) {
    return new Gauge(this.#series(native.gauge_new, name, help, labels));
  }

  /** A timer's series, with options for a family that this process has not registered yet. */
  timer(name, help = '', labels = {}, options = undefined) {
    if (options === undefined) {
      return new Timer(this.#series(native.timer_new, name, help, labels));
    }
    return withFamilyOptions(
      options,
      (given) => new Timer(this.#series(native.timer_new_with, name, help, labels, given)),
    );
  }

  /** Removes a series. Returns false if it does not exist. Its handles record nothing afterwards; create them again. */
  remove(name, labels = {}) {
    const [names, values] = [Object.keys(labels).map(str), Object.values(labels).map(str)];
    const status = native.registry_remove(this.pointer, str(name), names, values, names.length);
    if (status === UNKNOWN) {
      return false;
    }
    need(status);
    return true;
  }

  /**
   * Removes the series that no process has updated for some seconds. Returns the number of series that were
   * removed from this process. The first call starts to watch counters and gauges: call it from time to time.
   */
  removeIdle(seconds) {
    return Number(made((out) => native.registry_remove_idle(this.pointer, seconds, out)));
  }

  /** Returns the recorded data of this process, or of all processes of the directory. */
  snapshot() {
    return new Snapshot(made((out) => native.snapshot_new(this.pointer, out)));
  }

  /** The same for Prometheus, as bytes: `text`, `openmetrics` or `protobuf`. */
  render(format = 'text', surface = 'default') {
    const [kind, shown] = [numbered('format', FORMATS, format), numbered('surface', SURFACES, surface)];
    return written((write) => native.registry_render(this.pointer, kind, shown, write, null));
  }

  /** Serves the directory at an address like `127.0.0.1:9464`; port 0 is any free one. */
  serve(address, surface = 'default') {
    if (this.#directory === undefined) {
      throw new TypeError('a registry in memory cannot be served: give it a directory');
    }
    const shown = numbered('surface', SURFACES, surface);
    return new Exporter(made((out) => native.exporter_start(str(this.#directory), str(address), shown, out)));
  }

  /**
   * Returns a listener for a server of node:http, or a handler for Express. The format is OpenMetrics for clients
   * that accept it, otherwise Prometheus's text format.
   *
   * `register` is a register of prom-client, whose metrics follow in the same response, in the text format.
   */
  handler(surface = 'default', register = undefined) {
    numbered('surface', SURFACES, surface);
    if (register !== undefined && !register.contentType.startsWith('text/plain')) {
      throw new TypeError(
        `a register with the content type ${register.contentType}: use one with text/plain`,
      );
    }
    return async (request, response) => {
      const accept = request.headers.accept ?? '';
      const isOpen = register === undefined && accept.includes('application/openmetrics-text');
      const format = isOpen ? 'openmetrics' : 'text';
      let body;
      try {
        const own = this.render(format, surface);
        body = register === undefined ? own : Buffer.concat([own, Buffer.from(await register.metrics())]);
      } catch (error) {
        response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
        response.end(`${error.message}\n`);
        return;
      }
      response.writeHead(200, {
        'content-type': CONTENT_TYPES[format],
        'content-length': body.length,
        vary: 'accept',
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
  }

  #series(make, name, help, labels, ...options) {
    const [names, values] = [Object.keys(labels).map(str), Object.values(labels).map(str)];
    return made((out) =>
      make(this.pointer, str(name), str(help), names, values, names.length, ...options, out),
    );
  }
}
