//! The results of the last script, one of them on the screen.
//!
//! The results of a new script take the place of the old ones, except where edits are staged: those
//! stay until they are committed or dropped.

use crate::bus::CursorId;

use super::Grid;

/// Results kept at the same time; the engine holds the rows of each.
pub(in crate::tui) const MAX_RESULTS: usize = 24;

/// Results in the order of their statements.
#[derive(Debug, Default)]
pub(in crate::tui) struct Results {
    list: Vec<Grid>,
    active: usize,
}

impl Results {
    /// The result on the screen.
    pub(in crate::tui) fn active(&self) -> Option<&Grid> {
        self.list.get(self.active)
    }

    /// The result on the screen.
    pub(in crate::tui) fn active_mut(&mut self) -> Option<&mut Grid> {
        self.list.get_mut(self.active)
    }

    /// The place of the one on the screen, from 1, and how many there are.
    pub(in crate::tui) fn place(&self) -> (usize, usize) {
        (self.active + 1, self.list.len())
    }

    /// The result that a cursor belongs to, as itself or as a view.
    pub(in crate::tui) fn of_mut(&mut self, cursor: CursorId) -> Option<&mut Grid> {
        self.list.iter_mut().find(|grid| grid.cursors().contains(&cursor))
    }

    /// The result of that name.
    pub(in crate::tui) fn result_mut(&mut self, result: CursorId) -> Option<&mut Grid> {
        self.list.iter_mut().find(|grid| grid.result == result)
    }

    /// Adds a result; the first of a script comes on the screen. Returns the one there is no more room
    /// for.
    pub(in crate::tui) fn push(&mut self, grid: Grid, first: bool) -> Option<Grid> {
        self.list.push(grid);
        if first {
            self.active = self.list.len() - 1;
        }
        if self.list.len() <= MAX_RESULTS {
            return None;
        }
        // Neither the one on the screen nor one with staged edits goes.
        let active = self.active;
        let gone =
            (self.list.iter().enumerate()).position(|(n, grid)| n != active && grid.staged.is_empty())?;
        if gone < self.active {
            self.active -= 1;
        }
        Some(self.list.remove(gone))
    }

    /// Puts a result in the place of another one. Returns that, or the new one where it is not there.
    pub(in crate::tui) fn replace(&mut self, result: CursorId, grid: Grid) -> Result<Grid, Box<Grid>> {
        match self.list.iter_mut().find(|own| own.result == result) {
            Some(own) => Ok(std::mem::replace(own, grid)),
            None => Err(Box::new(grid)),
        }
    }

    /// Takes the results away for which nothing is staged.
    pub(in crate::tui) fn clear(&mut self) -> Vec<Grid> {
        let (staged, gone) = std::mem::take(&mut self.list).into_iter().partition(|g| !g.staged.is_empty());
        self.list = staged;
        self.active = self.list.len().saturating_sub(1);
        gone
    }

    /// Turns to the next or previous result; false at the end.
    pub(in crate::tui) fn turn(&mut self, forwards: bool) -> bool {
        let next = if forwards { self.active.checked_add(1) } else { self.active.checked_sub(1) };
        match next.filter(|n| *n < self.list.len()) {
            Some(next) => {
                self.active = next;
                true
            }
            None => false,
        }
    }

    /// Turns to the first or last result.
    pub(in crate::tui) fn turn_to(&mut self, last: bool) {
        self.active = if last { self.list.len().saturating_sub(1) } else { 0 };
    }

    /// Edits staged in all results.
    pub(in crate::tui) fn staged(&self) -> usize {
        self.list.iter().map(|grid| grid.staged.len()).sum()
    }

    pub(in crate::tui) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Grid> {
        self.list.iter_mut()
    }
}
