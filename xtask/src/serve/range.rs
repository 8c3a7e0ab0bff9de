//! The `Range` header (RFC 9110, section 14.2): one range of bytes; more than one is answered with the whole file.

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// Everything: no range, or one that a server may ignore.
    Whole,
    /// Bytes `first` to `last`, both included.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// Nothing of the file.
    Unsatisfiable,
}

impl Range {
    /// Reads the value of a `Range` header on a file of `total` bytes.
    pub fn parse(value: Option<&str>, total: u64) -> Self {
        let Some(spec) = value.and_then(|v| v.trim().strip_prefix("bytes=")) else { return Self::Whole };
        let Some((first, last)) = spec.trim().split_once('-') else { return Self::Whole };
        match (number(first), number(last)) {
            (Ok(Some(first)), Ok(last)) if last.is_none_or(|last| first <= last) => {
                if first >= total {
                    return Self::Unsatisfiable;
                }
                Self::Part { first, last: last.unwrap_or(u64::MAX).min(total - 1) }
            }
            // The last so many bytes.
            (Ok(None), Ok(Some(count))) => {
                if count == 0 || total == 0 {
                    return Self::Unsatisfiable;
                }
                Self::Part { first: total.saturating_sub(count), last: total - 1 }
            }
            _ => Self::Whole,
        }
    }
}

/// Digits, or nothing.
fn number(text: &str) -> Result<Option<u64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(());
    }
    text.parse().map(Some).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::Range::{self, Part, Unsatisfiable, Whole};

    #[test]
    fn ranges_of_a_file_of_100_bytes() {
        let cases = [
            (None, Whole),
            (Some("bytes=0-"), Part { first: 0, last: 99 }),
            (Some("bytes=0-0"), Part { first: 0, last: 0 }),
            (Some("bytes=90-99"), Part { first: 90, last: 99 }),
            (Some("bytes=90-1000"), Part { first: 90, last: 99 }),
            (Some("bytes=-10"), Part { first: 90, last: 99 }),
            (Some("bytes=-1000"), Part { first: 0, last: 99 }),
            (Some("bytes=-0"), Unsatisfiable),
            (Some("bytes=100-"), Unsatisfiable),
            (Some("bytes=20-10"), Whole),
            (Some("bytes=0-1,5-6"), Whole),
            (Some("bytes=-"), Whole),
            (Some("bytes=+1-2"), Whole),
            (Some("bytes=x-"), Whole),
            (Some("lines=1-2"), Whole),
            (Some("bytes=99999999999999999999-"), Whole),
        ];
        for (value, want) in cases {
            assert_eq!(Range::parse(value, 100), want, "{value:?}");
        }
    }

    #[test]
    fn an_empty_file_has_no_part() {
        assert_eq!(Range::parse(None, 0), Whole);
        assert_eq!(Range::parse(Some("bytes=0-"), 0), Unsatisfiable);
        assert_eq!(Range::parse(Some("bytes=-5"), 0), Unsatisfiable);
    }
}
