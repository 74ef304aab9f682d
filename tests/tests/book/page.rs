//! What a page of the book asks its reader to do.

use anyhow::{Context, Result, ensure};
use spiderpool_tests::shown::is_like;

/// One thing to do.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Write a file.
    File {
        /// Where.
        path: String,
        /// What.
        text: String,
    },
    /// Type a command.
    Command {
        /// The page's line.
        line: usize,
        /// The command.
        text: String,
        /// What the page shows as its output.
        shown: String,
    },
}

/// All steps of a page, in order.
pub(crate) fn steps(page: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut file: Option<String> = None;
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        if let Some(path) = line.trim().strip_prefix("<!-- file: ") {
            file = Some(path.strip_suffix(" -->").context("a file comment without its end")?.to_owned());
            continue;
        }
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let block: Vec<(usize, &str)> = lines
            .by_ref()
            .take_while(|(_, line)| line.trim() != "```")
            .map(|(number, line)| (number + 1, line.get(indent..).unwrap_or_default()))
            .collect();
        if let Some(path) = file.take() {
            let text = block.iter().flat_map(|(_, line)| [line, "\n"]).collect();
            steps.push(Step::File { path, text });
        } else if language == "console" {
            session(&block, &mut steps)?;
        }
    }
    Ok(steps)
}

fn session(block: &[(usize, &str)], steps: &mut Vec<Step>) -> Result<()> {
    let first = steps.len();
    for (number, line) in block {
        if let Some(text) = line.strip_prefix("$ ") {
            steps.push(Step::Command { line: *number, text: text.to_owned(), shown: String::new() });
            continue;
        }
        ensure!(steps.len() > first, "line {number}: output before any command");
        let Some(Step::Command { text, shown, .. }) = steps.last_mut() else { continue };
        match line.strip_prefix("> ") {
            Some(more) if shown.is_empty() => {
                text.push('\n');
                text.push_str(more);
            }
            _ => {
                shown.push_str(line);
                shown.push('\n');
            }
        }
    }
    Ok(())
}

/// Whether what was printed is what is shown, but for blanks at the ends of lines and a last line without its end.
pub(crate) fn matches(shown: &str, printed: &str) -> bool {
    let lines =
        |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines_match(&lines(shown), &lines(printed))
}

fn lines_match(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((any, rest)) if any.trim() == "…" => {
            (0..=printed.len()).any(|skip| lines_match(rest, printed.get(skip..).unwrap_or_default()))
        }
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| is_like(line, first) && lines_match(rest, others)),
    }
}

#[test]
fn pages_are_read() {
    let page = "# Do\n\n<!-- file: a.yaml -->\n```yaml\nx: 1\n```\n1. then\n   ```console\n   $ one \\\n   > --two\n   out\n\n   more\n   $ three\n   ```\n```sh\nnot run\n```\n";
    let command =
        |line, text: &str, shown: &str| Step::Command { line, text: text.into(), shown: shown.into() };
    assert_eq!(
        steps(page).unwrap(),
        [
            Step::File { path: "a.yaml".into(), text: "x: 1\n".into() },
            command(9, "one \\\n--two", "out\n\nmore\n"),
            command(14, "three", ""),
        ]
    );
    assert!(steps("```console\nno command\n```\n").is_err());
}

#[test]
fn output_is_compared() {
    for (shown, printed, want) in [
        ("", "", true),
        ("a\n", "a", true),
        ("a  \nb\n\n", "a\nb\n", true),
        ("a\n", "b\n", false),
        ("a …s ago\n", "a 12s ago\n", true),
        ("a …s ago\n", "a 12m ago\n", false),
        ("…:…:… x\n", "11:22:33 x\n", true),
        ("…\nend\n", "1\n2\nend\n", true),
        ("a\n…\n", "a\n", true),
        ("a\n…\nb\n", "a\nc\n", false),
        ("a\n", "a\nb\n", false),
    ] {
        assert_eq!(matches(shown, printed), want, "{shown:?} {printed:?}");
    }
}
