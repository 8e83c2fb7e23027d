// Registries, and what they are made of.
import { IctusError, UNKNOWN, made, native, need, str, written } from './native.js';

export { IctusError };

const FORMATS = { text: 0, openmetrics: 1, protobuf: 2 };
const SURFACES = { default: 0, legacy: 1, documented: 2, canonical: 4 };

/** The number of a name, or an error that says which there are. */
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

  /** What the functions of libictus take; null once it is closed, which they answer with an error. */
  get pointer() {
    return this.#pointer;
  }

  /** Frees it. What was recorded stays. */
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

  /** Adds to it; false for what is negative or no finite number, which is counted as rejected. */
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

  /** Records one; false for what is negative or no finite number, which is counted as rejected. */
  observe(seconds) {
    return native.timer_observe(this.pointer, seconds) === 0;
  }

  /** Measures a function; one that gives a promise until that is settled. */
  time(work) {
    const begun = process.hrtime.bigint();
    const end = () => this.observe(Number(process.hrtime.bigint() - begun) / 1e9);
    let result;
    try {
      result = work();
    } catch (raised) {
      end();
      throw raised;
    }
    if (typeof result?.then === 'function') {
      return result.finally(end);
    }
    end();
    return result;
  }
}

/** What was recorded at one instant. */
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
    const found = this.#found((out) =>
      native.snapshot_timing(this.pointer, str(name), labels.map(str), labels.length, out),
    );
    return found && { count: Number(found.count), sum: found.sum, window: Number(found.window) };
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

/** An endpoint for Prometheus, on a thread of its own. */
export class Exporter extends Owned {
  constructor(pointer) {
    super(pointer, native.exporter_stop);
  }

  /** The address that it listens at. */
  get address() {
    return written((write) => native.exporter_address(this.pointer, write, null)).toString();
  }
}

/** Where metrics are recorded: this process's memory, or a directory that processes share. */
export class Registry extends Owned {
  #directory;

  constructor(directory) {
    const pointer =
      directory === undefined
        ? made((out) => native.registry_new(out))
        : made((out) => native.registry_open(str(directory), out));
    super(pointer, native.registry_free);
    this.#directory = directory;
  }

  /** A counter's series; labels are an object of names and values. Keep it: making it looks it up. */
  counter(name, help = '', labels = {}) {
    return new Counter(this.#series(native.counter_new, name, help, labels));
  }

  /** A gauge's series. */
  gauge(name, help = '', labels = {}) {
    return new Gauge(this.#series(native.gauge_new, name, help, labels));
  }

  /** A timer's series. */
  timer(name, help = '', labels = {}) {
    return new Timer(this.#series(native.timer_new, name, help, labels));
  }

  /** What was recorded, here or in the directory by all of its processes. */
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

  #series(make, name, help, labels) {
    const [names, values] = [Object.keys(labels), Object.values(labels)];
    return made((out) =>
      make(this.pointer, str(name), str(help), names.map(str), values.map(str), names.length, out),
    );
  }
}
