//! The screen of the tool that runs, set for the back row: the lines that the tool wrote, wrapped to the pane and not to the
//! tool's columns, the last ones where not all fit.

use crate::store::{Part, Store};
use greenroom_show::Terminal;
use leptos::prelude::*;

/// Starts the line that shows a command.
const PROMPT: &str = "$ ";

#[derive(Debug, Clone, Default, PartialEq)]
struct Line {
    runs: Vec<StyledRun>,
}

#[derive(Debug, Clone, PartialEq)]
struct StyledRun {
    class: String,
    text: String,
}

#[component]
pub fn TerminalView(demo: String) -> impl IntoView {
    let store = expect_context::<Store>();
    let lines = Memo::new(move |_| {
        store.read(&[Part::Terminal, Part::Replay], |show| {
            show.run(&demo).map(|run| lines(&run.terminal)).unwrap_or_default()
        })
    });
    let count = Memo::new(move |_| lines.read().len());
    view! {
        <div class="terminal" data-testid="terminal" role="log" aria-live="off">
            <div class="window">
                <div class="lines"><For each=move || 0..count.get() key=|row| *row let(row)>
                    {
                        let line = Memo::new(move |_| lines.read().get(row).cloned().unwrap_or_default());
                        view! { <TerminalLine line /> }
                    }
                </For></div>
            </div>
            <Show when=move || count.get() == 0>
                <p class="idle" aria-label="Shows what the tool prints, once a step runs">"$ "<i></i></p>
            </Show>
        </div>
    }
}

#[component]
fn TerminalLine(line: Memo<Line>) -> impl IntoView {
    let runs = move || {
        let runs = line.get().runs.into_iter();
        runs.map(|run| view! { <span class=run.class>{run.text}</span> }).collect::<Vec<_>>()
    };
    view! { <div class="line" class:command=move || line.read().is_command()>{runs}</div> }
}

impl Line {
    fn is_command(&self) -> bool {
        self.runs.first().is_some_and(|run| run.text.starts_with(PROMPT))
    }

    fn push(&mut self, cell: &avt::Cell) {
        let class = class(cell.pen());
        match self.runs.last_mut() {
            Some(run) if run.class == class => run.text.push(cell.char()),
            _ => self.runs.push(StyledRun { class, text: cell.char().to_string() }),
        }
    }

    fn trim(&mut self) {
        while let Some(run) = self.runs.last_mut() {
            run.text.truncate(run.text.trim_end().len());
            if !run.text.is_empty() {
                return;
            }
            self.runs.pop();
        }
    }
}

/// Lines as the tool wrote them: rows that the terminal wrapped are one again.
fn lines(terminal: &Terminal) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    for row in terminal.screen().visible_lines() {
        // A wide character has two cells, the second of no width.
        row.cells().iter().filter(|cell| cell.width() > 0).for_each(|cell| line.push(cell));
        if !row.is_wrapped() {
            line.trim();
            lines.push(std::mem::take(&mut line));
        }
    }
    while lines.last().is_some_and(|line| line.runs.is_empty()) {
        lines.pop();
    }
    lines
}

fn class(pen: &avt::Pen) -> String {
    let mut class = match pen.foreground() {
        Some(avt::Color::Indexed(index @ 0..16)) => format!("c{} ", index % 8),
        // A tool's own shades are not part of the stage's few colours.
        None | Some(avt::Color::Indexed(_) | avt::Color::RGB(_)) => String::new(),
    };
    for (is, name) in
        [(pen.is_bold(), "bold"), (pen.is_faint(), "dim"), (pen.is_italic(), "italic"), (pen.is_inverse(), "inverse")]
    {
        if is {
            class.push_str(name);
            class.push(' ');
        }
    }
    class
}
