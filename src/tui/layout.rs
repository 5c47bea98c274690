//! Where everything stands: one calculation for drawing, for the mouse, and for what fits.
//!
//! Panes share their borders: neighbours overlap by one cell. Below [`WIDE`] columns the inspector
//! takes the place of the middle while it has the focus; below [`MEDIUM`] the tree does the same.

use ratatui::layout::Rect;

use super::workspace::split::Sizes;

/// Columns from which tree, middle and inspector stand side by side.
pub(super) const WIDE: u16 = 100;
/// Columns from which the tree stands beside the middle.
pub(super) const MEDIUM: u16 = 64;
/// The smallest screen that is usable.
pub(super) const SMALLEST: (u16, u16) = (40, 10);

/// A pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    Tree,
    Editor,
    /// Results, graph, plan or messages.
    Lower,
    Inspector,
}

/// The rectangles of a screen, borders included; a pane that is not shown has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Screen {
    pub(super) tree: Option<Rect>,
    pub(super) editor: Option<Rect>,
    pub(super) lower: Option<Rect>,
    pub(super) inspector: Option<Rect>,
    pub(super) status: Rect,
    pub(super) too_small: bool,
}

impl Screen {
    pub(super) fn new(
        size: (u16, u16),
        focus: Pane,
        zoom: bool,
        inspector_open: bool,
        sizes: &Sizes,
    ) -> Self {
        let (width, height) = size;
        let mut screen =
            Screen { status: Rect::new(0, height.saturating_sub(1), width, 1), ..Screen::default() };
        if width < SMALLEST.0 || height < SMALLEST.1 {
            screen.too_small = true;
            return screen;
        }
        let all = Rect::new(0, 0, width, height - 1);
        if zoom {
            *screen.pane_mut(focus) = Some(all);
            return screen;
        }
        if width < MEDIUM && focus == Pane::Tree {
            screen.tree = Some(all);
            return screen;
        }
        let mut left = 0;
        if width >= MEDIUM {
            let tree = (width / 5).clamp(24, 32);
            let tree = sizes.tree.unwrap_or(tree).clamp(20, (width / 2).max(20));
            screen.tree = Some(Rect::new(0, 0, tree, all.height));
            left = tree - 1;
        }
        let mut right = width;
        if inspector_open && width >= WIDE {
            let own = (width * 3 / 10).clamp(32, 60);
            let most = width.saturating_sub(left + 24).max(24);
            let own = sizes.inspector.unwrap_or(own).clamp(24.min(most), most);
            screen.inspector = Some(Rect::new(width - own, 0, own, all.height));
            right = width - own + 1;
        }
        let middle = Rect::new(left, 0, right - left, all.height);
        if focus == Pane::Inspector && width < WIDE {
            screen.inspector = Some(middle);
            return screen;
        }
        let editor = match (focus, all.height) {
            (_, ..=13) => 4,
            (Pane::Editor, h) => (h * 2 / 5).clamp(6, 16),
            (_, h) => (h * 3 / 10).clamp(5, 12),
        };
        let editor = match sizes.editor {
            Some(chosen) if all.height > 13 => chosen.clamp(4, all.height - 5),
            _ => editor,
        };
        screen.editor = Some(Rect { height: editor, ..middle });
        screen.lower = Some(Rect { y: editor - 1, height: middle.height - editor + 1, ..middle });
        screen
    }

    pub(super) fn pane(&self, pane: Pane) -> Option<Rect> {
        match pane {
            Pane::Tree => self.tree,
            Pane::Editor => self.editor,
            Pane::Lower => self.lower,
            Pane::Inspector => self.inspector,
        }
    }

    fn pane_mut(&mut self, pane: Pane) -> &mut Option<Rect> {
        match pane {
            Pane::Tree => &mut self.tree,
            Pane::Editor => &mut self.editor,
            Pane::Lower => &mut self.lower,
            Pane::Inspector => &mut self.inspector,
        }
    }

    /// The panes on the screen with their rectangles.
    pub(super) fn panes(&self) -> impl Iterator<Item = (Pane, Rect)> + '_ {
        [Pane::Tree, Pane::Editor, Pane::Lower, Pane::Inspector]
            .into_iter()
            .filter_map(|pane| Some((pane, self.pane(pane)?)))
    }
}

/// What lies within a border.
pub(super) fn inner(rect: Rect) -> Rect {
    Rect::new(
        rect.x.saturating_add(1),
        rect.y.saturating_add(1),
        rect.width.saturating_sub(2),
        rect.height.saturating_sub(2),
    )
}

/// A box in the middle of the screen.
pub(super) fn centered(size: (u16, u16), width: u16, height: u16) -> Rect {
    let width = width.min(size.0);
    let height = height.min(size.1.saturating_sub(1));
    Rect::new((size.0 - width) / 2, (size.1.saturating_sub(1).saturating_sub(height)) / 2, width, height)
}

/// The box of a whole cell of so many lines.
pub(super) fn cell_box(size: (u16, u16), lines: usize) -> Rect {
    let lines = u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2);
    centered(size, (size.0 * 4 / 5).max(40), lines.clamp(5, (size.1 * 4 / 5).max(10)))
}

/// The box of the statements before a commit.
pub(super) fn review_box(size: (u16, u16)) -> Rect {
    centered(size, (size.0 * 9 / 10).max(40), (size.1 * 4 / 5).max(10))
}

/// The box of a list; its first line inside is the filter.
pub(super) fn list_box(size: (u16, u16)) -> Rect {
    centered(size, 90.min(size.0.saturating_sub(4)), (size.1 * 4 / 5).max(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_size_panes_lie_on_the_screen_and_the_focus_is_shown() {
        for width in (40..260).step_by(7) {
            for height in 10..80 {
                for focus in [Pane::Tree, Pane::Editor, Pane::Lower, Pane::Inspector] {
                    let dragged = |n| Sizes { tree: Some(n), editor: Some(n), inspector: Some(n) };
                    for ((zoom, open), sizes) in [
                        ((false, false), Sizes::default()),
                        ((false, true), Sizes::default()),
                        ((true, true), Sizes::default()),
                        ((false, true), dragged(0)),
                        ((false, true), dragged(60)),
                        ((false, true), dragged(u16::MAX)),
                    ] {
                        let open = open || focus == Pane::Inspector;
                        let screen = Screen::new((width, height), focus, zoom, open, &sizes);
                        let all = Rect::new(0, 0, width, height - 1);
                        for (pane, rect) in screen.panes() {
                            assert_eq!(rect.intersection(all), rect, "{pane:?} {rect:?} of {width}x{height}");
                            assert!(
                                rect.width >= 20 && rect.height >= 4,
                                "{pane:?} {rect:?} of {width}x{height}"
                            );
                        }
                        assert!(screen.pane(focus).is_some(), "{focus:?} of {width}x{height}");
                    }
                }
            }
        }
        assert!(Screen::new((39, 24), Pane::Tree, false, false, &Sizes::default()).too_small);
    }
}
