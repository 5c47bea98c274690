//! A file that is only read: what is written to it stays in memory.
//!
//! The B-tree engine notes in its file that it has it open. A database that is opened to be read, or that lies on
//! a disk that cannot be written, must stay as it is.

use std::collections::BTreeMap;
use std::io;

use parking_lot::Mutex;

use super::{BLOCK, BLOCK_BYTES};
use crate::storage::disk::RawFile;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Overlay {
    file: Box<dyn RawFile>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: u64,
    /// Bytes of the file from here on are not looked at any more.
    file_len: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(crate) fn new(file: Box<dyn RawFile>) -> io::Result<Self> {
        let len = file.len()?;
        Ok(Overlay { file, state: Mutex::new(State { len, file_len: len, blocks: BTreeMap::new() }) })
    }

    fn block(&self, state: &State, block: u64) -> io::Result<Vec<u8>> {
        if let Some(content) = state.blocks.get(&block) {
            return Ok(content.clone());
        }
        let mut content = vec![0; BLOCK_BYTES];
        let there = state.file_len.saturating_sub(block * BLOCK).min(BLOCK) as usize;
        if let Some(part) = content.get_mut(..there)
            && there > 0
        {
            self.file.read_at(part, block * BLOCK)?;
        }
        Ok(content)
    }
}

/// The blocks of a range: number, where it starts in the block, where in the range, how many bytes.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let (block, start) = (at / BLOCK, (at % BLOCK) as usize);
        let bytes = (len - done).min(BLOCK_BYTES - start);
        let part = (block, start, done, bytes);
        done += bytes;
        (bytes > 0).then_some(part)
    })
}

impl RawFile for Overlay {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state.lock();
        let end = offset.checked_add(buffer.len() as u64).ok_or(io::ErrorKind::InvalidInput)?;
        if end > state.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if state.blocks.is_empty() && end <= state.file_len {
            return self.file.read_at(buffer, offset);
        }
        for (block, start, at, bytes) in parts(offset, buffer.len()) {
            let content = self.block(&state, block)?;
            if let (Some(target), Some(source)) =
                (buffer.get_mut(at..at + bytes), content.get(start..start + bytes))
            {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        for (block, start, at, bytes) in parts(offset, data.len()) {
            let mut content = self.block(&state, block)?;
            if let (Some(target), Some(source)) =
                (content.get_mut(start..start + bytes), data.get(at..at + bytes))
            {
                target.copy_from_slice(source);
            }
            state.blocks.insert(block, content);
        }
        state.len = state.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        if len < state.len {
            let cut = len.div_ceil(BLOCK);
            let keep = (len % BLOCK) as usize;
            if keep > 0 {
                let mut content = self.block(&state, len / BLOCK)?;
                content.iter_mut().skip(keep).for_each(|byte| *byte = 0);
                state.blocks.insert(len / BLOCK, content);
            }
            state.blocks.retain(|block, _| *block < cut);
            state.file_len = state.file_len.min(len);
        }
        state.len = len;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Seek, Write};

    #[test]
    fn what_is_written_is_read_and_the_file_stays() {
        let mut file: File = tempfile::tempfile().unwrap();
        let original: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
        file.write_all(&original).unwrap();
        let overlay = Overlay::new(Box::new(file.try_clone().unwrap())).unwrap();
        let mut model = original.clone();
        let check = |model: &[u8]| {
            assert_eq!(overlay.len().unwrap(), model.len() as u64);
            let mut all = vec![1; model.len()];
            overlay.read_at(&mut all, 0).unwrap();
            assert_eq!(all, model);
            assert!(overlay.read_at(&mut [0], model.len() as u64).is_err());
        };
        check(&model);
        overlay.write_at(&[7; 5000], 4000).unwrap();
        model[4000..9000].fill(7);
        check(&model);
        overlay.write_at(&[9; 3000], 9500).unwrap();
        model.resize(12_500, 0);
        model[9500..].fill(9);
        check(&model);
        overlay.set_len(4500).unwrap();
        model.truncate(4500);
        check(&model);
        overlay.set_len(9000).unwrap();
        model.resize(9000, 0);
        check(&model);
        let mut after = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut after).unwrap();
        assert_eq!(after, original);
    }
}
