//! The sizes of the panes: their borders can be dragged, and stay where they were put.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use serde::{Deserialize, Serialize};

use crate::tui::app::App;
use crate::tui::layout::{Pane, Screen};

/// Sizes that were chosen, borders included; the others follow from the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::tui) struct Sizes {
    /// Columns of the tree.
    pub(in crate::tui) tree: Option<u16>,
    /// Lines of the editor.
    pub(in crate::tui) editor: Option<u16>,
    /// Columns of the inspector.
    pub(in crate::tui) inspector: Option<u16>,
}

/// A border between two panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Edge {
    Tree,
    Editor,
    Inspector,
}

/// The border at a place of the screen. The lower pane's border holds its tabs: only blanks drag.
fn edge_at(screen: &Screen, column: u16, row: u16) -> Option<Edge> {
    let is_column = |pane: Pane, right: bool| {
        screen.pane(pane).is_some_and(|r| {
            let x = if right { r.right().saturating_sub(1) } else { r.x };
            column == x && row > r.y && row + 1 < r.bottom()
        })
    };
    let beside = screen.editor.is_some();
    if beside && is_column(Pane::Tree, true) {
        return Some(Edge::Tree);
    }
    if beside && screen.inspector.is_some() && is_column(Pane::Inspector, false) {
        return Some(Edge::Inspector);
    }
    let lower = screen.lower.filter(|_| beside)?;
    (row == lower.y && column > lower.x && column + 1 < lower.right()).then_some(Edge::Editor)
}

/// A press on a border, or a drag of one; whether the mouse is busy with that.
pub(in crate::tui) fn mouse(app: &mut App, mouse: &MouseEvent) -> bool {
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => {
            app.work.drag = edge_at(&app.screen, mouse.column, mouse.row);
            // A click goes to the tabs all the same.
            app.work.drag.is_some_and(|edge| edge != Edge::Editor)
        }
        MouseEventKind::Drag(MouseButton::Left) => {
            let Some(edge) = app.work.drag else { return false };
            let (width, height) = app.size;
            let sizes = &mut app.work.sizes;
            match edge {
                Edge::Tree => sizes.tree = Some(mouse.column + 1),
                Edge::Editor => sizes.editor = Some((mouse.row + 1).min(height)),
                Edge::Inspector => sizes.inspector = Some(width.saturating_sub(mouse.column)),
            }
            true
        }
        MouseEventKind::Up(MouseButton::Left) => app.work.drag.take().is_some(),
        _ => false,
    }
}
