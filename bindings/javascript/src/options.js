// Options of families and registries. An option that is undefined has its default.
import { made, native, need } from './native.js';

const FAMILY = {
  window: (options, value) => native.family_options_set_window(options, uint('window', value)),
  maxAge: (options, value) => native.family_options_set_max_age(options, number('maxAge', value)),
  expireAfter: (options, value) =>
    native.family_options_set_expire_after(options, number('expireAfter', value)),
  maxSeries: (options, value) => native.family_options_set_max_series(options, uint('maxSeries', value)),
  buckets: (options, value) => {
    const bounds = Float64Array.from(value, (bound) => number('buckets', bound));
    return native.family_options_set_buckets(options, bounds, bounds.length);
  },
  distribution: (options, value) => (value ? 0 : native.family_options_set_no_distribution(options)),
};
const REGISTRY = {
  group: (options, value) => native.registry_options_set_group(options, uint('group', value)),
  utf8Names: (options, value) => native.registry_options_set_utf8_names(options, value ? 1 : 0),
};

function number(option, value) {
  if (typeof value !== 'number') {
    throw new TypeError(`invalid option ${option}: ${String(value)} is no number`);
  }
  return value;
}

/** The number, or an error instead of another number in C. */
function uint(option, value) {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new RangeError(`invalid option ${option}: ${String(value)} is no integer from 0 to 4294967295`);
  }
  return value;
}

function check(given, allowed) {
  for (const option of Object.keys(given)) {
    if (!Object.hasOwn(allowed, option)) {
      throw new TypeError(`unknown option ${option}: use ${Object.keys(allowed).join(', ')}`);
    }
  }
}

function set(options, setters, given) {
  for (const [option, change] of Object.entries(setters)) {
    if (given[option] !== undefined) {
      need(change(options, given[option]));
    }
  }
}

/** Calls a function with the options of a family. */
export function withFamilyOptions(given, use) {
  check(given, FAMILY);
  return useFamilyOptions(given, use);
}

function useFamilyOptions(given, use) {
  const options = made((out) => native.family_options_new(out));
  try {
    set(options, FAMILY, given);
    return use(options);
  } finally {
    native.family_options_free(options);
  }
}

/** Calls a function with the options of a registry. */
export function withRegistryOptions(given, use) {
  check(given, { ...FAMILY, ...REGISTRY });
  return useFamilyOptions(given, (families) => {
    const options = made((out) => native.registry_options_new(out));
    try {
      need(native.registry_options_set_families(options, families));
      set(options, REGISTRY, given);
      return use(options);
    } finally {
      native.registry_options_free(options);
    }
  });
}
