//! The GGUF file format: read as a stream in bounded memory, written for drafts and test models.
//!
//! [`Stream::open`] reads the header (metadata and tensor table), then [`Stream::next_window`] yields every
//! tensor's bytes in file order, a bounded window of whole rows at a time. What the bytes mean is the business
//! of [`Format`], one file a format. A model that was split over several files is one stream too
//! ([`Stream::open_shards`]).

mod error;
mod foreign;
pub mod format;
mod header;
mod metadata;
mod reader;
mod shards;
mod split;
mod stream;
mod value;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use format::Format;
pub use header::{Header, Tensor};
pub use metadata::Metadata;
pub use reader::WINDOW_BYTES;
pub use shards::Shard;
pub use split::{SplitError, shard_name, split_name};
pub use stream::{Stream, Window};
pub use value::{Array, Value};
pub use writer::Writer;
