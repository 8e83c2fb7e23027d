//! Query parameters and headers of a request, parsed into a [`Query`].

use hyper::Request;
use ictus::surface::View;

use super::negotiate;
use crate::{filter::Filter, query::Query, source::Source};

/// Parses the query of a request. Unknown keys are ignored: scrapers and proxies add their own.
pub(super) fn query<B>(source: &Source, request: &Request<B>) -> ictus::Result<Query> {
    let pairs = request.uri().query().unwrap_or_default();
    let view = view(source, pairs)?;
    let filter = Filter::new(values(pairs, "name[]"));
    let native = native(source, pairs);
    let (format, escaping) = negotiate::format(request.headers());
    Ok(Query { view, format, filter, native, escaping })
}

/// Returns the view that a query selects; that of the source if it selects none.
pub(super) fn view(source: &Source, pairs: &str) -> ictus::Result<View> {
    let names = values(pairs, "surface").join(",");
    if names.is_empty() {
        return Ok(source.view().clone());
    }
    let mut view = names.parse::<View>()?;
    view.summaries = source.view().summaries;
    view.own_state = source.view().own_state;
    view.labels.clone_from(&source.view().labels);
    Ok(view)
}

/// Returns whether native histograms are requested. Values other than 0 and 1 have no effect.
fn native(source: &Source, pairs: &str) -> bool {
    let requested = values(pairs, "native");
    let has = |answer: &str| requested.iter().any(|requested| requested == answer);
    has("1") || source.native() && !has("0")
}

/// Returns the non-blank values of a key. A list in a scrape configuration arrives as one pair for
/// each of its entries.
fn values(pairs: &str, key: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(pairs.as_bytes());
    let values = pairs.filter(|(name, value)| name == key && !value.trim().is_empty());
    values.map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{native, view};
    use ictus::surface::View;

    use crate::source::Source;

    #[test]
    fn surface_is_parsed_in_every_spelling() {
        let source = Source::from_fn(|_| String::new());
        let both = "legacy,documented".parse::<View>().unwrap();
        for query in [
            "surface=legacy,documented",
            "surface=legacy%2Cdocumented",
            "surface=legacy&surface=documented",
            "x=1&surface=legacy%2c+documented&y",
        ] {
            assert_eq!(view(&source, query).unwrap(), both, "{query}");
        }
    }

    #[test]
    fn a_query_without_a_surface_keeps_the_view() {
        let mut shown = "legacy".parse::<View>().unwrap();
        shown.summaries = true;
        let source = Source::from_fn(|_| String::new()).with_view(shown.clone());
        for query in ["", "x=1", "&&=", "surface=", "surface", "surfaces=canonical", "%ff%", "name[]=up"] {
            assert_eq!(view(&source, query).unwrap(), shown, "{query}");
        }
        assert!(view(&source, "surface=documented").unwrap().summaries);
    }

    #[test]
    fn invalid_combination_is_refused() {
        let source = Source::from_fn(|_| String::new());
        for query in ["surface=legcy", "surface=legacy,canonical", "surface=canonical&surface=legacy"] {
            assert!(view(&source, query).is_err(), "{query}");
        }
    }

    #[test]
    fn native_parameter_overrides_the_source() {
        let source = |native| Source::from_fn(|_| String::new()).with_native(native);
        for (query, with, without) in [
            ("", true, false),
            ("x=1&native", true, false),
            ("native=yes", true, false),
            ("native=1", true, true),
            ("native=0", false, false),
            ("native=0&native=1", true, true),
        ] {
            assert_eq!(
                (native(&source(true), query), native(&source(false), query)),
                (with, without),
                "{query}"
            );
        }
    }
}
