//! The live page for those who have no mouse, see little or nothing, or hold a phone:
//! the criteria named are those of WCAG 2.2 (<https://www.w3.org/TR/WCAG22/>).

use crate::support::TIMEOUT;
use crate::support::browser::{Browser, ENTER, RIGHT, TAB};
use crate::support::server::Server;
use serde_json::{Value, json};

/// The page is connected and has drawn something.
const DRAWN: &str = "Number(document.getElementById('traffic').dataset.points)";

#[test]
fn the_controls_can_be_reached_and_used_by_keyboard() {
    let server = Server::start(&["--traffic", "20"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    browser.wait(TIMEOUT, "document.getElementById('delay').value");

    let mut reached = Vec::new();
    let mut preset = None;
    for _ in 0..60 {
        browser.press([TAB]);
        let focused = browser.run(
            "const e = document.activeElement;
             const ring = getComputedStyle(e);
             return [e.id || e.textContent.trim(), ring.outlineStyle !== 'none' && ring.outlineWidth !== '0px', e.tagName]",
        );
        let name = focused[0].as_str().unwrap_or_default().to_owned();
        if focused[2] == "BODY" {
            break;
        }
        assert_eq!(focused[1], true, "the focus cannot be seen on {name}");
        if name == "Constant" && preset.is_none() {
            browser.press([ENTER]);
            preset = Some(browser.wait(
                TIMEOUT,
                "document.activeElement.getAttribute('aria-pressed') === 'true'",
            ));
        }
        if name == "rate-slider" {
            browser.press([RIGHT]);
        }
        reached.push(name);
    }
    for control in [
        "pause",
        "range",
        "rate",
        "rate-slider",
        "error-rate",
        "error-rate-slider",
        "delay",
        "Apply",
        "Copy",
        "distribution-toggle",
        "announce",
        "API docs",
        "Metrics",
    ] {
        assert!(
            reached.iter().any(|name| name == control),
            "{control} is not in {reached:?}"
        );
    }
    assert_eq!(preset, Some(Value::Bool(true)));
    browser.wait(TIMEOUT, "document.getElementById('rate').value === '50'");
    assert_eq!(server.get("/control/traffic").json()["rate"], 50.0);
}

#[test]
fn it_fits_a_phone_and_can_be_read_in_light_and_dark() {
    let server = Server::start(&["--traffic", "20"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    for width in [320, 390, 768, 1280] {
        let size =
            json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        browser.devtools("Emulation.setDeviceMetricsOverride", &size);
        let fits =
            format!("document.documentElement.scrollWidth <= {width} && innerWidth === {width}");
        browser.wait(TIMEOUT, &fits);
    }
    for scheme in ["light", "dark"] {
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.devtools("Emulation.setEmulatedMedia", &feature);
        let poor = browser.run(CONTRAST);
        assert_eq!(poor, json!([]), "{scheme}");
    }
}

/// Returns the pairs of colours that are nearer to each other than WCAG 2.2 allows:
/// text below 4.5 (success criterion 1.4.3), lines and bars below 3 (1.4.11).
const CONTRAST: &str = "
  const style = getComputedStyle(document.documentElement);
  const luminance = (name) => {
    const hex = style.getPropertyValue('--' + name).trim();
    const [r, g, b] = [1, 3, 5].map((i) => {
      const c = parseInt(hex.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = ['ink', 'muted'].flatMap((name) => ['page', 'card', 'sunken'].map((on) => [name, on, 4.5]))
    .concat([['gold', 'card', 4.5], ['bad', 'card', 4.5], ['bad', 'bad-soft', 4.5], ['gold', 'gold-soft', 4.5],
             ['good', 'sunken', 4.5], ['card', 'ink', 4.5]])
    .concat(['word', 'string', 'range', 'label', 'number'].map((name) => ['code-' + name, 'sunken', 4.5]));
  const lines = ['p50', 'p95', 'p99', 'success', 'client-error', 'cancelled', 'server-error', 'shed', 'timeout',
                 'concurrency', 'queue', 'cpu', 'memory', 'fds', 'runtime', 'rules', 'score', 'reference'].map((name) => [name, 'card', 3]);
  return [...texts, ...lines].filter(([a, b, least]) => !(contrast(a, b) >= least))
    .map(([a, b]) => `${a} on ${b}: ${contrast(a, b).toFixed(2)}`);
";

#[test]
fn what_is_drawn_can_be_read_without_seeing_it() {
    let server = Server::start(&["--traffic", "50"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('latency').dataset.points)",
    );

    let unnamed = browser.run(
        "return [...document.querySelectorAll('input, select, button, section, article, nav')]
           .filter((e) => !e.closest('[hidden]'))
           .filter((e) => !(e.labels?.length || e.ariaLabel || e.textContent.trim()
                            || document.getElementById(e.getAttribute('aria-labelledby'))))
           .map((e) => e.outerHTML.slice(0, 80))",
    );
    assert_eq!(unnamed, json!([]));
    let landmarks = browser.run(
        "return ['header', 'main', 'nav', 'footer', 'h1'].filter((name) => !document.querySelector(name))",
    );
    assert_eq!(landmarks, json!([]));

    // Each graph says its values, and has them in a table beside it.
    browser.wait(
        TIMEOUT,
        "[...document.querySelectorAll('.chart')].every((chart) => /\\d/.test(chart.ariaLabel))",
    );
    browser.wait(
        TIMEOUT,
        "[...document.querySelectorAll('.legend table')].filter((table) => /\\d/.test(table.tBodies[0].textContent)).length === 5",
    );
    browser.click("#distribution-toggle");
    browser.wait(
        TIMEOUT,
        "document.querySelector('#distribution-table tbody tr')",
    );

    // On demand the values are said aloud.
    browser.click("#announce");
    let said = browser.wait(
        TIMEOUT,
        "document.getElementById('announcement').textContent",
    );
    assert!(
        said.as_str()
            .is_some_and(|said| said.starts_with("Latency")),
        "{said}"
    );

    // What moves can be stopped.
    browser.click("#pause");
    browser.wait(
        TIMEOUT,
        "document.getElementById('connection').dataset.state === 'paused'",
    );
    // Three seconds' worth of points later nothing has been drawn.
    let drawn = browser.run(
        "const panel = document.getElementById('traffic');
         const before = panel.dataset.points;
         return new Promise((done) => {
           const source = new EventSource('/live');
           let events = 0;
           source.addEventListener('points', () => {
             if (++events < 4) return;
             source.close();
             done([before, panel.dataset.points]);
           });
         })",
    );
    assert_eq!(drawn[0], drawn[1]);
}
