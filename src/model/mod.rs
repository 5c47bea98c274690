//! What the data is: values, nodes, edges, ids, schema, errors, configuration, clock.
//!
//! The lowest floor of the house: every other module speaks in these types. Nothing here reads a
//! file, the environment or the time of day on its own; what needs the time or randomness takes a
//! [`Clock`] or an [`IdGenerator`], so that tests are deterministic.

mod cancel;
mod clock;
mod config;
mod error;
mod id;
mod json;
mod json_text;
mod property_graph;
mod record;
mod schema;
pub mod sqlstate;
mod text;
mod value;

pub use cancel::CancelToken;
pub use clock::{Clock, FixedClock, SystemClock};
pub use config::{
    CacheConfig, Compression, CompressionConfig, Config, FORMAT_VERSION, QueryConfig, SyncMode, WalConfig,
};
pub use error::{Error, ErrorKind, Place, Result, Span};
pub use id::{EdgeId, IdGenerator, NodeId, PropertyId, RowId, TypeId};
pub use json::parse_json;
pub use json_text::{JsonFault, JsonText};
pub use property_graph::{GraphDef, GraphElement, GraphLabel, GraphProperty};
pub use record::{Direction, Edge, Node, Properties};
pub use schema::{
    CheckDef, EdgeEnds, IndexDef, IndexOrigin, MAX_INDEX_COLUMNS, PropertyDef, PropertyType, ReferenceAction,
    ReferenceDef, TypeDef, TypeKind, ViewDef,
};
pub(crate) use text::preview;
pub use text::{
    escape_control, format_date, format_interval, format_time, format_timestamp, parse_date, parse_time,
    parse_timestamp,
};
pub use value::{Decimal, Interval, MAX_NESTING, Value};
