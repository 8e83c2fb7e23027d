/** A call of libictus answered with another status than 0. */
export class IctusError extends Error {
  /** The number, as `ictus.h` has it. */
  readonly status: number;
}

export type Format = 'text' | 'openmetrics' | 'protobuf';
export type Surface = 'default' | 'legacy' | 'documented' | 'canonical';
export type Labels = Readonly<Record<string, string | number>>;

declare class Owned {
  /** What the functions of libictus take. */
  readonly pointer: unknown;
  /** Frees it. What was recorded stays. */
  close(): void;
}

/** A total that only grows. */
export class Counter extends Owned {
  private constructor();
  /** Adds to it; false for what is negative or no finite number, which is counted as rejected. */
  inc(by?: number): boolean;
}

/** A state of this process; the sum over living processes is shown. */
export class Gauge extends Owned {
  private constructor();
  /** Sets it. */
  set(to: number): boolean;
  /** Adds to it, or takes off it. */
  add(by: number): boolean;
}

/** Durations in seconds. */
export class Timer extends Owned {
  private constructor();
  /** Records one; false for what is negative or no finite number, which is counted as rejected. */
  observe(seconds: number): boolean;
  /** Measures a function; one that gives a promise until that is settled. */
  time<T>(work: () => T): T;
}

/** Lifetime count and sum of a timer, and how many observations its window has. */
export interface Timing {
  readonly count: number;
  readonly sum: number;
  readonly window: number;
}

/** What was recorded at one instant. Label values are in the order of the family's label names. */
export class Snapshot extends Owned {
  private constructor();
  /** The value of a counter or gauge; undefined where nothing was recorded. */
  value(name: string, ...labels: string[]): number | undefined;
  /** What a timer has; undefined where nothing was recorded. */
  timing(name: string, ...labels: string[]): Timing | undefined;
  /** Exact quantiles of a timer's window, for numbers from 0 to 1; NaN where it is empty. */
  quantiles(shares: readonly number[], name: string, ...labels: string[]): number[] | undefined;
}

/** An endpoint for Prometheus, on a thread of its own. */
export class Exporter extends Owned {
  private constructor();
  /** The address that it listens at. */
  readonly address: string;
}

/** Where metrics are recorded: this process's memory, or a directory that processes share. */
export class Registry extends Owned {
  constructor(directory?: string);
  /** A counter's series. Keep it: making it looks it up. */
  counter(name: string, help?: string, labels?: Labels): Counter;
  /** A gauge's series. */
  gauge(name: string, help?: string, labels?: Labels): Gauge;
  /** A timer's series. */
  timer(name: string, help?: string, labels?: Labels): Timer;
  /** What was recorded, here or in the directory by all of its processes. */
  snapshot(): Snapshot;
  /** The same for Prometheus. */
  render(format?: Format, surface?: Surface): Buffer;
  /** Serves the directory at an address like `127.0.0.1:9464`; port 0 is any free one. */
  serve(address: string, surface?: Surface): Exporter;
}
