//! The README's text, and the commands in it.

/// All of it.
pub const README: &str = include_str!("../../README.md");

/// The commands of all blocks marked `sh`, a continued line being one command.
pub fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    let mut in_block = false;
    let mut command = String::new();
    for line in README.lines() {
        if line.starts_with("```") {
            in_block = line == "```sh";
        } else if in_block && !line.trim().is_empty() {
            match line.strip_suffix('\\') {
                Some(part) => command += part,
                None => commands.push(std::mem::take(&mut command) + line),
            }
        }
    }
    commands
}
