//! `GET /runbook`: the runbook as a page, so that the `runbook_url` of an alert opens
//! where the alert is read, without the repository and without a network beyond it.
//!
//! It is `docs/runbook.md`, embedded in the binary and rendered once. Nothing may enter
//! here that is not in that file.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::response::Response;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use golden_http::asset::{Asset, HTML};

const MARKDOWN: &str = include_str!("../../../docs/runbook.md");

/// The page around it.
const TEMPLATE: &str = include_str!("../page/runbook.html");

/// What the template has in its place.
const PLACE: &str = "<!-- runbook -->";

static PAGE: LazyLock<String> = LazyLock::new(|| TEMPLATE.replace(PLACE, &rendered(MARKDOWN)));

/// The runbook.
pub async fn runbook(headers: HeaderMap) -> Response {
    let page = Asset {
        name: "runbook.html",
        content_type: HTML,
        body: &PAGE,
    };
    page.answer(&headers)
}

/// As HTML, in which every heading has an id: its text in lower case, as in the anchors
/// that GitHub makes of headings of one word.
fn rendered(markdown: &str) -> String {
    let mut events: Vec<_> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let mut taken = BTreeSet::new();
    for at in 0..events.len() {
        let (before, after) = events.split_at_mut(at + 1);
        if let Event::Start(Tag::Heading { id, .. }) = &mut before[at] {
            let own = anchor(after);
            if taken.insert(own.clone()) {
                *id = Some(CowStr::from(own));
            }
        }
    }
    // A link to a file of the repository leads nowhere from here: its text remains.
    let mut in_repository = false;
    events.retain(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => {
            in_repository = !(dest_url.starts_with('#') || dest_url.contains("://"));
            !in_repository
        }
        Event::End(TagEnd::Link) => !std::mem::take(&mut in_repository),
        _ => true,
    });
    let mut page = String::new();
    html::push_html(&mut page, events.into_iter());
    page
}

/// What the heading that these events begin within is called in a link.
fn anchor(heading: &[Event<'_>]) -> String {
    let within = heading
        .iter()
        .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let text = within.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(&**text),
        _ => None,
    });
    text.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_ids_and_links_into_the_repository_are_text() {
        let page = rendered(
            "## NoTraffic\n\nSee [the rules](../prometheus/rules/alerts.rules.yml), [above](#notraffic) \
             and <http://127.0.0.1:9090>: `a < b`.\n\n| a |\n|---|\n| 1 |\n",
        );
        assert!(
            page.contains(r#"<h2 id="notraffic">NoTraffic</h2>"#),
            "{page}"
        );
        assert!(
            page.contains(r##"<a href="#notraffic">above</a>"##),
            "{page}"
        );
        assert!(
            page.contains(r#"<a href="http://127.0.0.1:9090">"#),
            "{page}"
        );
        assert!(page.contains("See the rules, "), "{page}");
        assert!(page.contains("<code>a &lt; b</code>"), "{page}");
        assert!(page.contains("<td>1</td>"), "{page}");
    }

    /// The page loads nothing that is not served, and nothing from elsewhere.
    #[test]
    fn the_whole_runbook_stands_in_its_page() {
        assert!(!PAGE.contains(PLACE));
        let sections = MARKDOWN.matches("\n## ").count();
        assert_eq!(PAGE.matches("<h2 id=").count(), sections);
        assert!(!PAGE.contains("<script") && !PAGE.contains("style="));
    }
}
