// The functions of ictus.h, and how values cross to them.
import koffi from 'koffi';
import { loadLibrary } from './library.js';

const library = loadLibrary();

koffi.struct('ictus_str', { data: 'const char *', len: 'size_t' });
for (const noun of [
  'registry',
  'counter',
  'gauge',
  'timer',
  'snapshot',
  'exporter',
  'family_options',
  'registry_options',
]) {
  koffi.opaque(`ictus_${noun}`);
}
koffi.struct('ictus_timing', { count: 'uint64_t', sum: 'double', window: 'size_t' });
koffi.proto('int ictus_write_fn(void *context, const void *data, size_t len)');

const SERIES = 'const ictus_registry *, ictus_str, ictus_str, const ictus_str *, const ictus_str *, size_t';
const FOUND = 'const ictus_snapshot *, ictus_str, const ictus_str *, size_t';
const NUMBERED = 'const ictus_registry *, int, const ictus_str *, size_t';

/** Functions by their names in ictus.h, less `ictus_`. */
export const native = Object.fromEntries(
  [
    ['error_text', 'ictus_str', 'void'],
    ['status_text', 'ictus_str', 'int'],
    ['registry_new', 'int', '_Out_ ictus_registry **'],
    ['registry_open', 'int', 'ictus_str, _Out_ ictus_registry **'],
    ['registry_new_with', 'int', 'const ictus_registry_options *, _Out_ ictus_registry **'],
    ['registry_open_with', 'int', 'ictus_str, const ictus_registry_options *, _Out_ ictus_registry **'],
    [
      'registry_remove',
      'int',
      'const ictus_registry *, ictus_str, const ictus_str *, const ictus_str *, size_t',
    ],
    ['registry_remove_idle', 'int', 'const ictus_registry *, double, _Out_ size_t *'],
    ['family_options_new', 'int', '_Out_ ictus_family_options **'],
    ['family_options_set_window', 'int', 'ictus_family_options *, uint32_t'],
    ['family_options_set_max_age', 'int', 'ictus_family_options *, double'],
    ['family_options_set_expire_after', 'int', 'ictus_family_options *, double'],
    ['family_options_set_max_series', 'int', 'ictus_family_options *, uint32_t'],
    ['family_options_set_buckets', 'int', 'ictus_family_options *, const double *, size_t'],
    ['family_options_set_no_distribution', 'int', 'ictus_family_options *'],
    ['family_options_free', 'void', 'ictus_family_options *'],
    ['registry_options_new', 'int', '_Out_ ictus_registry_options **'],
    ['registry_options_set_families', 'int', 'ictus_registry_options *, const ictus_family_options *'],
    ['registry_options_set_group', 'int', 'ictus_registry_options *, uint32_t'],
    ['registry_options_set_utf8_names', 'int', 'ictus_registry_options *, int'],
    ['registry_options_free', 'void', 'ictus_registry_options *'],
    ['registry_free', 'void', 'ictus_registry *'],
    ['registry_render', 'int', 'const ictus_registry *, int, int, ictus_write_fn *, void *'],
    ['counter_new', 'int', `${SERIES}, _Out_ ictus_counter **`],
    ['counter_add', 'int', 'const ictus_counter *, double'],
    ['counter_free', 'void', 'ictus_counter *'],
    ['gauge_new', 'int', `${SERIES}, _Out_ ictus_gauge **`],
    ['gauge_set', 'int', 'const ictus_gauge *, double'],
    ['gauge_add', 'int', 'const ictus_gauge *, double'],
    ['gauge_free', 'void', 'ictus_gauge *'],
    ['timer_new', 'int', `${SERIES}, _Out_ ictus_timer **`],
    ['timer_observe', 'int', 'const ictus_timer *, double'],
    ['timer_new_with', 'int', `${SERIES}, const ictus_family_options *, _Out_ ictus_timer **`],
    ['timer_observe_exemplar', 'int', 'const ictus_timer *, double, ictus_str'],
    ['timer_free', 'void', 'ictus_timer *'],
    ['catalog_counter_new', 'int', `${NUMBERED}, _Out_ ictus_counter **`],
    ['catalog_gauge_new', 'int', `${NUMBERED}, _Out_ ictus_gauge **`],
    ['catalog_timer_new', 'int', `${NUMBERED}, _Out_ ictus_timer **`],
    ['snapshot_new', 'int', 'const ictus_registry *, _Out_ ictus_snapshot **'],
    ['snapshot_value', 'int', `${FOUND}, _Out_ double *`],
    ['snapshot_timing', 'int', `${FOUND}, _Out_ ictus_timing *`],
    ['snapshot_quantiles', 'int', `${FOUND}, const double *, size_t, _Out_ double *`],
    ['snapshot_free', 'void', 'ictus_snapshot *'],
    ['exporter_start', 'int', 'ictus_str, ictus_str, int, _Out_ ictus_exporter **'],
    ['exporter_address', 'int', 'const ictus_exporter *, ictus_write_fn *, void *'],
    ['exporter_stop', 'void', 'ictus_exporter *'],
  ].map(([name, result, parameters]) => [name, library.func(`${result} ictus_${name}(${parameters})`)]),
);

/** Codes of ictus_status that are not failures of a call to make something. */
export const UNKNOWN = 12;
/** Codes whose calls leave the text of an earlier failure. */
const WITHOUT_TEXT = [7, 14];

/** A call answered with another status than 0. */
export class IctusError extends Error {
  constructor(status) {
    const text = WITHOUT_TEXT.includes(status) ? '' : native.error_text().data;
    super(text || native.status_text(status).data);
    this.name = 'IctusError';
    /** The number, as ictus.h has it. */
    this.status = status;
  }
}

/** Throws where a call failed. */
export function need(status) {
  if (status !== 0) {
    throw new IctusError(status);
  }
}

/** A string as libictus takes it. */
export function str(text) {
  const written = String(text);
  return { data: written, len: Buffer.byteLength(written) };
}

/** Returns the value that a call puts into its last argument. */
export function made(call) {
  const out = [null];
  need(call(out));
  return out[0];
}

/** Returns the bytes that a call writes in pieces. */
export function written(call) {
  const pieces = [];
  const write = koffi.register((_context, data, len) => {
    pieces.push(Buffer.from(koffi.decode(data, koffi.array('uint8_t', Number(len)))));
    return 0;
  }, 'ictus_write_fn *');
  try {
    need(call(write));
  } finally {
    koffi.unregister(write);
  }
  return Buffer.concat(pieces);
}
