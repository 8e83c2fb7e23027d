import type { IncomingMessage, ServerResponse } from 'node:http';

/** A call of libictus answered with another status than 0. */
export class IctusError extends Error {
  /** The number, as `ictus.h` has it. */
  readonly status: number;
}

export type Format = 'text' | 'openmetrics' | 'protobuf';
export type Surface = 'default' | 'legacy' | 'documented' | 'canonical';
export type Labels = Readonly<Record<string, string | number>>;

/** Options of a family. An option that is left out has its default. Times are in seconds. */
export interface FamilyOptions {
  /** How many of a timer's newest observations quantiles are computed of: 1 to 65,536; 1,000 by default. */
  readonly window?: number | undefined;
  /** Age at which an observation leaves the window. */
  readonly maxAge?: number | undefined;
  /** Time after which a series that no process updates is removed. */
  readonly expireAfter?: number | undefined;
  /** Maximum number of series, 1,000 by default; further label sets share one overflow series. */
  readonly maxSeries?: number | undefined;
  /** Ascending upper bounds of a histogram. */
  readonly buckets?: readonly number[] | undefined;
  /** False records a timer without buckets. */
  readonly distribution?: boolean | undefined;
}

/** Options of a registry and of its families, except timers with separate options. */
export interface RegistryOptions extends FamilyOptions {
  /** Number of a group of users that share the directory. */
  readonly group?: number | undefined;
  /** Allows names of metrics and labels with any characters. */
  readonly utf8Names?: boolean | undefined;
}

/** The part of prom-client's `Registry` that a handler uses. */
export interface PromClientRegister {
  readonly contentType: string;
  metrics(): Promise<string>;
}

declare class Owned {
  /** The argument of the functions of libictus. */
  readonly pointer: unknown;
  /** Frees the object. The recorded data stays. */
  close(): void;
}

/** A total that only grows. */
export class Counter extends Owned {
  private constructor();
  /** Adds to the total. Returns false for a negative or infinite number and NaN, which are counted as rejected. */
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
  /**
   * Records a duration. Returns false for a negative or infinite one and NaN, which are counted as rejected.
   *
   * `traceId` is the id of a trace, which histograms show as an exemplar. If it is invalid, the duration is
   * recorded without it, and the result is false.
   */
  observe(seconds: number, traceId?: string): boolean;
  /** Starts a measurement. The returned function records the duration and returns it in seconds. */
  start(): (traceId?: string) => number;
  /** Measures a function; if it returns a promise, until that is settled. */
  time<T>(work: () => T, traceId?: string): T;
}

/** Lifetime count and sum of a timer, and how many observations its window has. */
export interface Timing {
  readonly count: number;
  readonly sum: number;
  readonly window: number;
}

/** The recorded data of one instant. Label values are in the order of the family's label names. */
export class Snapshot extends Owned {
  private constructor();
  /** The value of a counter or gauge; undefined where nothing was recorded. */
  value(name: string, ...labels: string[]): number | undefined;
  /** Returns the state of a timer's series; undefined if nothing was recorded. */
  timing(name: string, ...labels: string[]): Timing | undefined;
  /** Exact quantiles of a timer's window, for numbers from 0 to 1; NaN where it is empty. */
  quantiles(shares: readonly number[], name: string, ...labels: string[]): number[] | undefined;
}

/** An endpoint for Prometheus, on a separate thread. */
export class Exporter extends Owned {
  private constructor();
  /** The address that it listens at. */
  readonly address: string;
}

/** Where metrics are recorded: this process's memory, or a directory that processes share. */
export class Registry extends Owned {
  constructor(directory?: string, options?: RegistryOptions);
  /** A counter's series. Keep it: each call looks up the series. */
  counter(name: string, help?: string, labels?: Labels): Counter;
  /** A gauge's series. */
  gauge(name: string, help?: string, labels?: Labels): Gauge;
  /** A timer's series, with options for a family that this process has not registered yet. */
  timer(name: string, help?: string, labels?: Labels, options?: FamilyOptions): Timer;
  /** Removes a series. Returns false if it does not exist. Its handles record nothing afterwards; create them again. */
  remove(name: string, labels?: Labels): boolean;
  /**
   * Removes the series that no process has updated for some seconds. Returns the number of series that were
   * removed from this process. The first call starts to watch counters and gauges: call it from time to time.
   */
  removeIdle(seconds: number): number;
  /** Returns the recorded data of this process, or of all processes of the directory. */
  snapshot(): Snapshot;
  /** The same for Prometheus. */
  render(format?: Format, surface?: Surface): Buffer;
  /** Serves the directory at an address like `127.0.0.1:9464`; port 0 is any free one. */
  serve(address: string, surface?: Surface): Exporter;
  /**
   * Returns a listener for a server of node:http, or a handler for Express. The format is OpenMetrics for clients
   * that accept it, otherwise Prometheus's text format.
   *
   * `register` is a register of prom-client, whose metrics follow in the same response, in the text format.
   */
  handler(
    surface?: Surface,
    register?: PromClientRegister,
  ): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}
