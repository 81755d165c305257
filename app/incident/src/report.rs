//! What is printed: JSON as the service has it, or text for people.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use simulation::incident::marks::FULL;

/// As JSON, or as text.
pub(crate) fn told(json: bool, value: &Value, text: fn(&Value) -> String) -> String {
    if json {
        format!("{value:#}\n")
    } else {
        text(value)
    }
}

/// How far a game has come, and what to do next.
pub(crate) fn state(state: &Value) -> String {
    let game = &state["game"];
    let next = match word(&state["state"]) {
        "armed" => "watch; `golden-signals incident declare` once something is wrong",
        "declared" => "find out what; `golden-signals incident diagnose FILE`",
        "diagnosed" => "`golden-signals incident reveal`",
        "running" => return format!("{} is running, openly\n", word(&state["kind"])),
        _ => return "no game is on; `golden-signals incident arm` begins one\n".to_owned(),
    };
    let mut told = format!("game    {}\n", word(&game["name"]));
    line(&mut told, "seal", word(&game["seal"]));
    line(&mut told, "armed", &time(&game["armed_at"]));
    let window = Duration::try_from_secs_f64(game["window_seconds"].as_f64().unwrap_or_default());
    let window = humantime::format_duration(window.unwrap_or_default());
    line(&mut told, "window", &window.to_string());
    for (name, at) in [("declared", "declared_at"), ("answered", "diagnosed_at")] {
        if game[at].is_number() {
            line(&mut told, name, &time(&game[at]));
        }
    }
    line(&mut told, "next", next);
    told
}

/// The truth and the marks.
pub(crate) fn revealed(ended: &Value) -> String {
    let revealed = &ended["revealed"];
    if !revealed.is_object() {
        return match ended["was"].as_str() {
            Some(was) => format!("it was {was}\n"),
            None => "no game was on\n".to_owned(),
        };
    }
    let mut told = format!("it was  {}\n", word(&revealed["incident"]));
    if revealed["onset_at"].is_number() {
        line(&mut told, "onset", &time(&revealed["onset_at"]));
        line(&mut told, "visible", &time(&revealed["visible_at"]));
        for field in ["signal", "component", "scope"] {
            let right = revealed[field].as_array().into_iter().flatten();
            let right: Vec<_> = right.filter_map(Value::as_str).collect();
            line(&mut told, field, &right.join(" or "));
        }
        line(&mut told, "level", &revealed["level"].to_string());
    }
    told += "\nmarks\n";
    let marks = &revealed["marks"];
    for (part, full) in FULL.parts() {
        let earned = marks[part].as_i64().unwrap_or_default();
        if full != 0 {
            let _ = writeln!(told, "  {part:<12}{earned:>4} of {full}");
        } else if earned != 0 {
            let _ = writeln!(told, "  {part:<12}{earned:>4}");
        }
    }
    let _ = writeln!(
        told,
        "  {:<12}{:>4} of 100",
        "total",
        marks["total"].to_string()
    );
    if let Some(why) = revealed["judgement"]["why"].as_str() {
        let _ = writeln!(told, "\nthe evidence: {why}");
    }
    let _ = write!(
        told,
        "\nwhat was sealed ({})\n{}",
        word(&ended["game"]["seal"]),
        word(&revealed["opening"])
    );
    told
}

/// That the seal is right.
pub(crate) fn verified(checked: &Value) -> String {
    format!(
        "the seal is right: {}\n\n{}",
        word(&checked["seal"]),
        word(&checked["opening"])
    )
}

/// The words of an answer, by field.
pub(crate) fn words(words: &Value) -> String {
    let mut told = String::new();
    for (field, of) in words.as_object().into_iter().flatten() {
        let of = of.as_array().into_iter().flatten();
        let of: Vec<_> = of
            .map(|word| {
                word.as_str()
                    .map_or_else(|| word.to_string(), ToOwned::to_owned)
            })
            .collect();
        let _ = writeln!(told, "{field}: {}", of.join(", "));
    }
    told += "since: a time, as 2026-11-28T09:41:00Z or in seconds since the Unix epoch\n\
             evidence: PromQL with one series that tells the incident from the quiet time\n";
    told
}

fn line(told: &mut String, name: &str, value: &str) {
    let _ = writeln!(
        told,
        "{name:<8}{}{value}",
        if name.len() < 8 { "" } else { " " }
    );
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn time(seconds: &Value) -> String {
    let since = Duration::try_from_secs_f64(seconds.as_f64().unwrap_or_default());
    let time = SystemTime::UNIX_EPOCH + since.unwrap_or_default();
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_are_told_part_by_part() {
        let ended = json!({
            "game": {"seal": "ab"},
            "revealed": {
                "incident": "errors: a further 20% of the requests fail",
                "opening": "golden-signals incident\n",
                "onset_at": 1_764_322_000.5, "visible_at": 1_764_322_060.5,
                "signal": ["errors"], "component": ["handler"], "scope": ["some"], "level": 1,
                "marks": {"detect": 20, "total": 5, "false_alarm": -15},
                "judgement": {"separation": null, "why": "it has 2 series"},
            },
        });
        let told = revealed(&ended);
        for line in [
            "it was  errors: a further 20% of the requests fail",
            "onset   2025-11-28T09:26:40Z",
            "component handler",
            "  detect        20 of 20",
            "  since          0 of 10",
            "  false_alarm  -15",
            "  total          5 of 100",
            "the evidence: it has 2 series",
            "what was sealed (ab)",
        ] {
            assert!(told.lines().any(|told| told == line), "{line} in {told}");
        }
        assert_eq!(revealed(&json!({})), "no game was on\n");
    }
}
