//! What happens, taken into the state: pure, without I/O and without a clock.

use std::time::Duration;

use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::{Position, Rect};

use super::admin;
use super::answers;
use super::app::{App, Effect, Event, Level, RunKind, Tab};
use super::commands;
use super::editor::EditorOutcome;
use super::export;
use super::grid::actions;
use super::keymap::{Found, Key};
use super::layout::{Pane, inner};
use super::overlay::{Consent, Overlay};
use super::preview;
use super::workspace;

/// Takes an event in and says what to do. `now` is the time since the start.
pub fn update(app: &mut App, event: Event, now: Duration) -> Vec<Effect> {
    app.now = now;
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => {}
        Event::Key(key) => {
            app.notice = None;
            if app.overlays.is_empty() { pane_key(app, key) } else { overlay_key(app, key) }
        }
        Event::Paste(text) => paste(app, &text),
        Event::Mouse(mouse) => on_mouse(app, mouse),
        Event::Resize(columns, rows) => app.size = (columns, rows),
        Event::Answer(ticket, body) => answers::answer(app, ticket, body),
        Event::Note(Ok(text)) => app.note(Level::Ok, &text),
        Event::Note(Err(error)) => app.error("", &error),
        Event::Tick => admin::tick(app),
        Event::Edited(text) => workspace::edited(app, text),
    }
    app.arrange();
    app.fetch_missing();
    workspace::restore::look(app);
    std::mem::take(&mut app.outbox)
}

fn pane_key(app: &mut App, event: KeyEvent) {
    let key = Key::of(&event);
    if workspace::completion::key(app, &event) {
        return;
    }
    // The keys of a sequence that has begun are not the editor's.
    let editing = app.admin.is_none() && app.focus == Pane::Editor && app.keys.is_empty();
    if editing && editor_key(app, event, key) {
        return;
    }
    // While edge types are chosen, keys are for that choice.
    if app.context() == "graph"
        && let Some(outcome) = app.graph.key(event)
    {
        return app.graph_outcome(outcome);
    }
    let Some(key) = key else { return };
    // A number that repeats the next movement: `'` and digits.
    if let (Some(count), Some(digit)) = (app.count, key.digit())
        && app.keys.is_empty()
    {
        app.count = Some(count.saturating_mul(10).saturating_add(digit).min(1_000_000_000));
        return;
    }
    app.keys.push(key);
    match app.keymap.find(&app.contexts(), &app.keys) {
        Found::Prefix => {}
        Found::Command(name) => {
            app.keys.clear();
            commands::dispatch(app, name, "");
            if name != "count" {
                app.count = None;
            }
        }
        Found::Nothing => {
            let was_sequence = app.keys.len() > 1;
            app.keys.clear();
            app.count = None;
            if !was_sequence && key.is_text() {
                app.note(Level::Info, "no such key here: ? lists those there are");
            }
        }
    }
}

/// Gives a key to the editor; false when it is for the registry.
fn editor_key(app: &mut App, event: KeyEvent, key: Option<Key>) -> bool {
    if let Some(key) = key {
        // These work while text is typed too; others the editor may know better.
        let found = app.keymap.find(&app.contexts(), &[key]);
        let first = match found {
            Found::Command("palette" | "cancel") => true,
            // Digits are the counts of vim.
            Found::Command(_) => key.is_text() && !app.editor.takes_text() && key.digit().is_none(),
            _ => false,
        };
        if first {
            return false;
        }
    }
    let outcome = app.editor.key(event);
    if let Some(text) = app.editor.take_copied() {
        app.outbox.push(Effect::Copy(text));
    }
    match outcome {
        EditorOutcome::Ignored => false,
        EditorOutcome::Changed => {
            workspace::completion::after_key(app, &event);
            true
        }
        EditorOutcome::Command(name) => {
            commands::dispatch(app, name, "");
            true
        }
        EditorOutcome::Run(request) => {
            workspace::guard::run(app, request.sql, Some(request.offset), RunKind::Script);
            true
        }
        EditorOutcome::RunAll => {
            commands::dispatch(app, "run-all", "");
            true
        }
        EditorOutcome::Leave => {
            app.work.popup = None;
            app.focus = Pane::Lower;
            true
        }
    }
}

fn paste(app: &mut App, text: &str) {
    match app.overlays.last_mut() {
        Some(Overlay::Prompt(prompt)) => prompt.text.extend(text.chars().filter(|c| !c.is_control())),
        Some(Overlay::Input(input)) => {
            // A cell takes lines, every other line of input is one.
            let whole = input.is_cell();
            let text: String = text.chars().filter(|c| !c.is_control() || (whole && *c == '\n')).collect();
            input.insert(&text);
            actions::typed(app);
        }
        Some(Overlay::List(list)) => text.chars().filter(|c| !c.is_control()).for_each(|c| list.type_char(c)),
        Some(Overlay::History(_)) => {
            workspace::history::filter(app, |filter| filter.extend(text.chars().filter(|c| !c.is_control())));
        }
        Some(Overlay::Ask(ask)) => ask.paste(text),
        Some(_) => {}
        None if app.admin.is_some() => {}
        None if app.focus == Pane::Editor => app.editor.paste(text),
        None => {
            // Pasted text is SQL for the editor, never keys.
            app.focus = Pane::Editor;
            app.editor.paste(text);
        }
    }
}

fn overlay_key(app: &mut App, event: KeyEvent) {
    let Some(key) = Key::of(&event) else { return };
    let (context, typed) = match app.overlays.last() {
        Some(Overlay::Prompt(_)) => return prompt_key(app, event),
        Some(Overlay::Question(_)) => return question_key(app, event),
        Some(Overlay::Ask(_)) => return workspace::ask::key(app, &event),
        Some(Overlay::Input(_)) => return input_key(app, event),
        Some(Overlay::Cell(_)) => ("cell", None),
        Some(Overlay::Record(_)) => ("record", None),
        Some(Overlay::Review(_)) => ("review", None),
        Some(Overlay::History(_)) => ("history", typed_char(&event)),
        Some(Overlay::List(_)) => ("list", typed_char(&event)),
        None => return,
    };
    if let Some(Overlay::List(list)) = app.overlays.last_mut() {
        if let Some(c) = typed {
            list.type_char(c);
            return preview::show(app);
        }
        if event.code == KeyCode::Backspace {
            list.erase();
            return preview::show(app);
        }
    }
    if let Some(Overlay::History(_)) = app.overlays.last() {
        if let Some(c) = typed {
            return workspace::history::filter(app, |filter| filter.push(c));
        }
        if event.code == KeyCode::Backspace {
            return workspace::history::filter(app, |filter| {
                filter.pop();
            });
        }
    }
    app.keys.push(key);
    match app.keymap.find(&[context], &app.keys) {
        Found::Prefix => {}
        Found::Command(name) => {
            app.keys.clear();
            commands::in_overlay(app, name);
        }
        Found::Nothing => app.keys.clear(),
    }
}

fn typed_char(event: &KeyEvent) -> Option<char> {
    match event.code {
        KeyCode::Char(c) if Key::of(event).is_some_and(Key::is_text) => Some(c),
        _ => None,
    }
}

fn prompt_key(app: &mut App, event: KeyEvent) {
    let is = |text: &str| Key::of(&event) == Key::parse(text);
    let Some(Overlay::Prompt(prompt)) = app.overlays.last_mut() else { return };
    if let Some(c) = typed_char(&event) {
        prompt.text.push(c);
    } else if event.code == KeyCode::Backspace {
        if prompt.text.pop().is_none() {
            app.overlays.pop();
        }
    } else if event.code == KeyCode::Tab {
        prompt.complete();
    } else if is("Ctrl-U") {
        prompt.text.clear();
    } else if is("Esc") || is("Ctrl-C") {
        app.overlays.pop();
    } else if event.code == KeyCode::Enter {
        let line = std::mem::take(&mut prompt.text);
        app.overlays.pop();
        commands::run_line(app, &line);
    }
}

fn input_key(app: &mut App, event: KeyEvent) {
    let Some(key) = Key::of(&event) else { return };
    if let Found::Command(name) = app.keymap.find(&["input"], &[key]) {
        return commands::in_overlay(app, name);
    }
    let is = |text: &str| Key::parse(text) == Some(key);
    let Some(Overlay::Input(input)) = app.overlays.last_mut() else { return };
    let before = input.text.clone();
    match event.code {
        _ if is("Ctrl-U") => input.erase(),
        _ if is("Ctrl-W") => input.erase_word(),
        _ if is("Ctrl-A") => input.go_to(false),
        _ if is("Ctrl-E") => input.go_to(true),
        KeyCode::Backspace if !input.backspace() && input.text.is_empty() => {
            return if input.is_cell() {
                input.null = false;
            } else {
                actions::give_up(app);
            };
        }
        KeyCode::Delete => input.delete(),
        KeyCode::Left => input.left(),
        KeyCode::Right => input.right(),
        KeyCode::Home => input.go_to(false),
        KeyCode::End => input.go_to(true),
        KeyCode::Char(c) if key.is_text() => input.insert(c.encode_utf8(&mut [0; 4])),
        _ => {}
    }
    if input.text != before {
        actions::typed(app);
    }
}

fn question_key(app: &mut App, event: KeyEvent) {
    let Some(Overlay::Question(question)) = app.overlays.last() else { return };
    let (consent, no_quits) = (question.consent, question.no_quits);
    match event.code {
        KeyCode::Char('y' | 'Y') | KeyCode::Enter if consent.is_some() => {
            app.overlays.pop();
            match consent {
                Some(Consent::Create) => app.open(true),
                Some(Consent::Quit) => app.outbox.push(Effect::Quit),
                Some(Consent::Replace) => export::replace_file(app),
                None => {}
            }
        }
        KeyCode::Char('n' | 'N' | 'q' | 'c') | KeyCode::Esc | KeyCode::Enter => {
            app.overlays.pop();
            if no_quits {
                app.outbox.push(Effect::Quit);
            }
        }
        _ => {}
    }
}

fn on_mouse(app: &mut App, mouse: MouseEvent) {
    let at = Position::new(mouse.column, mouse.row);
    if app.overlays.is_empty() {
        let pressed = matches!(mouse.kind, MouseEventKind::Down(MouseButton::Left));
        if pressed && workspace::completion::click(app, at.x, at.y) {
            return;
        }
        if workspace::split::mouse(app, &mouse) {
            return;
        }
    }
    match mouse.kind {
        MouseEventKind::Drag(MouseButton::Left) => return drag(app, at),
        MouseEventKind::Up(MouseButton::Left) => app.dragged = None,
        MouseEventKind::ScrollLeft => return wheel_sideways(app, -1),
        MouseEventKind::ScrollRight => return wheel_sideways(app, 1),
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp
            if mouse.modifiers.contains(KeyModifiers::SHIFT) =>
        {
            return wheel_sideways(app, if mouse.kind == MouseEventKind::ScrollDown { 1 } else { -1 });
        }
        _ => {}
    }
    let lines = match mouse.kind {
        MouseEventKind::ScrollDown => 3,
        MouseEventKind::ScrollUp => -3,
        MouseEventKind::Down(MouseButton::Left) => 0,
        _ => return,
    };
    if let Some(overlay) = app.overlays.last_mut() {
        match overlay {
            Overlay::Cell(view) => view.move_by(lines),
            Overlay::List(list) => {
                list.move_by(lines.signum());
                preview::show(app);
            }
            Overlay::History(list) => list.move_by(lines.signum()),
            Overlay::Review(review) => review.move_by(lines.signum()),
            Overlay::Record(_) if lines != 0 => {
                commands::in_overlay(app, if lines > 0 { "down" } else { "up" });
            }
            Overlay::Prompt(_)
            | Overlay::Question(_)
            | Overlay::Input(_)
            | Overlay::Record(_)
            | Overlay::Ask(_) => {}
        }
        return;
    }
    if app.admin.is_some() {
        return admin_mouse(app, at, lines);
    }
    let Some((pane, rect)) = app.screen.panes().filter(|(_, r)| r.contains(at)).last() else { return };
    if lines == 0 {
        app.notice = None;
        app.focus = pane;
        click(app, pane, rect, at);
    } else {
        wheel(app, pane, lines);
    }
}

fn admin_mouse(app: &mut App, at: Position, lines: i64) {
    let inside = inner(super::view::admin_area(app.size));
    if lines == 0
        && at.y == 0
        && let Some(kind) = super::view::admin_at(at.x)
    {
        return admin::open(app, kind);
    }
    let Some(admin) = &mut app.admin else { return };
    if lines != 0 {
        admin.move_by(lines);
    } else if inside.contains(at)
        && let Some(line) = (at.y - inside.y).checked_sub(admin.graphs(inside.height))
    {
        admin.click(usize::from(line));
    }
}

fn wheel(app: &mut App, pane: Pane, lines: i64) {
    match (pane, app.tab) {
        (Pane::Tree, _) => app.tree.move_by(lines),
        (Pane::Inspector, _) => app.inspector.wheel(lines),
        (Pane::Lower, Tab::Results) => {
            if let Some(grid) = app.results.active_mut() {
                grid.wheel(lines);
            }
        }
        (Pane::Lower, Tab::Plan) => app.plan.move_by(lines),
        (Pane::Lower, Tab::Messages) => app.messages.move_by(lines),
        (Pane::Lower, Tab::Graph) => {
            let action = if lines > 0 { "down" } else { "up" };
            commands::graph_action(app, action);
        }
        (Pane::Editor, _) => app.editor.scroll(isize::try_from(lines).unwrap_or(0)),
    }
}

fn click(app: &mut App, pane: Pane, rect: Rect, at: Position) {
    let inside = inner(rect);
    let line = at.y.saturating_sub(inside.y);
    let on_border = !inside.contains(at);
    match pane {
        Pane::Editor if at.y == rect.y => workspace::tabs::click(app, rect, at.x),
        Pane::Lower if at.y == rect.y => {
            if let Some(tab) = super::view::tab_at(app, rect, at.x) {
                app.tab = tab;
            }
        }
        _ if on_border => {}
        Pane::Tree => {
            let row = app.tree.top + usize::from(line);
            if row < app.tree.rows().len() {
                if row == app.tree.cursor {
                    app.tree.toggle();
                }
                app.tree.cursor = row;
            }
        }
        Pane::Editor => app.editor.click(at.x, at.y, inside),
        Pane::Inspector => {
            if let Some(line) = line.checked_sub(2) {
                app.inspector.go_to(app.inspector.top() + u64::from(line));
            }
        }
        Pane::Lower => match app.tab {
            Tab::Graph => {
                let outcome = app.graph.click(at.x, at.y, inside);
                app.graph_outcome(outcome);
            }
            Tab::Results => {
                click_rows(app, inside, at);
            }
            Tab::Plan => app.plan.click(usize::from(line.saturating_sub(1))),
            Tab::Messages => {}
        },
    }
}

/// A click on the rows: on a column's name it sorts, on the line behind a name it takes the edge.
fn click_rows(app: &mut App, inside: Rect, at: Position) {
    let Some(grid) = app.results.active_mut() else { return };
    let state = u16::from(grid.has_state());
    let Some(line) = (at.y - inside.y).checked_sub(state) else { return };
    let x = usize::from(at.x - inside.x);
    let seen = grid.seen();
    if line == 0 {
        let edge = seen.iter().find(|s| x == s.at + s.width || x == s.at + s.width + 1);
        if let Some(edge) = edge {
            app.dragged = Some((edge.column, inside.x.saturating_add(u16::try_from(edge.at).unwrap_or(0))));
            return;
        }
    }
    let Some(column) = seen.iter().rev().find(|s| s.at <= x).map(|s| s.column) else { return };
    match line.checked_sub(2) {
        Some(row) => {
            let row = grid.top + u64::from(row);
            grid.go_to_row(row);
            grid.go_to_column(column);
        }
        None if line == 0 => {
            grid.go_to_column(column);
            commands::dispatch(app, "sort", "");
        }
        None => {}
    }
}

/// Makes the column wider whose edge is dragged.
fn drag(app: &mut App, at: Position) {
    let Some((column, from)) = app.dragged else { return };
    if let Some(grid) = app.results.active_mut() {
        grid.resize(column, usize::from(at.x.saturating_sub(from)).max(3));
    }
}

fn wheel_sideways(app: &mut App, by: i64) {
    match (app.overlays.last_mut(), app.tab) {
        (Some(Overlay::Cell(view)), _) => view.move_sideways(by),
        (Some(_), _) => {}
        (None, Tab::Results) => {
            if let Some(grid) = app.results.active_mut() {
                grid.wheel_columns(by);
            }
        }
        (None, _) => {}
    }
}
