//! Each algorithm against a simple one that shares nothing with it, on random small graphs with loops,
//! parallel edges, holes and parts; with one thread and with two.

mod counts;
mod groups;
mod naive;
mod paths;
mod ranks;
mod stops;

use crate::graph::csr::tests::Sample;
use crate::graph::csr::{Adjacency, Csr, Directions, Live};
use crate::model::CancelToken;

use super::Run;

/// Runs the test with both directions of the sample and with one thread, then with two; the results must
/// be equal.
fn both<R: PartialEq + std::fmt::Debug>(
    sample: &Sample,
    test: impl Fn(Directions<'_, Live<'_, Adjacency>>, Run<'_>) -> R,
) -> R {
    let csr: Csr = sample.csr();
    let out = Live::with_holes(&csr.out, &sample.live);
    let incoming = Live::with_holes(&csr.incoming, &sample.live);
    let cancel = CancelToken::new();
    let graph = Directions::new(&out, &incoming);
    let one = test(graph, Run::new(&cancel));
    let two = test(graph, Run::new(&cancel).with_threads(2));
    assert_eq!(one, two, "with one thread and with two");
    // Without slices: the same sub-graph by a filter.
    let out = Live::new(&csr.out, &sample.live);
    let incoming = Live::new(&csr.incoming, &sample.live);
    let filtered = test(Directions::new(&out, &incoming), Run::new(&cancel));
    assert_eq!(one, filtered, "with slices and without");
    one
}
