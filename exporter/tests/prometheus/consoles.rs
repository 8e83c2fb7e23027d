//! docs/fleet/consoles: the console that Prometheus itself serves, with the numbers of its queries.

use ictus::{
    Registry,
    catalog::{TASK_EXECUTE_TIME, TASK_POLL},
};

use super::{
    ictus_command,
    programs::{installed, until},
    server::{Prometheus, now},
};

/// A task type that would be markup, and would end a string of PromQL.
const HOSTILE: &str = "<b>\"}) or vector(1)\\";

/// Returns the texts of the cells in the row of a name; none if there is no such row.
fn row(page: &str, name: &str) -> Option<Vec<String>> {
    let (_, row) = page.split_once(&format!("<tr><th scope=\"row\">{name}</th>"))?;
    let cells = row.split("</tr>").next()?.split("<td>").skip(1);
    Some(cells.map(|cell| cell.split(['>', '<']).nth(2).unwrap().to_owned()).collect())
}

/// Returns the queries to which the numbers of a page lead.
fn queries(page: &str) -> Vec<String> {
    let links = page.split("href=\"/graph?").skip(1).map(|rest| rest.split('"').next().unwrap());
    let decoded = links.map(|link| link.replace("&amp;", "&").replace("&#43;", "+"));
    let of = |link: String| {
        let mut pairs = form_urlencoded::parse(link.as_bytes());
        pairs.find(|(name, _)| name == "g0.expr").unwrap().1.into_owned()
    };
    decoded.map(of).collect()
}

#[test]
fn the_console_shows_each_task_type_under_every_set_of_names() {
    if !installed(&["prometheus", "setpriv"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let (_serving, endpoint) = ictus_command::serve(directory.path());
    let server = Prometheus::start(&["conductor", "conductor-canonical"], false, endpoint, endpoint);
    assert!(server.page("/consoles/conductor.html").contains("No job has metrics of Ictus"));

    let executed = registry.catalog_timer(&TASK_EXECUTE_TIME).unwrap();
    let polls = registry.catalog_counter(&TASK_POLL).unwrap();
    let record = || {
        for (task, status, times, seconds) in
            [("resize", "SUCCESS", 30, 0.25), ("resize", "FAILURE", 10, 9.0), (HOSTILE, "SUCCESS", 1, 90.0)]
        {
            let timer = executed.labels(&[task, status]).unwrap();
            (0..times).for_each(|_| timer.observe(seconds));
        }
        polls.labels(&["resize"]).unwrap().inc();
    };
    record();
    // A rate needs growth between two scrapes.
    server.until_scraped(2, now());
    record();
    let page = || server.page("/consoles/conductor.html?job=conductor");
    let is_complete = |page: &str| row(page, "resize").is_some_and(|cells| cells[1] == "25%");
    until("rates", || is_complete(&page()));

    let page = page();
    let cells = row(&page, "resize").unwrap();
    assert_eq!(cells[1..5], ["25%", "250ms", "250ms", "250ms"], "failures and quantiles: {cells:?}");
    assert!(cells[0].parse::<f64>().unwrap() > 0.0 && cells[5].parse::<f64>().unwrap() > 0.0, "{cells:?}");
    let escaped = "&lt;b&gt;&#34;}) or vector(1)\\";
    let cells = row(&page, escaped).unwrap_or_else(|| panic!("{page}"));
    assert_eq!(cells[1..5], ["0%", "1m 30s", "1m 30s", "1m 30s"], "{cells:?}");
    assert!(!page.contains("<b>"), "labels are text");
    assert!(page.contains(&format!("<a href=\"http://{endpoint}/\">{endpoint}</a>")), "the live page");
    assert!(page.contains("<strong>conductor</strong>"));
    assert!(page.contains("href=\"?job=conductor-canonical\""));
    let all = queries(&page);
    assert_eq!(all.len(), 2 * 7 + 3);
    for query in &all {
        // Restarts are not recorded here.
        let is_empty = server.query(query, now()).is_empty();
        assert!(
            !is_empty || query.contains("worker_restart_total") || query.contains("task_poll"),
            "{query}"
        );
    }

    // Estimated from buckets, between bounds of 0.1 and 0.25 s.
    let canonical = || server.page("/consoles/conductor.html?job=conductor-canonical");
    until("rates of buckets", || is_complete(&canonical()));
    let cells = row(&canonical(), "resize").unwrap();
    assert!(cells[4].ends_with("ms") && cells[4].starts_with('2'), "{cells:?}");
    let none = server.page("/consoles/conductor.html?job=%22%7D%20or%20up");
    assert!(!none.contains("scope=\"row\""), "a name of a job is text: {none}");
}
