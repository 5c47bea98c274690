//! Draws the state. Changes nothing; every text that came from outside is safe before it arrives.

mod admin;
mod data;
mod grid;
mod overlay;
mod plan;
mod workspace;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::symbols::merge::MergeStrategy;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Widget, Wrap};

use crate::bus::registry::HINTS;
use crate::model::escape_control;

use super::app::{App, Level, Tab};
use super::keymap::{key_of, short};
use super::layout::{Pane, SMALLEST, WIDE, inner};
use super::overlay::Overlay;
use crate::tui::text;
use crate::tui::theme::Theme;

pub(super) use admin::{area as admin_area, kind_at as admin_at};
pub(super) use workspace::history_lines;

/// Draws the screen.
pub fn view(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    // The terminal has shrunk and its event is still on the way: nothing of the old size fits.
    if area.width < app.size.0 || area.height < app.size.1 {
        return;
    }
    frame.buffer_mut().set_style(area, app.theme.style("ui"));
    if app.screen.too_small {
        too_small(app, frame, area);
        return;
    }
    // All borders first: they merge with what stands there. The focused pane's is the last, so it is
    // the one seen where two meet.
    let focused = app.screen.pane(app.focus).map(|rect| (app.focus, rect));
    for (pane, rect) in app.screen.panes().filter(|(pane, _)| *pane != app.focus).chain(focused) {
        let border = app.theme.style(if app.focus == pane { "ui.border.focus" } else { "ui.border" });
        Block::new()
            .borders(Borders::ALL)
            .border_style(border)
            .merge_borders(MergeStrategy::Exact)
            .render(rect, frame.buffer_mut());
    }
    for (pane, rect) in app.screen.panes() {
        title(app, frame.buffer_mut(), pane, rect);
        draw_pane(app, frame, pane, rect);
    }
    admin::draw(app, frame);
    status(app, frame.buffer_mut());
    workspace::popup(app, frame.buffer_mut());
    overlay::draw(app, frame);
}

fn too_small(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = SMALLEST;
    let text =
        format!("{}x{} is too small: {width}x{height} or more is needed; :q quits", area.width, area.height);
    let paragraph = Paragraph::new(text).style(app.theme.style("ui.warning")).wrap(Wrap { trim: true });
    frame.render_widget(paragraph, area);
}

fn draw_pane(app: &App, frame: &mut Frame<'_>, pane: Pane, rect: Rect) {
    let focused = app.focus == pane && app.overlays.is_empty();
    let theme = &app.theme;
    let buffer = frame.buffer_mut();
    let inside = inner(rect);
    match pane {
        Pane::Tree => data::tree(app, buffer, inside, focused),
        Pane::Editor => {
            app.editor.draw(frame, inside, focused, theme);
            if focused && let Some(at) = app.editor.cursor(inside) {
                frame.set_cursor_position(at);
            }
        }
        Pane::Lower => match app.tab {
            Tab::Results => grid::rows(app, buffer, rect, inside, focused),
            Tab::Graph if app.graph.center().is_none() => {
                empty(
                    app,
                    buffer,
                    inside,
                    "No graph yet.",
                    &[("neighbours", "on a row of the results shows what is around it")],
                );
            }
            Tab::Graph => app.graph.draw(frame, inside, focused, theme),
            Tab::Plan if app.plan.is_empty() => {
                empty(
                    app,
                    buffer,
                    inside,
                    "No plan yet.",
                    &[("explain", "in the editor shows how a statement would run")],
                );
            }
            Tab::Plan => plan::draw(app, buffer, rect, inside, focused),
            Tab::Messages => data::lines(app, buffer, inside, &app.messages),
        },
        Pane::Inspector => data::inspector(app, buffer, rect, inside, focused),
    }
}

/// What an empty pane says: what it is for, and the keys that fill it.
fn empty(app: &App, buffer: &mut Buffer, inside: Rect, what: &str, ways: &[(&'static str, &str)]) {
    let theme = &app.theme;
    let mut lines = vec![Line::styled(what.to_owned(), theme.style("ui.text.muted"))];
    for (command, wher) in ways {
        let context = match *command {
            "browse" => "tree",
            "inspect" | "neighbours" => "results",
            _ => "editor",
        };
        lines.push(Line::from(vec![
            Span::styled(
                short(key_of(context, command, false).unwrap_or_default()),
                theme.style("ui.hint.key"),
            ),
            Span::styled(format!(" {wher}"), theme.style("ui.text.muted")),
        ]));
    }
    let height = u16::try_from(lines.len()).unwrap_or(1).min(inside.height);
    let area = Rect { y: inside.y + (inside.height - height) / 2, height, ..inside };
    Paragraph::new(lines).alignment(Alignment::Center).render(area, buffer);
}

const TAB_GAP: &str = " │ ";

fn tab_labels(app: &App) -> [(Tab, String); 4] {
    let results = match app.results.place() {
        (place, all) if all > 1 => format!(" {place}/{all}"),
        _ => String::new(),
    };
    Tab::ALL.map(|tab| {
        let number = match tab {
            Tab::Results => "3 ",
            Tab::Graph => "5 ",
            Tab::Plan | Tab::Messages => "",
        };
        let which = if tab == Tab::Results { results.as_str() } else { "" };
        (tab, format!("{number}{}{which}", tab.name()))
    })
}

/// The tab whose name stands at a column of the lower pane's border.
pub(super) fn tab_at(app: &App, rect: Rect, column: u16) -> Option<Tab> {
    let mut at = usize::from(rect.x) + 2;
    for (tab, label) in tab_labels(app) {
        let end = at + text::width(&label);
        if (at..end).contains(&usize::from(column)) {
            return Some(tab);
        }
        at = end + text::width(TAB_GAP);
    }
    None
}

fn title(app: &App, buffer: &mut Buffer, pane: Pane, rect: Rect) {
    let theme = &app.theme;
    let own = theme.style(if app.focus == pane { "ui.title.focus" } else { "ui.title" });
    let line = match pane {
        Pane::Tree => {
            let name = app.database.as_ref().map_or("…".into(), |d| escape_control(&d.name));
            Line::styled(format!("1 {name}"), own)
        }
        Pane::Editor => super::workspace::tabs::title(app, theme, rect),
        Pane::Inspector => Line::styled("4 Inspector", own),
        Pane::Lower => {
            let mut spans = Vec::new();
            for (i, (tab, label)) in tab_labels(app).into_iter().enumerate() {
                if i > 0 {
                    spans.push(Span::styled(TAB_GAP, theme.style("ui.border")));
                }
                let style = match (tab == app.tab, app.focus == pane) {
                    (true, true) => own,
                    (true, false) => theme.style("ui.tab.active"),
                    (false, _) => theme.style("ui.tab"),
                };
                spans.push(Span::styled(label, style));
            }
            Line::from(spans)
        }
    };
    let room = rect.width.saturating_sub(4);
    let mut spans = vec![Span::raw(" ")];
    spans.extend(line.spans.into_iter().map(|s| s.patch_style(line.style)));
    spans.push(Span::raw(" "));
    // Blanks before and after the name belong to the ground, not to the border.
    buffer.set_line(rect.x + 1, rect.y, &Line::from(spans), room + 2);
}

/// A line in pieces, each with the scope of its style.
fn styled<'l>(theme: &Theme, pieces: &'l [(String, &'static str)]) -> Line<'l> {
    pieces.iter().map(|(piece, scope)| Span::styled(piece.as_str(), theme.style(scope))).collect()
}

/// Writes at the right end of a pane's lower border.
fn foot(buffer: &mut Buffer, rect: Rect, label: &str, style: Style) {
    let label = text::cut(label, usize::from(rect.width.saturating_sub(6))).into_owned();
    let label = format!(" {label} ");
    let width = u16::try_from(text::width(&label)).unwrap_or(0);
    if rect.width > width + 2 {
        buffer.set_string(rect.right() - width - 2, rect.bottom() - 1, label, style);
    }
}

fn status(app: &App, buffer: &mut Buffer) {
    let rect = app.screen.status;
    let theme = &app.theme;
    buffer.set_style(rect, theme.style("ui.status"));
    if let Some(Overlay::Prompt(prompt)) = app.overlays.last() {
        return overlay::prompt(app, buffer, rect, prompt);
    }
    if let Some(Overlay::Input(input)) = app.overlays.last()
        && !input.is_cell()
    // What was found while it was typed is told beside it.
    {
        return overlay::input_line(app, buffer, rect, input);
    }
    let left = status_left(app);
    if let Some((level, notice)) = &app.notice {
        let mut mode = Line::from(left.spans.into_iter().take(1).collect::<Vec<_>>());
        // An open transaction is never out of sight.
        if app.in_transaction {
            mode.push_span(Span::styled("  Tx: open", theme.style("ui.warning")));
        }
        let used = u16::try_from(mode.width()).unwrap_or(0);
        buffer.set_line(rect.x, rect.y, &mode, rect.width);
        let room = usize::from(rect.width.saturating_sub(used + 3));
        buffer.set_string(
            rect.x + used + 2,
            rect.y,
            text::cut(notice, room),
            theme.style(level_scope(*level)),
        );
        return;
    }
    let used = u16::try_from(left.width()).unwrap_or(u16::MAX).min(rect.width);
    buffer.set_line(rect.x, rect.y, &left, rect.width);
    let room = usize::from(rect.width - used).saturating_sub(2);
    let (hints, width) = hints(app, room);
    if width > 0 {
        let x = rect.right().saturating_sub(u16::try_from(width).unwrap_or(0) + 1);
        buffer.set_line(x, rect.y, &hints, rect.width);
    }
}

fn level_scope(level: Level) -> &'static str {
    match level {
        Level::Info => "ui.warning",
        Level::Ok => "ui.ok",
        Level::Error => "ui.error",
    }
}

fn status_left(app: &App) -> Line<'static> {
    let theme = &app.theme;
    let strong = theme.style("ui.status.strong");
    let plain = theme.style("ui.status");
    let mut spans = Vec::new();
    let mode = match (app.focus, app.tab) {
        _ if app.admin.is_some() => app.admin.as_ref().map_or("", |screen| screen.kind.mode()),
        (Pane::Tree, _) => "TYPES",
        (Pane::Editor, _) => app.editor.mode_label(),
        (Pane::Inspector, _) => "INSPECT",
        (Pane::Lower, Tab::Results) => "RESULTS",
        (Pane::Lower, Tab::Graph) => "GRAPH",
        (Pane::Lower, Tab::Plan) => "PLAN",
        (Pane::Lower, Tab::Messages) => "MESSAGES",
    };
    match &app.running {
        Some(running) => {
            let since = text::span(app.now.saturating_sub(running.since));
            spans.push(Span::styled(format!(" RUNNING {since} "), theme.style("ui.status.mode.busy")));
        }
        None => {
            let scope = if app.is_typing() { "ui.status.mode.edit" } else { "ui.status.mode" };
            spans.push(Span::styled(format!(" {mode} "), theme.style(scope)));
        }
    }
    match &app.database {
        Some(db) => {
            let name = escape_control(&db.name).into_owned();
            spans.push(Span::styled(format!("  {}", text::cut(&name, 20)), strong));
            spans.push(Span::styled(if db.read_only { "  ro" } else { "  rw" }, plain));
            let open = app.in_transaction;
            let style = if open { theme.style("ui.warning") } else { plain };
            spans.push(Span::styled(if open { "  Tx: open" } else { "  Tx: auto" }, style));
        }
        None if app.is_opening() => spans.push(Span::styled("  opening …", plain)),
        None => spans.push(Span::styled("  no database", theme.style("ui.warning"))),
    }
    if let Some(progress) = &app.progress {
        let room = if app.size.0 >= WIDE { 70 } else { 44 };
        spans.push(Span::styled(format!("  {}", text::cut(progress, room)), theme.style("ui.warning")));
    } else if let Some(grid) = app.results.active()
        && app.tab == Tab::Results
        && app.focus != Pane::Inspector
        && app.admin.is_none()
    {
        // On a narrow screen it stands on the grid's lower border.
        if app.size.0 >= WIDE {
            spans.push(Span::styled(format!("  {}", grid.position()), strong));
        }
        if let Some(elapsed) = grid.elapsed {
            spans.push(Span::styled(format!("  {}", text::span(elapsed)), plain));
        }
    }
    if let Some(staged) = super::grid::edit::staged_words(app) {
        spans.push(Span::styled(format!("  {staged}"), theme.style("ui.warning")));
    }
    if let Some(count) = app.count {
        spans.push(Span::styled(format!("  {count}×"), theme.style("ui.hint.key")));
    }
    Line::from(spans)
}

/// Keys worth knowing here, as many as fit in so many columns, and the columns they take.
fn hints(app: &App, room: usize) -> (Line<'static>, usize) {
    let context = match app.overlays.last() {
        Some(Overlay::Cell(_)) => "cell",
        Some(Overlay::List(_)) => "list",
        Some(Overlay::History(_)) => "history",
        Some(Overlay::Record(_)) => "record",
        Some(Overlay::Review(_)) => "review",
        Some(Overlay::Input(_)) => "input",
        Some(_) => return (Line::default(), 0),
        None => app.context(),
    };
    let of = |context: &str| HINTS.iter().find(|(own, _)| *own == context).map_or(&[] as &[&str], |(_, c)| c);
    let own = of(context).iter().map(|command| (context, *command));
    let anywhere = of("anywhere").iter().map(|command| ("anywhere", *command));
    let busy = app.running.is_some().then_some(("anywhere", "cancel"));
    // Help stands last and always: what does not fit is found there.
    let over_panes = app.overlays.is_empty();
    let help = ("anywhere", "help");
    let piece = |context: &str, command: &'static str| {
        let key = short(key_of(context, command, app.is_typing())?);
        Some((text::width(&key) + 1 + text::width(command) + 2, key, command.replace('-', " ")))
    };
    let mut pieces = Vec::new();
    let mut used = 0;
    let reserved = if over_panes { piece(help.0, help.1).map_or(0, |p| p.0) } else { 0 };
    let rest = anywhere.filter(|(_, command)| over_panes && *command != "help");
    for (context, command) in busy.into_iter().chain(own).chain(rest) {
        let Some(piece) = piece(context, command) else { continue };
        if used + piece.0 + reserved > room {
            break;
        }
        used += piece.0;
        pieces.push(piece);
    }
    if reserved > 0 && reserved <= room {
        used += reserved;
        pieces.extend(piece(help.0, help.1));
    }
    let spans = pieces.into_iter().enumerate().flat_map(|(i, (_, key, label))| {
        [
            Span::raw(if i == 0 { "" } else { "  " }),
            Span::styled(key, app.theme.style("ui.hint.key")),
            Span::styled(format!(" {label}"), app.theme.style("ui.hint.text")),
        ]
    });
    (Line::from(spans.collect::<Vec<_>>()), used.saturating_sub(2))
}
