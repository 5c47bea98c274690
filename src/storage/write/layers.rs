//! How a frame's layers are kept few.
//!
//! A new layer goes into the one below it, unless some view still reads that one. Then it is laid on
//! top, and layers of like size are put together, so that each is more than twice as large as the
//! next: a transaction of n statements has at most log n layers, and each entry is copied at most
//! log n times, whatever views are held meanwhile.
//!
//! Must never: change a layer that anybody else holds.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::storage::merge::Layer;

/// What an entry takes in memory, roughly: two vectors in a node of a B-tree and their bytes.
pub(super) fn entry_bytes(key: &[u8], value: Option<&[u8]>) -> u64 {
    const ENTRY_BYTES: u64 = 64;
    ENTRY_BYTES + key.len() as u64 + value.map_or(0, |v| v.len() as u64)
}

/// Lays a layer over others. Returns the memory of the entries it replaced.
pub(super) fn lay(layers: &mut Vec<Arc<Layer>>, layer: Arc<Layer>) -> u64 {
    if layer.is_empty() {
        return 0;
    }
    let layer = match (layers.last_mut().and_then(Arc::get_mut), Arc::try_unwrap(layer)) {
        (Some(below), Ok(own)) => return put_over(below, own),
        (None, Ok(own)) => Arc::new(own),
        (_, Err(shared)) => shared,
    };
    layers.push(layer);
    let mut freed = 0;
    while let [.., below, above] = layers.as_slice()
        && entries(below) <= 2 * entries(above)
    {
        let (Some(above), Some(below)) = (layers.pop(), layers.pop()) else { break };
        let mut both = Arc::unwrap_or_clone(below);
        freed += put_over(&mut both, Arc::unwrap_or_clone(above));
        layers.push(Arc::new(both));
    }
    freed
}

fn entries(layer: &Layer) -> usize {
    layer.tables.iter().map(std::collections::BTreeMap::len).sum()
}

/// Puts the entries of the upper layer over those of the lower one. The fewer ones are moved.
fn put_over(below: &mut Layer, above: Layer) -> u64 {
    let mut freed = 0;
    for (below, mut above) in below.tables.iter_mut().zip(above.tables) {
        if above.len() > below.len() {
            std::mem::swap(below, &mut above);
            for (key, older) in above {
                match below.entry(key) {
                    Entry::Vacant(free) => drop(free.insert(older)),
                    Entry::Occupied(newer) => freed += entry_bytes(newer.key(), older.as_deref()),
                }
            }
        } else {
            for (key, newer) in above {
                let bytes = key.len();
                if let Some(older) = below.insert(key, newer) {
                    freed += entry_bytes(&[], older.as_deref()) + bytes as u64;
                }
            }
        }
    }
    freed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::backend::Table;

    fn layer(numbers: std::ops::Range<u32>, value: u8) -> Arc<Layer> {
        let mut layer = Layer::default();
        for n in numbers {
            layer.table_mut(Table::Nodes).insert(n.to_be_bytes().to_vec(), Some(vec![value]));
        }
        Arc::new(layer)
    }

    fn read(layers: &[Arc<Layer>], number: u32) -> Option<u8> {
        let key = number.to_be_bytes();
        let found = layers.iter().rev().find_map(|layer| layer.table(Table::Nodes).get(key.as_slice()));
        found.cloned().flatten().map(|value| value[0])
    }

    #[test]
    fn one_layer_is_enough_while_nobody_reads() {
        let mut layers = Vec::new();
        for n in 0..1000 {
            lay(&mut layers, layer(n..n + 1, 1));
        }
        assert_eq!((layers.len(), entries(&layers[0])), (1, 1000));
        assert_eq!(lay(&mut layers, layer(5..7, 2)), 2 * entry_bytes(&[0; 4], Some(&[1])));
        assert_eq!((read(&layers, 4), read(&layers, 5), read(&layers, 7)), (Some(1), Some(2), Some(1)));
    }

    #[test]
    fn what_is_read_stays_as_it_is_and_the_layers_stay_few() {
        let mut layers = Vec::new();
        let mut readers: Vec<Vec<Arc<Layer>>> = Vec::new();
        for n in 0..500u32 {
            lay(&mut layers, layer(n / 2..n / 2 + 1, (n % 251) as u8));
            readers.push(layers.clone());
            assert!(layers.len() <= 10, "{}", layers.len());
        }
        for (n, held) in (0u32..).zip(&readers) {
            assert_eq!(read(held, n / 2), Some((n % 251) as u8));
            assert_eq!(read(held, n / 2 + 1), None);
        }
    }

    #[test]
    fn the_newer_entry_wins_whichever_layer_is_larger() {
        for (below, above) in [(0..100, 50..51), (50..51, 0..100)] {
            let mut layers = vec![layer(below, 1)];
            assert_eq!(lay(&mut layers, layer(above, 2)), entry_bytes(&[0; 4], Some(&[1])));
            assert_eq!((layers.len(), read(&layers, 50)), (1, Some(2)));
            assert_eq!(entries(&layers[0]), 100);
        }
    }
}
